/** As many parts as the payee can hold: one without MPP, few for small wallets behind a hint, a channel's HTLCs otherwise. */
import { toHex } from '../../../wire/bytes.js';
import type { Modifier } from '../stages.js';

/** What wallets on phones are known to take over one channel. */
const PARTS_PER_HINT = 6;

export const payeeLimits: Modifier = {
  name: 'payee-limits',
  prepare(terms, { knowledge }) {
    if (!terms.supportsMpp) return { ...terms, maxParts: 1 };
    const { nodeId, hints, isBlinded } = terms.payee;
    const isPublic = isBlinded !== true && knowledge.graph.nodeIndex(toHex(nodeId)) !== undefined;
    if (isPublic || hints.length === 0) return terms;
    return { ...terms, maxParts: Math.min(terms.maxParts, PARTS_PER_HINT * hints.length) };
  },
};
