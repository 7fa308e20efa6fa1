/** What the parts of holding share, and what each asks of the rest of the daemon. */
import type { Messenger } from '../../messages/index.js';
import type { OfflineClient } from '../../offline/clients.js';
import type { HeldHtlc } from '../../offline/hold/types.js';
import type { RodRequest } from '../../offline/rod/types.js';
import type { Clock } from '../../receive/clock.js';
import type { InterceptedHtlc, NodePort } from '../../receive/node-port.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { HoldRows } from './hold-rows.js';

/** The wallets, from memory. */
export interface HoldClients {
  /** False: nothing is known of anybody. */
  readonly isLoaded: boolean;
  readonly size: number;
  clientOf(nodeId: NodeId): OfflineClient | undefined;
  clientNumbered(number: number): OfflineClient | undefined;
}

/** Why a wallet is to wake up; methods and parameters of LSPS5. */
export type HoldWake =
  | { readonly method: 'lsps5.payment_incoming' }
  | { readonly method: 'lsps5.expiry_soon'; readonly timeout: BlockHeight }
  | { readonly method: 'manifold.settlement_pending'; readonly deadline: BlockHeight };

/** LightningRod requests as holding sees them. */
export interface RodBook {
  /** From memory. */
  find(
    client: number,
    by: { readonly rodId: Uint8Array } | { readonly paymentHash: Uint8Array },
  ): RodRequest | undefined;
  /** From the store: another process may have taken it. */
  fetch(client: number, rodId: Uint8Array): Promise<RodRequest | undefined>;
  /** What its request wants of a held HTLC now, from memory. `tell`: the request does not know of it yet. */
  wishFor(held: HeldHtlc): 'release' | 'cancel' | 'tell' | undefined;
  /** The HTLC is held, and written. May be repeated. */
  part(held: HeldHtlc): Promise<void>;
  /** It was failed, or its node has told its end. May be repeated. */
  ended(held: HeldHtlc, end: 'settled' | 'failed'): Promise<void>;
}

export type HoldCounter = 'held' | 'resumed' | 'failed' | 'refused' | 'released' | 'released_early' | 'settled';

export interface HoldParts {
  readonly clients: HoldClients;
  readonly rows: HoldRows;
  readonly messenger: Pick<Messenger, 'pathId' | 'pathsToVirtual' | 'handle'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly rods: () => RodBook | undefined;
  /** Not to wait, not to throw. */
  readonly wake: (client: OfflineClient, wake: HoldWake) => void;
  readonly count: (what: HoldCounter) => void;
  /** HTLCs held for a wallet at all nodes of this process, and their sum. */
  readonly usageOf: (client: number) => { readonly held: number; readonly heldMsat: bigint };
  /** Other processes write too. */
  readonly isShared: boolean;
}

export type HoldNode = Pick<NodePort, 'name' | 'channels' | 'intercept'>;

/** HTLC record of the first hop that names a LightningRod request: its id, 32 bytes. */
const ROD_TAG_TYPE = 1_978_231n;

const FLAG_TYPE = 75_537n;

export interface Marks {
  readonly isFlagged: boolean;
  readonly rodId?: Uint8Array;
}

/** What an HTLC's own records ask for. */
export function marksOf({ wireRecords = [] }: Pick<InterceptedHtlc, 'wireRecords'>): Marks {
  const rodId = wireRecords.find(({ type, value }) => type === ROD_TAG_TYPE && value.length === 32)?.value;
  return { isFlagged: wireRecords.some(({ type }) => type === FLAG_TYPE), ...(rodId && { rodId }) };
}

export const isMarked = ({ isFlagged, rodId }: Marks): boolean => isFlagged || rodId !== undefined;

/** When the end of an HTLC is told to its payer who sleeps: it may come back in the meantime. */
export const TELL_PAYER_AFTER_MS: Millis = 10_000;
