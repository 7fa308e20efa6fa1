/** Own channels with parts taken off that their nodes' balances do not show yet. */
import { toHex } from '../../wire/bytes.js';
import type { Msat, NodeId } from '../../wire/units.js';
import type { PlannedPart, Source } from '../plan/request.js';

/** A part's first hop, as its own node's balance will show it. */
export type HiddenPart = Pick<PlannedPart, 'source' | 'hops'>;

/** Sources as they are once the hidden parts are taken off. */
export function withoutHidden(sources: readonly Source[], hidden: readonly HiddenPart[]): readonly Source[] {
  if (hidden.length === 0) return sources;
  const uses = new Map<string, { amountMsat: Msat; parts: number }>();
  for (const { source, hops } of hidden) {
    const first = hops[0];
    if (!first) continue;
    const key = keyOf(source, first.scid);
    const before = uses.get(key) ?? { amountMsat: 0n, parts: 0 };
    uses.set(key, { amountMsat: before.amountMsat + first.amountMsat, parts: before.parts + 1 });
  }
  return sources.map((source) => ({
    ...source,
    channels: source.channels.map((channel) => {
      const use = uses.get(keyOf(source.nodeId, channel.scid));
      if (!use) return channel;
      const left = channel.spendableMsat - use.amountMsat;
      return { ...channel, spendableMsat: left > 0n ? left : 0n, slots: Math.max(0, channel.slots - use.parts) };
    }),
  }));
}

/** Two own nodes may have a channel with each other: its id alone does not say whose side. */
const keyOf = (source: NodeId, scid: bigint): string => `${toHex(source)}/${scid}`;
