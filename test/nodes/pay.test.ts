/** `manifold pay` through a daemon over real LNDs: from several at once, and across a kill -9 of the daemon. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeInvoice } from '../../src/bolt11/index.js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { Feature } from '../../src/wire/features.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { inProcess, type Outcome } from '../cli/support.js';
import type { PaymentJson } from './daemon.js';
import { MEMBER_FLAGS, type Lnd } from './lnd.js';
import type { NetworkPlan } from './network.js';
import { until } from './program.js';
import { heldInvoiceOf, invoiceOf, receivedBy, SENDER_FLAGS } from './send-harness.js';
import { Shop } from './shop.js';

const SAT = 1_000n;
const FLAGS = [...MEMBER_FLAGS, ...SENDER_FLAGS];
const PLAN: NetworkPlan = {
  nodes: { alpha: FLAGS, beta: FLAGS, relay: [], payee: [] },
  channels: [
    { from: 'alpha', to: 'relay', capacitySat: 3_000_000n, pushSat: 100_000n },
    { from: 'beta', to: 'relay', capacitySat: 3_000_000n, pushSat: 100_000n },
    { from: 'relay', to: 'payee', capacitySat: 12_000_000n, pushSat: 500_000n },
  ],
};

describe('manifold pay over real LNDs', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = (await Shop.open({ plan: PLAN, pays: true }))!;
    await shop.daemon.untilPaying();
  });
  afterAll(() => shop.close());

  const payee = (): Lnd => shop.net.node('payee');
  const manifold = async (...args: string[]): Promise<Outcome> => {
    const { url, token } = shop.daemon;
    const outcome = await inProcess(args, { MANIFOLD_API: url, MANIFOLD_TOKEN: token });
    expect(outcome.code, `${args.join(' ')}: ${outcome.stdout}${outcome.stderr}\n${shop.daemon.tail()}`).toBe(0);
    return outcome;
  };
  const paid = async (...args: string[]): Promise<PaymentJson> =>
    shop.daemon.untilOver((JSON.parse((await manifold('pay', ...args, '--json')).stdout) as PaymentJson).id);
  const settledBy = ({ parts }: PaymentJson): Map<string, bigint> => {
    const sums = new Map<string, bigint>();
    for (const { from, state, amount_msat: amount } of parts)
      if (state === 'settled') sums.set(from.name!, (sums.get(from.name!) ?? 0n) + BigInt(amount));
    return sums;
  };

  it('shows the plan of a dry run and sends nothing', async () => {
    const { paymentRequest, paymentHash } = await invoiceOf(payee(), 4_000_000n * SAT);
    const { stdout } = await manifold('pay', paymentRequest, '--dry-run', '--json');
    const plan = JSON.parse(stdout) as { dry_run: boolean; from: string[]; amount_msat: string };
    expect(plan).toMatchObject({ dry_run: true, amount_msat: '4000000000' });
    expect([...plan.from].sort()).toEqual(['alpha', 'beta']);
    expect(await receivedBy(payee(), paymentHash)).toBe(0n);
  });

  it('finds how much gets through, and pays nothing', async () => {
    const { stdout } = await manifold('probe', toHex(payee().nodeId), '--max', '20000000sat', '--json');
    const { arrived_msat: arrived, failed_msat: failed } = JSON.parse(stdout) as Record<string, string>;
    // More than either node has alone, less than both have.
    expect(BigInt(arrived!)).toBeGreaterThan(3_000_000n * SAT);
    expect(BigInt(failed!)).toBeLessThan(8_000_000n * SAT);
  });

  it('pays more than either node has, in one payment from both', async () => {
    const amountMsat = 4_000_000n * SAT;
    const { paymentRequest, paymentHash } = await invoiceOf(payee(), amountMsat);
    const payment = await paid(paymentRequest);
    expect(payment.state).toBe('succeeded');
    expect(toHex(sha256(fromHex(payment.preimage!)))).toBe(toHex(paymentHash));
    expect(await receivedBy(payee(), paymentHash)).toBe(amountMsat);
    const sums = settledBy(payment);
    expect([...sums.keys()].sort()).toEqual(['alpha', 'beta']);
    expect([...sums.values()].reduce((sum, part) => sum + part, 0n)).toBe(amountMsat);
  });

  it('pays a keysend', async () => {
    const payment = await paid('--keysend', toHex(payee().nodeId), '--amount', '700sat', '--record', '70001=c0ffee');
    expect(payment.state).toBe('succeeded');
    expect(await receivedBy(payee(), sha256(fromHex(payment.preimage!)))).toBe(700n * SAT);
  });

  it('says before anything is sent that LND cannot hand payment metadata over', async () => {
    const { varOnion, paymentSecret, paymentMetadata } = Feature;
    const draft = {
      currency: 'sb' as const,
      amountMsat: 1_000n * SAT,
      timestamp: Math.floor(Date.now() / 1000),
      paymentHash: randomBytes(32),
      paymentSecret: randomBytes(32),
      paymentMetadata: Uint8Array.of(1, 2),
      description: 'with metadata',
      features: [varOnion, paymentSecret, paymentMetadata],
    };
    const invoice = unwrap(encodeInvoice(draft, randomBytes(32)));
    const refused = shop.daemon.ask('POST', '/v1/payments', { invoice });
    await expect(refused).rejects.toThrow(/422 .*payment_metadata.*without metadata/);
  });

  it.each(['settle', 'cancel'] as const)('ends once what kill -9 left in flight: %s', async (end) => {
    const { daemon } = shop;
    const amountMsat = 250_000n * SAT;
    const held = await heldInvoiceOf(payee(), amountMsat);
    const begun = await daemon.ask<PaymentJson>('POST', '/v1/payments', {
      invoice: held.paymentRequest,
      timeout_seconds: 600,
    });
    await until('the parts to arrive', () => held.isHeld(), { onLate: () => shop.logs() });
    await daemon.kill();
    await daemon.start();
    await daemon.untilPaying();
    // The invoice a second time is the payment that is under way.
    await expect(daemon.ask('POST', '/v1/payments', { invoice: held.paymentRequest })).rejects.toThrow(
      /409 .*already_under_way/,
    );
    expect(await daemon.payment(begun.id)).toMatchObject({ state: 'in_flight', is_over: false });
    await held[end]();
    const payment = await daemon.untilOver(begun.id);
    const types = async (): Promise<string[]> =>
      (await daemon.eventsOf(toHex(held.paymentHash))).map(({ type }) => type);
    if (end === 'settle') {
      expect(payment).toMatchObject({ state: 'succeeded' });
      expect(settledBy(payment).size).toBe(1);
      expect(await receivedBy(payee(), held.paymentHash)).toBe(amountMsat);
      expect(await types()).toEqual(['sending.started', 'sending.succeeded']);
    } else {
      expect(payment, JSON.stringify(payment)).toMatchObject({ state: 'failed' });
      expect(payment.parts.every(({ state }) => state === 'failed')).toBe(true);
      expect(await receivedBy(payee(), held.paymentHash)).toBe(0n);
      expect(await types()).toEqual(['sending.started', 'sending.failed']);
    }
  });
});
