/** Random payments to a cluster, honest and not. */
import { sha256 } from '../../src/crypto/index.js';
import type { FakePayer } from '../../src/node/sim/payer.js';
import type { Mistakes, PartPlan, PayableInvoice, PaymentRecord } from '../../src/node/sim/payment.js';
import type { Random } from '../../src/node/sim/random.js';
import {
  type ClusterKeys,
  issuePaymentSecret,
  issuePaymentSecretForHash,
  phantomScid,
} from '../../src/phantom/index.js';
import { toHex } from '../../src/wire/bytes.js';
import type { NodeId } from '../../src/wire/units.js';
import { unwrap } from '../../src/wire/result.js';

/** What an invoice promises, for those who judge. */
export interface InvoiceTruth {
  readonly paymentHash: string;
  /** Least total; undefined: nothing may ever be settled under this hash. */
  readonly leastMsat: bigint | undefined;
  readonly hold: { readonly preimage: string; readonly holdMs: number } | undefined;
}

export interface Issuer {
  readonly keys: ClusterKeys;
  readonly members: readonly NodeId[];
  readonly random: Random;
  /** Seconds. */
  readonly now: () => number;
}

export interface IssuedInvoice {
  readonly truth: InvoiceTruth;
  readonly invoice: PayableInvoice;
}

const HINT_DELTA = 48;

export function issueInvoice({ keys, members, random, now }: Issuer, hold: boolean): IssuedInvoice {
  const amountMsat = random.chance(0.1) ? undefined : BigInt(random.int(2_000, 400_000)) * 10n;
  const minFinalCltv = random.pick([30, 40, 80]);
  const terms = { keys, minAmountMsat: amountMsat, expiryDeltaSeconds: 3600, now: now(), minFinalCltv };
  const preimage = random.bytes(32);
  const issued = hold
    ? unwrap(issuePaymentSecretForHash({ ...terms, paymentHash: sha256(preimage) }))
    : unwrap(issuePaymentSecret({ ...terms, iv: random.bytes(16) }));
  const routeHints = members.map((nodeId) => [
    {
      nodeId,
      shortChannelId: phantomScid(keys, nodeId, random.int(0, 1000)),
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: HINT_DELTA,
    },
  ]);
  return {
    truth: {
      paymentHash: toHex(issued.paymentHash),
      leastMsat: amountMsat ?? 1n,
      hold: hold ? { preimage: toHex(preimage), holdMs: random.pick([5_000, 40_000]) } : undefined,
    },
    invoice: {
      paymentHash: issued.paymentHash,
      paymentSecret: issued.paymentSecret,
      payee: keys.phantomNodeId,
      routeHints: random.shuffle(routeHints),
      minFinalCltvExpiryDelta: minFinalCltv + 3,
      ...(amountMsat !== undefined && { amountMsat }),
    },
  };
}

function splitUp(random: Random, totalMsat: bigint, count: number): bigint[] {
  const parts: bigint[] = [];
  let rest = totalMsat;
  for (let left = count; left > 1; left--) {
    const amount = (rest * BigInt(random.int(20, 60))) / 100n;
    parts.push(amount);
    rest -= amount;
  }
  return [...parts, rest];
}

const U64 = 2n ** 64n - 1n;

function randomMistake(random: Random, amountMsat: bigint, height: number): Mistakes {
  return random.pick<() => Mistakes>([
    () => ({ incomingAmountMsat: amountMsat - 1n }),
    () => ({ incomingAmountMsat: amountMsat / 2n + 1n }),
    () => ({ incomingAmountMsat: amountMsat / 2n + 1n, outerAmountMsat: random.pick([amountMsat, U64, 0n]) }),
    () => ({ outerAmountMsat: amountMsat * 2n, finalAmountMsat: amountMsat * 2n }),
    () => ({ outerExpiry: random.pick([0, 0xffff_ffff, height + 200]) }),
    () => ({ incomingExpiry: height + random.int(22, 60) }),
    () => ({ extraFinalBlocks: -random.int(5, 40) }),
    () => ({ finalAmountMsat: random.pick([0n, U64, amountMsat * 3n]) }),
    () => ({ finalExpiry: random.pick([0, 0xffff_ffff]) }),
    () => ({ totalMsat: random.pick([0n, 1n, amountMsat - 1n, amountMsat * 5n, U64]) }),
    () => ({ paymentSecret: random.bytes(32) }),
    () => ({ withoutPaymentData: true }),
    () => ({ wrongPayee: true }),
    () => ({ garbleByte: random.int(0, 1365) }),
  ])();
}

/** How one payer treats an invoice: a list of payments, mostly one. */
export interface PaymentPlan {
  readonly invoice: PayableInvoice;
  readonly totalMsat: bigint;
  readonly parts: readonly PartPlan[];
  readonly delayMs: number;
  /** Send one of its HTLCs again, this long after. */
  readonly replayMs: number | undefined;
}

export function planPayments(random: Random, invoice: PayableInvoice, height: number): PaymentPlan[] {
  const amountMsat = invoice.amountMsat ?? BigInt(random.int(3_000, 100_000)) * 10n;
  const plans: PaymentPlan[] = [];
  const times = random.chance(0.15) ? 2 : 1;
  for (let i = 0; i < times; i++) {
    const totalMsat = random.chance(0.15) ? amountMsat + (amountMsat * BigInt(random.int(1, 110))) / 100n : amountMsat;
    const count = random.pick([1, 1, 2, 2, 2, 3, 4]);
    const parts = splitUp(random, totalMsat, count).map((amount, part): PartPlan => {
      const mistaken = random.chance(0.12);
      return {
        amountMsat: amount,
        ...(random.chance(0.6) && { hint: part % invoice.routeHints.length }),
        delayMs: random.pick([0, 0, random.int(0, 3_000), random.int(0, 70_000)]),
        ...(random.chance(0.05) && { skip: true }),
        ...(mistaken && { mistakes: randomMistake(random, amount, height) }),
      };
    });
    plans.push({
      invoice,
      totalMsat,
      parts,
      delayMs: i === 0 ? 0 : random.int(0, 60_000),
      replayMs: random.chance(0.15) ? random.int(10, 60_000) : undefined,
    });
  }
  return plans;
}

export interface StartedPayment {
  readonly payer: FakePayer;
  readonly record: PaymentRecord;
  /** The lowest total that one of its parts names. */
  readonly leastTotalMsat: bigint;
}
