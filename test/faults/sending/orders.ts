/** Random things to pay: invoices of payees, some of which hold what they get, and payees that take every part at once. */
import { sha256 } from '../../../src/crypto/index.js';
import type { SimNode } from '../../../src/node/sim/node.js';
import type { Random } from '../../../src/node/sim/random.js';
import type { FinalRecords, PaymentTerms } from '../../../src/send/index.js';
import type { Millis, Msat } from '../../../src/wire/units.js';

export interface Thing {
  readonly payee: SimNode;
  /** Everything but the times. */
  readonly terms: Omit<PaymentTerms, 'startedAt' | 'deadline'>;
  readonly timeoutMs: Millis;
  /** What the merchant does with what he holds, so long after the first payment. */
  readonly merchant: { readonly word: 'settle' | 'cancel'; readonly afterMs: Millis } | undefined;
}

const FINAL_BLOCKS = 20;

export function thingToPay(random: Random, payee: SimNode, height: number): Thing {
  const preimage = random.bytes(32);
  const paymentHash = sha256(preimage);
  const amountMsat = BigInt(random.int(20, 1_500)) * 100_000n;
  const kind = random.pick(['invoice', 'invoice', 'hold', 'greedy'] as const);
  const isKnown = random.chance(0.95);
  const paymentSecret = random.bytes(32);
  const paymentData = { paymentSecret, totalMsat: amountMsat };
  // Whoever knows the preimage takes parts as they come: nothing at the payee's end keeps a second payment out.
  const records: FinalRecords = kind === 'greedy' ? { keysendPreimage: preimage, paymentData } : { paymentData };
  if (kind !== 'greedy' && isKnown)
    payee.till.add({ paymentHash, paymentSecret, preimage, amountMsat, hold: kind === 'hold' });
  return {
    payee,
    terms: termsOf(random, { paymentHash, amountMsat, records, payee, height }),
    timeoutMs: random.int(10, 60) * 1_000,
    merchant:
      kind === 'hold' && isKnown
        ? { word: random.pick(['settle', 'settle', 'cancel']), afterMs: random.int(200, 40_000) }
        : undefined,
  };
}

interface Bare {
  readonly paymentHash: Uint8Array;
  readonly amountMsat: Msat;
  readonly records: FinalRecords;
  readonly payee: SimNode;
  readonly height: number;
}

function termsOf(random: Random, { paymentHash, amountMsat, records, payee }: Bare): Thing['terms'] {
  return {
    paymentHash,
    amountMsat,
    budgetMsat: random.chance(0.1) ? random.pick([0n, 1_000n]) : amountMsat / 50n + 10_000n,
    maxParts: random.pick([1, 4, 8, 8, 16]),
    maxBlocks: random.pick([200, 1_000, 2_016]),
    payee: { nodeId: payee.nodeId, finalCltvDelta: FINAL_BLOCKS, hints: [] },
    supportsMpp: random.chance(0.9),
    records,
    offsetBlocks: 0,
  };
}
