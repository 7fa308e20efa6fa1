/** Hints that can be used: cut to their ends, without loops, without what starts at an own node or asks absurd terms. */
import { toHex } from '../../../wire/bytes.js';
import type { PayeeHop } from '../../plan/request.js';
import type { Modifier, Prepared } from '../stages.js';

/** The end of a longer hint leads to the payee as well. */
const MOST_HOPS = 10;
const MOST_HINTS = 20;
const MAX_U32 = 0xffff_ffff;

export const routeHints: Modifier = {
  name: 'route-hints',
  prepare(terms, { sources }) {
    const own = new Set(sources.map(({ nodeId }) => toHex(nodeId)));
    // The introduction node may well be the payee, whom the path hides.
    const payee = terms.payee.isBlinded === true ? '' : toHex(terms.payee.nodeId);
    const hints = terms.payee.hints
      .map((hint) => hint.slice(-MOST_HOPS))
      .filter((hint) => hint.length > 0 && isUsable(hint, own, payee))
      .slice(0, MOST_HINTS);
    if (terms.payee.isBlinded === true && hints.length === 0) return noPath(terms.payee.hints, own);
    return { ...terms, payee: { ...terms.payee, hints } };
  },
};

function noPath(hints: readonly (readonly PayeeHop[])[], own: ReadonlySet<string>): Prepared {
  const isOurs = hints.some(([first]) => first !== undefined && own.has(toHex(first.from)));
  const message = isOurs
    ? 'every blinded path of the payee that can be used starts at an own node, and a node cannot pay into a path that starts at itself: pay from a node elsewhere'
    : 'no blinded path of the payee can be used: ask for a new invoice';
  return { kind: 'stop', reason: { code: 'paths_used_up', message } };
}

function isUsable(hint: readonly PayeeHop[], own: ReadonlySet<string>, payee: string): boolean {
  const nodes = hint.map(({ from }) => toHex(from));
  const hasLoop = new Set([...nodes, payee]).size !== nodes.length + 1;
  return !hasLoop && !nodes.some((node) => own.has(node)) && hint.every(isPossible);
}

function isPossible({ feeBaseMsat, feePpm, cltvDelta }: PayeeHop): boolean {
  return [feeBaseMsat, feePpm, cltvDelta].every((value) => Number.isInteger(value) && value >= 0 && value <= MAX_U32);
}
