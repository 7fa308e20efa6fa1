import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { addInvoice } from '../../src/node/lnd/rpc/channels.js';
import { toHex } from '../../src/wire/bytes.js';
import { until } from './program.js';
import { InvoiceState, lookupInvoice, PaymentStatus, sendPayment } from './rpc.js';
import { WalletPayment } from './sender.js';
import { Shop } from './shop.js';

const SAT = 1_000n;

describe('receiving at real nodes', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = (await Shop.open())!;
  });
  afterAll(() => shop.close());

  it('takes a payment in one part', async () => {
    const invoice = await shop.daemon.invoice({ amount_msat: String(50_000n * SAT), description: 'tea' });
    const payment = await shop.pay(invoice).ended;
    expect(payment).toMatchObject({ status: PaymentStatus.succeeded, valueMsat: 50_000n * SAT });
    expect(payment.htlcs).toHaveLength(1);
    await shop.daemon.untilState(invoice.payment_hash, 'settled');
    const events = await shop.daemon.eventsOf(invoice.payment_hash);
    expect(events.map(({ type }) => type)).toEqual(['invoice.settled', 'invoice.final']);
    expect(events[1]!.data).toMatchObject({ lost_msat: '0' });
  });

  it('takes a payment in parts over both nodes', async () => {
    const amountMsat = 5_000_000n * SAT;
    const invoice = await shop.daemon.invoice({ amount_msat: String(amountMsat), reference: 'parts', hold: true });
    // More than either channel of the payer carries alone.
    const payment = shop.pay(invoice, { maxParts: 16, maxShardSizeMsat: 1_000_000n * SAT });
    await shop.daemon.untilState(invoice.payment_hash, 'accepted');
    await payment.untilInFlight(5);
    expect(shop.hopsOf(payment)).toEqual(new Set(['alpha', 'beta']));
    await shop.settle(invoice);
    expect(await payment.ended).toMatchObject({ status: PaymentStatus.succeeded, valueMsat: amountMsat });
    await shop.daemon.untilState(invoice.payment_hash, 'settled');
    expect(toHex(sha256(Buffer.from(payment.last!.paymentPreimage, 'hex')))).toBe(invoice.payment_hash);
  });

  it('leaves ordinary forwards alone', async () => {
    const { payment, invoice } = await shop.heldPayment(30_000n * SAT, 1);
    const request = { valueMsat: 20_000n * SAT, memo: 'over the other member', expiry: 3600n };
    const { paymentRequest } = await shop.beta.client.call(addInvoice, request);
    const routed = new WalletPayment(shop.payer, {
      paymentRequest,
      outgoingChannel: shop.net.scid('payer', 'alpha'),
    });
    expect(await routed.ended).toMatchObject({ status: PaymentStatus.succeeded });
    expect(routed.last!.htlcs.at(-1)!.route!.hops.map(({ pubKey }) => pubKey)).toEqual(
      [shop.alpha, shop.beta].map(({ nodeId }) => toHex(nodeId)),
    );
    expect(payment.last?.status).toBe(PaymentStatus.inFlight);
    await shop.settle(invoice);
    expect(await payment.ended).toMatchObject({ status: PaymentStatus.succeeded });
  });

  it('leaves payments to the node itself alone', async () => {
    const preimage = randomBytes(32);
    const paymentHash = sha256(preimage);
    const ended = new Promise<number>((resolve) => {
      let status = 0;
      shop.payer.client.listen(
        sendPayment,
        {
          dest: shop.alpha.nodeId,
          amtMsat: 5_000n * SAT,
          paymentHash,
          timeoutSeconds: 30,
          feeLimitMsat: SAT,
          destCustomRecords: new Map([[5_482_373_484n, preimage]]),
        },
        { onMessage: (payment) => (status = payment.status), onEnd: () => resolve(status) },
      );
    });
    expect(await ended).toBe(PaymentStatus.succeeded);
    const found = await shop.alpha.client.call(lookupInvoice, { rHash: paymentHash });
    expect(found).toMatchObject({ state: InvoiceState.settled, isKeysend: true, amtPaidMsat: 5_000n * SAT });
  });

  it('is paid at the other node while one is not served', async () => {
    // Nobody answers for alpha: it fails what comes, and the payer tries again elsewhere.
    shop.wire('alpha').cut();
    await until('alpha not to be served', async () => (await shop.daemon.node('alpha')).state !== 'live');
    for (let purchase = 0; purchase < 3; purchase++) {
      const invoice = await shop.daemon.invoice({ amount_msat: String(60_000n * SAT) });
      const payment = shop.pay(invoice, { maxParts: 4 });
      expect(await payment.ended).toMatchObject({ status: PaymentStatus.succeeded });
      expect(shop.hopsOf(payment)).toEqual(new Set(['beta']));
    }
    shop.wire('alpha').mend();
    await shop.daemon.untilLive();
  });

  it('is paid at the other node while one is stopped', async () => {
    const invoice = await shop.daemon.invoice({ amount_msat: String(60_000n * SAT) });
    await shop.alpha.stop();
    const payment = shop.pay(invoice, { maxParts: 4 });
    expect(await payment.ended).toMatchObject({ status: PaymentStatus.succeeded });
    expect(shop.hopsOf(payment)).toEqual(new Set(['beta']));
    await shop.daemon.untilState(invoice.payment_hash, 'settled');
    await shop.alpha.start();
    await shop.net.untilActive('payer', 'alpha');
    await shop.net.untilActive('alpha', 'beta');
    await shop.daemon.untilLive();
    await until('alpha to have no alarm', async () => (await shop.daemon.node('alpha')).alarms.length === 0);
  });
});
