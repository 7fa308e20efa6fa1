/** Payers who mean harm. They know how to reach the cluster, and try the same again and again. */
import type { RemotePayRequest } from '../../src/node/sim/remote-wire.js';
import { forwardThroughMember } from '../e2e/forwards.js';
import type { World } from '../e2e/harness.js';
import { payPersistently } from '../e2e/wallet.js';
import { newInvoice, payOnce, purchase } from './world.js';

type HostileRequest = Omit<RemotePayRequest, 'invoice'>;

const U64 = 2n ** 64n - 1n;
const U32 = 2 ** 32 - 1;

/** What the payee's layer of the onion, or the layer of the member before it, says that no honest one does. */
const MALFORMED: readonly HostileRequest[] = [
  { mistakes: { wrongPayee: true } },
  { mistakes: { withoutPaymentData: true } },
  { mistakes: { paymentSecret: new Uint8Array(32).fill(0xaa) } },
  { mistakes: { totalMsat: U64 } },
  { mistakes: { totalMsat: 0n } },
  { mistakes: { finalAmountMsat: U64 } },
  { mistakes: { finalAmountMsat: 0n } },
  { mistakes: { finalExpiry: U32 } },
  { mistakes: { outerAmountMsat: U64 } },
  { mistakes: { outerExpiry: 0 } },
  { mistakes: { outerExpiry: U32 } },
  { mistakes: { incomingAmountMsat: 1_000n } },
  { mistakes: { withoutPaymentData: true, keysendPreimage: new Uint8Array(32).fill(7) } },
];

export interface HostileResult {
  readonly sent: number;
  readonly settled: number;
}

/** Sends malformed payments, so many at a time, until it is told to stop. */
export async function malformedForEver(world: World, lanes: number, signal: AbortSignal): Promise<HostileResult> {
  const result = { sent: 0, settled: 0 };
  const { bolt11 } = await newInvoice(world, { amount_msat: '5000000' });
  const lane = async (first: number): Promise<void> => {
    for (let i = first; !signal.aborted; i++) {
      const request = MALFORMED[i % MALFORMED.length]!;
      const { outcome } = await payOnce(world, 'dave', { invoice: bolt11, attempts: 1, ...request });
      result.sent += 1;
      if (outcome === 'settled') result.settled += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, i) => lane(i)));
  return result;
}

/** HTLCs of one burst: as many as the payer's two channels take, and less than a second takes up. */
const BURST = 400;
const ONE_SAT = 1_000n;
const RETRY_MS = 120_000;

export interface DustResult {
  readonly htlcs: number;
  /** Parts that were never paid. */
  readonly refused: number;
  /** How often parts had to be sent again, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** How long ordinary forwards took meanwhile, ms; undefined: not answered in time. */
  readonly forwards: readonly (number | undefined)[];
}

/** Payments made of one-satoshi parts, one burst after the other; in between, ordinary forwards through a member. */
export async function dust(world: World, htlcs: number, forwardTimeoutMs: number): Promise<DustResult> {
  const forwards: (number | undefined)[] = [];
  const failures = new Map<string, number>();
  let [sent, refused] = [0, 0];
  while (sent < htlcs) {
    const count = Math.min(BURST, htlcs - sent);
    const amountMsat = ONE_SAT * BigInt(count);
    const { bolt11, paymentHash } = await newInvoice(world, { amount_msat: amountMsat.toString() });
    const parts = Array.from({ length: count }, (_, i) => ({ amountMsat: ONE_SAT, hint: i % 3 }));
    const paying = payPersistently(
      { invoice: bolt11, parts },
      {
        admin: world.admin,
        payer: 'dave',
        totalMsat: amountMsat,
        retryMs: RETRY_MS,
        patienceMs: 2 * RETRY_MS,
        isUnwanted: () => false,
        onFailed({ attempts }) {
          const failure = attempts.at(-1)?.failure;
          const what = `${failure?.name ?? 'not sent'} by ${failure?.blamed ?? 'nobody'}`;
          failures.set(what, (failures.get(what) ?? 0) + 1);
        },
      },
    );
    paying.catch(() => undefined); // heard of below
    forwards.push(...(await forwardThroughMember(world, 2, forwardTimeoutMs)));
    const record = await paying;
    world.shop.purchases.push(purchase(paymentHash, amountMsat, record));
    refused += record.parts.filter(({ outcome }) => outcome !== 'settled').length;
    sent += count;
  }
  return { htlcs: sent, refused, failures: Object.fromEntries(failures), forwards };
}
