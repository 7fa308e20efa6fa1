/** What the rods of an LSP are kept as, and what they ask of the rest of the daemon. */
import type { Messenger } from '../../messages/index.js';
import type { OfflineClient } from '../../offline/clients.js';
import type { Documents } from '../../offline/documents.js';
import type { HeldHtlc } from '../../offline/hold/types.js';
import { ROD_REQUEST_SHAPE, ROD_STATE_SHAPE } from '../../offline/rod/shape.js';
import type { RodRequest, RodState } from '../../offline/rod/types.js';
import type { Clock } from '../../receive/clock.js';
import { maybe, record } from '../../wire/shape.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { HoldClients, HoldWake } from './hold-parts.js';

export interface RodDocument {
  readonly request: RodRequest;
  /** The wallet was away when this had to be told. */
  readonly owed?: RodState;
}

const DOCUMENT = record<RodDocument>({ request: ROD_REQUEST_SHAPE, owed: maybe(ROD_STATE_SHAPE) });

/** @throws {Refusal} for what is no request. */
export function readRodDocument(plain: unknown): RodDocument {
  DOCUMENT(plain, 'rod request');
  return plain as RodDocument;
}

/** What rods need of holding. */
export interface RodHolds {
  release(holdId: Uint8Array): Promise<unknown>;
  cancel(holdId: Uint8Array): Promise<void>;
  read(holdId: Uint8Array): Promise<HeldHtlc | undefined>;
  readonly bestHeight: BlockHeight | undefined;
}

export interface RodServiceOptions {
  readonly documents: Documents<RodDocument>;
  readonly holds: RodHolds;
  readonly clients: HoldClients;
  readonly messenger: Pick<Messenger, 'pathId' | 'pathsToVirtual' | 'handle' | 'send'>;
  /** A direct message to a peer; false if it is not connected. Must not reject. */
  readonly sendToPeer: (peer: NodeId, type: number, payload: Uint8Array) => Promise<boolean>;
  readonly wake?: (client: OfflineClient, wake: HoldWake) => void;
  /** Other processes write too. */
  readonly isShared: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly pollMs?: Millis;
}
