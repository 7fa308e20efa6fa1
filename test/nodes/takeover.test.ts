import { expect, it, onTestFinished } from 'vitest';
import type { ManifoldDaemon } from './daemon.js';
import { PaymentStatus } from './rpc.js';
import { Shop } from './shop.js';

const AMOUNT = 5_000_000_000n;
const PARTS = 5;

/** Two daemons of one cluster, the first of which holds a payment in parts at both nodes. */
async function holding(): Promise<
  { shop: Shop; second: ManifoldDaemon; held: Awaited<ReturnType<Shop['heldPayment']>> } | undefined
> {
  const shop = await Shop.open({ engine: 'postgres' });
  if (!shop) return undefined;
  onTestFinished(() => shop.close());
  const second = await shop.another('second');
  return { shop, second, held: await shop.heldPayment(AMOUNT, PARTS) };
}

async function settledBy(daemon: ManifoldDaemon, { invoice, payment }: Awaited<ReturnType<Shop['heldPayment']>>) {
  await daemon.ask('POST', `/v1/invoices/${invoice.payment_hash}/settle`);
  expect(await payment.ended).toMatchObject({ status: PaymentStatus.succeeded, valueMsat: AMOUNT });
  await daemon.untilState(invoice.payment_hash, 'settled');
  const events = await daemon.eventsOf(invoice.payment_hash);
  expect(events.map(({ type }) => type)).toEqual(['invoice.accepted', 'invoice.settled', 'invoice.final']);
  expect((await daemon.events()).filter(({ type }) => type === 'alarm')).toEqual([]);
}

it('a second daemon goes on with what a killed one held', async () => {
  const made = await holding();
  if (!made) return;
  await made.shop.daemon.kill();
  await made.second.untilLive();
  await settledBy(made.second, made.held);
});

it('a second daemon goes on with what a frozen one held, which does no harm when it wakes', async () => {
  const made = await holding();
  if (!made) return;
  const { shop, second, held } = made;
  shop.daemon.freeze();
  // LND itself has to notice first that the frozen one does not answer.
  await second.untilLive();
  await settledBy(second, held);
  shop.daemon.thaw();
  const invoice = await second.invoice({ amount_msat: '20000000' });
  expect(await shop.pay(invoice).ended).toMatchObject({ status: PaymentStatus.succeeded });
  await shop.daemon.untilState(invoice.payment_hash, 'settled');
  expect((await second.events()).filter(({ type }) => type === 'alarm')).toEqual([]);
});
