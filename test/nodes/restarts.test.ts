import { describe, expect, it, onTestFinished } from 'vitest';
import { MEMBER_FLAGS } from './lnd.js';
import { until } from './program.js';
import { PaymentStatus } from './rpc.js';
import { Shop, type ShopOptions } from './shop.js';

const SAT = 1_000n;
const AMOUNT = 5_000_000n * SAT;
const PARTS = 5;

describe.each(['sqlite', 'postgres'] as const)('processes that end, on %s', (engine) => {
  const open = async (options: ShopOptions = {}): Promise<Shop | undefined> => {
    const shop = await Shop.open({ engine, ...options });
    if (shop) onTestFinished(() => shop.close());
    return shop;
  };

  const paid = async (shop: Shop, payment: Awaited<ReturnType<Shop['heldPayment']>>): Promise<void> => {
    expect(await payment.payment.ended).toMatchObject({ status: PaymentStatus.succeeded, valueMsat: AMOUNT });
    await shop.daemon.untilState(payment.invoice.payment_hash, 'settled');
    const events = await shop.daemon.eventsOf(payment.invoice.payment_hash);
    expect(events.map(({ type }) => type)).toEqual(['invoice.accepted', 'invoice.settled', 'invoice.final']);
    expect(events.at(-1)!.data).toMatchObject({ lost_msat: '0' });
    expect((await shop.daemon.events()).filter(({ type }) => type === 'alarm')).toEqual([]);
  };

  it('the daemon is killed after it committed, before any answer reached a node', async () => {
    const shop = await open();
    if (!shop) return;
    const held = await shop.heldPayment(AMOUNT, PARTS);
    expect(shop.hopsOf(held.payment)).toEqual(new Set(['alpha', 'beta']));
    for (const wire of shop.wires.values()) wire.stall();
    expect(await shop.settle(held.invoice)).toBe('settling');
    await shop.daemon.kill();
    for (const wire of shop.wires.values()) wire.drop();
    expect(held.payment.partsInFlight).toBe(PARTS);
    await shop.daemon.start();
    await paid(shop, held);
  });

  it('the daemon is killed after one node settled, before the other did', async () => {
    const shop = await open();
    if (!shop) return;
    const held = await shop.heldPayment(AMOUNT, PARTS);
    shop.wire('beta').stall();
    expect(await shop.settle(held.invoice)).toBe('settling');
    await until('parts at alpha to be settled', () => held.payment.partsInFlight < PARTS);
    expect(held.payment.partsInFlight).toBeGreaterThan(0);
    await shop.daemon.kill();
    shop.wire('beta').drop();
    await shop.daemon.start();
    await paid(shop, held);
  });

  it('the daemon is killed after nodes settled, before anything is final', async () => {
    const shop = await open();
    if (!shop) return;
    const held = await shop.heldPayment(AMOUNT, PARTS);
    for (const name of ['alpha', 'beta']) await shop.net.cut('payer', name);
    expect(await shop.settle(held.invoice)).toBe('settling');
    // The nodes have the answers: a heartbeat later than them has come back.
    for (const name of ['alpha', 'beta']) {
      await until(`${name} to have no held HTLC`, async () => (await shop.daemon.node(name)).held_htlcs === 0);
    }
    expect(await shop.daemon.stateOf(held.invoice.payment_hash)).toBe('settling');
    await shop.daemon.kill();
    for (const name of ['alpha', 'beta']) await shop.net.mend('payer', name);
    await held.payment.ended;
    await shop.daemon.start();
    await paid(shop, held);
  });

  it('the daemon is stopped and started while it holds', async () => {
    const shop = await open();
    if (!shop) return;
    const held = await shop.heldPayment(AMOUNT, PARTS);
    expect(await shop.daemon.stop()).toBe(0);
    expect(held.payment.partsInFlight).toBe(PARTS);
    await shop.daemon.start();
    expect(await shop.daemon.stateOf(held.invoice.payment_hash)).toBe('accepted');
    await shop.settle(held.invoice);
    await paid(shop, held);
  });

  it('a node is killed while it holds', async () => {
    const shop = await open();
    if (!shop) return;
    const held = await shop.heldPayment(AMOUNT, PARTS);
    await shop.alpha.kill();
    await until('the daemon to notice', async () => (await shop.daemon.node('alpha')).state !== 'live');
    await shop.alpha.start();
    await shop.net.untilActive('payer', 'alpha');
    await shop.daemon.untilLive();
    await shop.settle(held.invoice);
    await paid(shop, held);
  });

  it('a node is killed with an answer that its peer has not seen', async () => {
    const shop = await open();
    if (!shop) return;
    const held = await shop.heldPayment(AMOUNT, PARTS);
    await shop.net.cut('payer', 'alpha');
    await shop.settle(held.invoice);
    await until('alpha to have no held HTLC', async () => (await shop.daemon.node('alpha')).held_htlcs === 0);
    await shop.alpha.kill();
    await shop.alpha.start();
    await shop.daemon.untilLive();
    await shop.net.mend('payer', 'alpha');
    await paid(shop, held);
  });
});

describe('a node that is started with other settings', () => {
  it('is refused without requireinterceptor, aloud, and served again with it', async () => {
    const shop = (await Shop.open())!;
    onTestFinished(() => shop.close());
    await shop.alpha.stop();
    await shop.alpha.start(MEMBER_FLAGS.filter((flag) => flag !== 'requireinterceptor'));
    await until('alpha to be refused', async () => {
      const { state, reason = '' } = await shop.daemon.node('alpha');
      return state !== 'live' && reason.includes('requireinterceptor');
    });
    const alarms = (await shop.daemon.events()).filter(({ type }) => type === 'alarm');
    expect(alarms).toHaveLength(1);
    expect(JSON.stringify(alarms[0]!.data)).toContain('node-refused');
    // The other one serves on.
    const invoice = await shop.daemon.invoice({ amount_msat: String(10_000n * SAT) });
    await shop.net.untilActive('payer', 'beta');
    expect(await shop.pay(invoice).ended).toMatchObject({ status: PaymentStatus.succeeded });
    await shop.alpha.stop();
    await shop.alpha.start(MEMBER_FLAGS);
    await shop.daemon.untilLive();
    expect((await shop.daemon.node('alpha')).alarms).toEqual([]);
  });
});
