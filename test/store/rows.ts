/** Ledger rows for tests. */
import type { HtlcSet, InvoiceTerms, Lease, Part } from '../../src/receive/ledger/types.js';

export const NODE = `02${'aa'.repeat(32)}`;
export const OTHER_NODE = `03${'bb'.repeat(32)}`;

let counter = 0;

export function newHash(): string {
  return (++counter).toString(16).padStart(8, '0').repeat(8);
}

export function lease(fields: Partial<Lease> = {}): Lease {
  return { nodeId: NODE, owner: 'daemon-1', epoch: 1, expiresAt: 2_000_000_000_000, height: 900_000, ...fields };
}

export function part(paymentHash: string, fields: Partial<Part> = {}): Part {
  return {
    key: { nodeId: NODE, channelId: 987_654_321_012_345n, htlcId: BigInt(++counter) },
    paymentHash,
    setId: `${paymentHash}-set`,
    amountMsat: 1_000_000n,
    incomingAmountMsat: 1_001_000n,
    expiry: 900_144,
    deadline: 900_100,
    presentedEpoch: 1,
    firstSeenAt: 1_800_000_000_000,
    decision: { type: 'none' },
    decidedAt: undefined,
    final: 'none',
    ...fields,
  };
}

export function openSet(paymentHash: string, fields: Partial<HtlcSet> = {}): HtlcSet {
  return {
    id: `${paymentHash}-set`,
    paymentHash,
    paymentSecret: '5e'.repeat(32),
    totalMsat: 1_000_000n,
    state: 'open',
    openedAt: 1_800_000_000_000,
    decidedAt: undefined,
    acceptedAt: undefined,
    reviewAt: 1_800_000_060_000,
    preimage: undefined,
    settledMsat: undefined,
    ...fields,
  };
}

export function settlingSet(paymentHash: string, fields: Partial<HtlcSet> = {}): HtlcSet {
  return openSet(paymentHash, {
    state: 'settling',
    decidedAt: 1_800_000_001_000,
    preimage: '11'.repeat(32),
    settledMsat: 1_000_000n,
    ...fields,
  });
}

export function settledPart(paymentHash: string, fields: Partial<Part> = {}): Part {
  return part(paymentHash, { decision: { type: 'settle' }, decidedAt: 1_800_000_001_000, ...fields });
}

export function terms(paymentHash: string, fields: Partial<InvoiceTerms> = {}): InvoiceTerms {
  return { paymentHash, mode: 'hold', wish: 'none', preimage: undefined, holdMs: 60_000, ...fields };
}
