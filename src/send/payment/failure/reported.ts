/** What a part's failure says, as a node port hands it over. Every field is the network's word. */
import { type BlindedPath, FailureCode, type FailureFields } from '../../../onion/index.js';
import type { Millis } from '../../../wire/units.js';
import type { RouteHop } from '../../plan/request.js';

/** Milliseconds that each node kept the HTLC, from the first one behind the sender; those whose word held. */
type HoldTimes = readonly Millis[];

export type ReportedFailure =
  | {
      readonly kind: 'decoded';
      /** 0 = the sending node, i = the node that opened the i-th layer of the onion: without blinded paths, at the end of channel i. */
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
 * Positions become those of the route: what stands behind the introduction node of a blinded path is the payee.
 */
export function sane(failure: ReportedFailure, hops: readonly RouteHop[]): ReportedFailure {
  if (failure.kind === 'local') return failure;
  const path = hops.at(-1)?.blindedPath;
  return path
    ? outside(plausible(failure, hops.length - 2 + path.hops.length), hops.length, path)
    : plausible(failure, hops.length);
}

/**
 * Nodes inside a path leave it to the introduction node to speak (BOLT 4). One that speaks all the same tells nothing more:
 * it is not known which it is. The payee's own word counts, also where it is the introduction node itself.
 * @param hops channels of the route, the path one of them
 */
function outside(failure: ReportedFailure, hops: number, path: BlindedPath): ReportedFailure {
  if (failure.kind === 'local') return failure;
  const { holdTimes, ...told } = failure;
  const times = holdTimes ? { holdTimes: holdTimes.slice(0, hops - 1) } : {};
  const payee = hops - 2 + path.hops.length;
  if (told.kind === 'unreadable') {
    const { brokenAt } = told;
    return { ...told, ...times, ...(brokenAt === undefined ? {} : { brokenAt: Math.min(brokenAt, hops) }) };
  }
  if (told.reporter === payee) return { ...told, ...times, reporter: hops };
  if (told.reporter < hops) return { ...told, ...times };
  return { ...told, ...times, reporter: hops - 1, code: FailureCode.invalidOnionBlinding };
}

/** @param hops layers of the onion */
function plausible(failure: Exclude<ReportedFailure, { kind: 'local' }>, hops: number): ReportedFailure {
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
