/** Own channels count with what they can really send: parts that their nodes' balances do not show yet are taken off. */
import type { Msat, ShortChannelId } from '../../../wire/units.js';
import type { Source } from '../../plan/request.js';
import type { PaymentState } from '../payment.js';
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
        : `own channels can send ${spendable} msat together, not ${terms.amountMsat} msat: move liquidity or open a channel`;
    return { kind: 'stop', reason: { code: 'own_balance', message } };
  },
  plan(request, next, { state, surroundings }) {
    const sources = request.sources.map((source) => withoutHidden(source, state, surroundings));
    return next({ ...request, sources });
  },
};

function withoutHidden(source: Source, state: PaymentState, surroundings: Surroundings): Source {
  const hidden = hiddenUse(state, surroundings);
  const channels = source.channels.map((channel) => {
    const use = hidden.get(channel.scid);
    if (!use) return channel;
    const left = channel.spendableMsat - use.amountMsat;
    return { ...channel, spendableMsat: left > 0n ? left : 0n, slots: Math.max(0, channel.slots - use.parts) };
  });
  return { ...source, channels };
}

interface Use {
  readonly amountMsat: Msat;
  readonly parts: number;
}

/** Per own channel, parts that a balance read at that time may lack. */
function hiddenUse({ parts }: PaymentState, { balancesReadAt }: Surroundings): Map<ShortChannelId, Use> {
  const use = new Map<ShortChannelId, Use>();
  for (const { state, sentAt, hops } of parts) {
    const isHidden = state === 'planned' || ((state === 'sent' || state === 'unknown') && sentAt! >= balancesReadAt);
    const first = hops[0]!;
    if (!isHidden) continue;
    const before = use.get(first.scid) ?? { amountMsat: 0n, parts: 0 };
    use.set(first.scid, { amountMsat: before.amountMsat + first.amountMsat, parts: before.parts + 1 });
  }
  return use;
}
