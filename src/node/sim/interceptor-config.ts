/** How the interceptor of a simulated node behaves. */
import { FailureCode } from '../../onion/failure-codes.js';
import type { BlockDelta } from '../../wire/units.js';

export interface InterceptorConfig {
  /** Blocks before the incoming expiry at which the node fails what it holds; undefined: it never does. */
  readonly autoFailBlocks: BlockDelta | undefined;
  /** Codes the node can send in its own name; others become a temporary channel failure. */
  readonly nodeFailureCodes: 'any' | ReadonlySet<number>;
  /**
   * What happens while nobody listens. `fail`: a new HTLC fails, one that may have been shown before is held. `resume`: the
   * node forwards on its own, also what it held when the stream ended.
   */
  readonly withoutSession: 'hold' | 'fail' | 'resume';
  readonly heldSet: HeldSetModel;
  /** How long a dropped stream still counts as open, ms: the node has to notice first. */
  readonly slotLingerMs: number;
}

/**
 * How strict the node is about what it holds.
 *
 * `plain`: an answer for an HTLC that is gone has no effect, one that sits on chain can be settled until the chain decides.
 * `lnd`: such an answer ends the stream, and an HTLC on chain is held no longer than until its expiry.
 * `lnd-before-0.20.2`: also, a refused answer loses the HTLC; its going on chain is not told while it is held, and what was
 * held can then be answered without effect; an HTLC on chain is forgotten with the next block.
 */
export type HeldSetModel = 'plain' | 'lnd' | 'lnd-before-0.20.2';

/** What LND can send in its own name. */
export const LND_FAILURE_CODES: ReadonlySet<number> = new Set([
  FailureCode.temporaryChannelFailure,
  FailureCode.invalidOnionVersion,
  FailureCode.invalidOnionHmac,
  FailureCode.invalidOnionKey,
]);

export const DEFAULT_INTERCEPTOR: InterceptorConfig = {
  autoFailBlocks: 19,
  nodeFailureCodes: LND_FAILURE_CODES,
  withoutSession: 'hold',
  heldSet: 'plain',
  slotLingerMs: 0,
};
