/** Own channels count with what they can really send: parts that their nodes' balances do not show yet are taken off. */
import { satWords } from '../../words.js';
import { withoutHidden } from '../hidden.js';
import type { PaymentPart, PaymentState } from '../payment.js';
import { type Modifier, type Surroundings } from '../stages.js';

export const ownBalances: Modifier = {
  name: 'own-balances',
  prepare(terms, { sources }) {
    const channels = sources.flatMap((source) => source.channels).filter(({ slots }) => slots > 0);
    const spendable = channels.reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n);
    if (sources.length > 0 && spendable >= terms.amountMsat) return terms;
    const message =
      sources.length === 0
        ? 'no own node can send now: check the connections to the nodes'
        : `own channels can send ${satWords(spendable)} together, not ${satWords(terms.amountMsat)}: move liquidity or open a channel`;
    return { kind: 'stop', reason: { code: 'own_balance', message } };
  },
  plan(request, next, { state, surroundings }) {
    return next({ ...request, sources: withoutHidden(request.sources, hiddenParts(state, surroundings)) });
  },
};

/** Parts that a balance read at that time may lack. */
function hiddenParts({ parts }: PaymentState, { balancesReadAt }: Surroundings): PaymentPart[] {
  return parts.filter(
    ({ state, sentAt }) =>
      state === 'planned' || ((state === 'sent' || state === 'unknown') && sentAt! >= balancesReadAt),
  );
}
