/** When the guard acts for a settled part whose final result does not come. Pure; docs/ledger.md has the reasons. */
import type { BlockDelta, BlockHeight, Millis } from '../wire/units.js';
import type { Part } from './ledger/types.js';
import { NO_EPOCH } from './ledger/work.js';

/** A peer that is online lets a settled HTLC become final within seconds. */
export const REGISTER_AFTER_MS = 30_000;
/** While blocks are left a peer that went away gets this long to come back before its channel is closed. */
const CLOSE_AFTER_MS = 600_000;
/** Nearer than this LND fails an HTLC that it shows again before we see it, so an answer may not reach it any more. */
const LAST_CALL_BLOCKS = 22;
const LAST_CALL_AFTER_MS = 60_000;

/** Blocks before a part's expiry at which the guard closes its channel. Below 22 the node may be faster than the guard. */
export const DEFAULT_GUARD_BLOCKS: BlockDelta = 24;

/** The part is promised and still off chain: what the guard is for. On chain the answer on the stream is all it needs. */
export function isAtRisk({ decision, final, presentedEpoch }: Part): boolean {
  return decision.type === 'settle' && final === 'none' && presentedEpoch !== NO_EPOCH;
}

/** `now` is the database's time, as the part's is. */
export function mayRegister({ decidedAt }: Pick<Part, 'decidedAt'>, now: Millis): boolean {
  return decidedAt !== undefined && now - decidedAt >= REGISTER_AFTER_MS;
}

export interface CloseView {
  readonly now: Millis;
  /** By the node's own word. */
  readonly height: BlockHeight;
  /** The stream is open for long enough that peers and HTLCs had time to come back. */
  readonly hasSettledDown: boolean;
  readonly guardBlocks: BlockDelta;
}

/** True when waiting for the peer has become dearer than its channel. */
export function mayClose({ expiry, decidedAt }: Pick<Part, 'expiry' | 'decidedAt'>, view: CloseView): boolean {
  const left = expiry - view.height;
  const age = view.now - (decidedAt ?? view.now);
  if (left > view.guardBlocks) return false;
  return left <= LAST_CALL_BLOCKS ? age >= LAST_CALL_AFTER_MS : view.hasSettledDown && age >= CLOSE_AFTER_MS;
}
