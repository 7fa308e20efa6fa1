/** A held HTLC in words: who sleeps, until which block, and what happens then. */
import type { BlockHeight, Millis, Msat } from '../../wire/units.js';
import type { HeldHtlc } from './types.js';

export interface HoldView {
  /** Hex. */
  readonly id: string;
  readonly held: HeldHtlc;
  readonly amountMsat: Msat;
  readonly heldAt: Millis;
  /** Block from which it is given up; undefined once it is decided. */
  readonly until?: BlockHeight;
  readonly blocksLeft?: number;
  /** One sentence each. */
  readonly waitsFor: string;
  readonly then: string;
}

/** What a wallet is called, by its number. */
export type NameOf = (client: number) => string;

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** Who is waited for, or how it ended. */
function waitingWords(held: HeldHtlc, nameOf: NameOf): string {
  if (held.isGone) return held.end === 'settled' ? 'it was settled' : 'it was failed';
  const payer = held.payer === undefined ? 'the payer' : nameOf(held.payer);
  switch (held.phase) {
    case 'held': {
      const release = held.rodId ? "the payee's secret for the payment" : "the payee's release";
      const sleeper = held.payee === undefined ? '' : nameOf(held.payee);
      if (held.awaitsRelease && held.awaitsPayee) return `${sleeper} sleeps, and ${release} has not come`;
      return held.awaitsRelease ? `${release} has not come` : `${sleeper} sleeps`;
    }
    case 'resumed':
      return `it went on; its end comes back to ${payer}`;
    case 'failed':
      return `it was given up; ${payer} takes it back`;
  }
}

/** What happens if nothing else does. */
function fateWords(held: HeldHtlc, nameOf: NameOf): string {
  if (held.isGone) return 'nothing more happens';
  const { failAt, htlc } = held;
  const payer = held.payer === undefined ? 'the payer' : nameOf(held.payer);
  switch (held.phase) {
    case 'held':
      return `at block ${failAt} it is failed back to ${payer}`;
    case 'resumed':
    case 'failed':
      return `unless ${payer} is back before block ${htlc.incomingExpiry} the channel is closed`;
  }
}

/** @param height of the node; undefined while it is not known */
export function holdView(held: HeldHtlc, height: BlockHeight | undefined, id: string, nameOf: NameOf): HoldView {
  const isHeld = held.phase === 'held' && !held.isGone;
  const blocksLeft = height === undefined ? undefined : Math.max(0, held.failAt - height);
  const left = blocksLeft === undefined || !isHeld ? '' : `, in ${plural(blocksLeft, 'block')}`;
  return {
    id,
    held,
    amountMsat: held.htlc.incomingAmountMsat,
    heldAt: held.heldAt,
    ...(isHeld && { until: held.failAt }),
    ...(isHeld && blocksLeft !== undefined && { blocksLeft }),
    waitsFor: waitingWords(held, nameOf),
    then: fateWords(held, nameOf) + left,
  };
}
