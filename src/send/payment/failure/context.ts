/** What a reaction may look at. */
import type { BlockHeight, Millis, NodeId } from '../../../wire/units.js';
import type { RouteHop } from '../../plan/request.js';
import type { PaymentPart, PaymentState } from '../payment.js';
import type { FailureFields } from '../../../onion/index.js';
import type { UpdateVerifier } from './policy-update.js';
import type { FailureRow } from './table.js';

export interface FailureContext {
  readonly state: PaymentState;
  readonly part: PaymentPart;
  readonly now: Millis;
  readonly height: BlockHeight;
  readonly verifyUpdate?: UpdateVerifier;
}

/** A failure that names a reporter of the route. */
export interface Reported extends FailureContext {
  readonly row: FailureRow;
  readonly reporter: number;
  readonly fields: FailureFields;
}

/** Node at a position of the route: 0 sends, i is at the end of channel i. */
export function nodeAt(part: PaymentPart, position: number): NodeId {
  return position === 0 ? part.source : part.hops[position - 1]!.nodeId;
}

/** The channel that leads away from the reporter. */
export const nextHop = ({ part, reporter }: Reported): RouteHop => part.hops[reporter]!;

export const lastHop = (part: PaymentPart): RouteHop => part.hops.at(-1)!;

export const keyOfHop = ({ scid, direction }: RouteHop): string => `${scid}/${direction}`;

export function timesSeen({ seen }: PaymentState, key: string): number {
  return seen[key]?.times ?? 0;
}

/**
 * The part was planned before this was counted last. It neither counts nor accuses anybody: nobody could have sent it
 * otherwise by then.
 */
export function isOldNews({ state, part }: Pick<FailureContext, 'state' | 'part'>, key: string): boolean {
  return part.id < (state.seen[key]?.parts ?? 0);
}

/** @param parts there are now, those that failed included */
export function counted(seen: PaymentState['seen'], keys: readonly string[], parts: number): PaymentState['seen'] {
  const next = { ...seen };
  for (const key of keys) next[key] = { times: (seen[key]?.times ?? 0) + 1, parts };
  return next;
}
