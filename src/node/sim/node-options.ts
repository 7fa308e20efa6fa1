/** What a simulated node is made of, and who hears of what happens at it. */
import type { BlindedPath } from '../../onion/blinded-path.js';
import type { BlockHeight } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import type { Connections } from './connections.js';
import type { Gossip } from './gossip.js';
import type { HoldSupport } from './holding.js';
import type { SimHtlc } from './htlc.js';
import type { InterceptorConfig } from './interceptor-config.js';
import type { AnswerObservation, ChannelChange, Removal } from './types.js';

/** Told what happens at a node, whoever listens to its HTLCs. Must not change the network in the same turn. */
export interface NodeWatcher {
  power?(online: boolean): void;
  height?(height: BlockHeight): void;
  /** The end of an incoming HTLC is irrevocable. */
  final?(htlc: SimHtlc, outcome: 'settled' | 'failed', onChain: boolean): void;
  channel?(channel: SimChannel, change: ChannelChange): void;
}

export interface SimNodeOptions {
  readonly name: string;
  readonly secret: Uint8Array;
  /** With it the node intercepts; without it forwards just happen. */
  readonly interceptor?: InterceptorConfig;
  readonly record: (answer: AnswerObservation) => void;
  readonly gossip: Gossip;
  readonly connections: Connections;
  /** It announced an address, so that others can dial it. */
  readonly hasAddress: boolean;
  /** It is down until {@link SimNode.restart}. */
  readonly startsOffline: boolean;
  readonly holdSupport: HoldSupport;
  /** Its failures carry attribution data. */
  readonly attribution: boolean;
}

/** What comes back for an HTLC that this node originated. */
export type ReturnHandler = (removal: Removal) => void;

/** What a node is told of an HTLC that it originated. */
export interface OwnHtlc {
  readonly returned: ReturnHandler;
  readonly held: (path: BlindedPath) => void;
}
