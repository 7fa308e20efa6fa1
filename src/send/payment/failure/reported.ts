/** What a part's failure says, as a node port hands it over. Every field is the network's word. */
import type { FailureFields } from '../../../onion/index.js';
import type { Millis } from '../../../wire/units.js';

/** Milliseconds that each node kept the HTLC, from the first one behind the sender; those whose word held. */
type HoldTimes = readonly Millis[];

export type ReportedFailure =
  | {
      readonly kind: 'decoded';
      /** 0 = the sending node, i = the node at the end of the i-th channel. */
      readonly reporter: number;
      readonly code: number;
      readonly fields?: FailureFields;
      /** The failure message as it was, where the node shows it. */
      readonly raw?: Uint8Array;
      readonly holdTimes?: HoldTimes;
    }
  /** Nobody can be named by the failure itself. */
  | {
      readonly kind: 'unreadable';
      /** Position of the first node whose attribution data does not hold. */
      readonly brokenAt?: number;
      readonly raw?: Uint8Array;
      readonly holdTimes?: HoldTimes;
    }
  /** The sending node did not let it go. */
  | { readonly kind: 'local'; readonly reason: 'channel_busy' | 'balance' | 'peer_gone' | 'node_refuses' };

/** `never_sent`: it was certain that no node has sent the part. */
export type PartFailure = ReportedFailure | { readonly kind: 'never_sent' };

/**
 * The failure with everything impossible made `unreadable`: a reporter that is not on the route, numbers that are none.
 * @param hops channels of the route
 */
export function sane(failure: ReportedFailure, hops: number): ReportedFailure {
  if (failure.kind === 'local') return failure;
  const { raw } = failure;
  const holdTimes = (failure.holdTimes ?? []).slice(0, hops).map((time) => (time >= 0 && time < Infinity ? time : 0));
  const common = { ...(raw ? { raw } : {}), ...(holdTimes.length > 0 ? { holdTimes } : {}) };
  if (failure.kind === 'decoded') {
    const { reporter, code, fields } = failure;
    const isPossible = isIndex(reporter, hops) && isIndex(code, 0xffff);
    if (!isPossible) return { kind: 'unreadable', ...common };
    return { kind: 'decoded', reporter, code, ...(fields ? { fields } : {}), ...common };
  }
  const { brokenAt } = failure;
  return isIndex(brokenAt, hops) ? { kind: 'unreadable', brokenAt, ...common } : { kind: 'unreadable', ...common };
}

function isIndex(value: number | undefined, most: number): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= most;
}
