/** The owner of the nodes stands still for longer than its leases and LND's patience, and goes on as if nothing had been. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until, type World } from '../e2e/harness.js';
import { newInvoice, payOnce, purchase } from './world.js';

const AMOUNT_MSAT = 30_000_000n;
const TAKEOVER_MS = 120_000;

export interface FreezeResult {
  /** From the freeze until a payment that had begun before it was settled by another daemon, ms. */
  readonly takeoverMs: number;
  /** Payments acknowledged while the owner stood still. */
  readonly paidMeanwhile: number;
  readonly halfPaid: string;
}

/** The shop is open. One payment has half of its parts at the owner when it freezes, the rest comes later. */
export async function freezeOwner(world: World, frozenMs: number): Promise<FreezeResult> {
  const owner = (await world.owner())!;
  const { bolt11, paymentHash } = await newInvoice(world, { amount_msat: AMOUNT_MSAT.toString() });
  const half = { amountMsat: AMOUNT_MSAT / 2n };
  const first = payOnce(world, 'carol', { invoice: bolt11, parts: [{ ...half, hint: 0 }] });
  first.catch(() => undefined); // heard of below
  const isHeld = async (): Promise<boolean> =>
    (await world.admin.observations()).htlcs.some((htlc) => htlc.paymentHash === paymentHash && isAtMember(htlc));
  if (!(await until(isHeld, 20_000))) throw new Error('the first part never arrived');
  await sleep(500);
  const paidBefore = world.shop.acknowledged.size;
  owner.freeze();
  const frozenAt = Date.now();
  const second = await payUntilSettled(world, bolt11, half, frozenAt);
  const takeoverMs = Date.now() - frozenAt;
  await sleep(Math.max(0, frozenMs - takeoverMs));
  const paidMeanwhile = world.shop.acknowledged.size - paidBefore;
  owner.thaw();
  const begun = await first;
  const parts = [...begun.parts, ...second.parts];
  world.shop.purchases.push(purchase(paymentHash, AMOUNT_MSAT, { ...begun, parts }));
  return { takeoverMs, paidMeanwhile, halfPaid: `${begun.outcome} ${second.outcome}` };
}

function isAtMember({ to, committedAt, outcome }: { to: string; committedAt?: unknown; outcome?: unknown }): boolean {
  return ['alpha', 'beta', 'gamma'].includes(to) && committedAt !== undefined && outcome === undefined;
}

/** The payer tries the other half again whenever it is refused. */
async function payUntilSettled(
  world: World,
  invoice: string,
  half: { readonly amountMsat: bigint },
  since: number,
): ReturnType<typeof payOnce> {
  for (;;) {
    const record = await payOnce(world, 'dave', { invoice, amountMsat: AMOUNT_MSAT, parts: [half] });
    if (record.outcome === 'settled' || Date.now() > since + TAKEOVER_MS) return record;
    await sleep(300);
  }
}
