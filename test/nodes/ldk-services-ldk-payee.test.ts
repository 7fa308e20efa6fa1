/** A stock LDK recipient: served by our static invoice server, and paid by our daemon, with and without a hold at an LDK LSP. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeOffer, offerIdOf } from '../../src/bolt12/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { LSP, LSP_CONFIG, OURS, type RunningDaemon, ServicesWorld } from './ldk-services-world.js';

const PAYMENT_ID = '11'.repeat(32);
const AMOUNT_MSAT = 25_000;

const UPDATE_ADD = 128;

let world: ServicesWorld;
beforeAll(async () => {
  world = await ServicesWorld.start();
});
afterAll(() => world.close());
afterEach(() => world.clear());

const sentBy = (from: string, to: string) => world.ldk.all('message', { from, to, type: UPDATE_ADD });

describe('a stock LDK recipient behind our LSP', () => {
  let lsp: RunningDaemon;

  /** With its offer served. */
  async function recipient(payer: { holdAtNextHop?: boolean } = {}): Promise<string> {
    await world.build(
      [
        { name: 'payer', ...payer },
        { name: 'gate', htlcHold: true, mailbox: 'auto' },
        { name: 'lsp', ...LSP },
        { name: 'payee' },
      ],
      [
        { from: 'payer', to: 'gate', sat: 1_000_000 },
        { from: 'gate', to: 'lsp', sat: 1_000_000, announced: true },
        { from: 'lsp', to: 'payee', sat: 1_000_000 },
      ],
    );
    lsp = await world.daemon('lsp', { nodes: ['lsp'], config: LSP_CONFIG });
    const { paths } = await world.enrol(lsp, 'payee');
    await world.ldk.call('useServer', { node: 'payee', paths });
    const offer = await isServed();
    await world.ldk.settled();
    return offer;
  }

  async function isServed(): Promise<string> {
    let text = '';
    await world.until('LDK has an offer', () =>
      world.ldk.call('asyncOffer', { node: 'payee' }).then(
        ({ offer }) => (text = offer),
        () => undefined,
      ),
    );
    return text;
  }

  const isPaid = (): boolean => world.ldk.all('paymentSent', { paymentId: PAYMENT_ID }).length === 1;

  const slots = async () => unwrap(await lsp.parts.api.offline!.show('payee')).slots;

  it('has its offer served, and the invoice that we keep is for it', async () => {
    const offer = unwrap(decodeOffer(await recipient()));
    expect((await slots())[0]).toMatchObject({ slot: 0, state: 'serving', offer_id: toHex(offerIdOf(offer.records)) });
  });

  it('fills its cache of offers', async () => {
    await recipient();
    await world.until('all slots serve', async () => {
      // What comes too fast is dropped by the server; a minute later the wallet asks again.
      await sleep(300);
      await world.ldk.call('tick', { node: 'payee' });
      await world.ldk.settled();
      const all = await slots();
      return all.length === 10 && all.every(({ state }) => state === 'serving');
    });
  });

  it('is paid by LDK when it wakes', async () => {
    const offer = await recipient();
    await world.ldk.call('sleep', { node: 'payee' });
    await world.ldk.call('payOffer', { node: 'payer', offer, amountMsat: AMOUNT_MSAT, paymentId: PAYMENT_ID });
    await world.mail(lsp, 1);
    expect(world.ldk.all('claimed')).toEqual([]);
    await world.ldk.call('wake', { node: 'payee' });
    await world.until('LDK has paid', isPaid);
    expect(world.ldk.one('claimed', { node: 'payee' }).amountMsat).toBe(AMOUNT_MSAT);
  });

  it('is paid by LDK that sleeps meanwhile, the HTLC held by an LDK LSP', async () => {
    const offer = await recipient({ holdAtNextHop: true });
    await world.ldk.call('sleep', { node: 'payee' });
    await world.ldk.call('payOffer', { node: 'payer', offer, amountMsat: AMOUNT_MSAT, paymentId: PAYMENT_ID });
    await world.mail(lsp, 1);
    await world.until('the HTLC is out', () => sentBy('payer', 'gate').length === 1);
    await world.ldk.settled();
    await world.ldk.call('sleep', { node: 'payer' });
    await world.ldk.call('wake', { node: 'payee' });
    await world.until('LDK has claimed', () => world.ldk.all('claimed', { node: 'payee' }).length === 1);
    await world.ldk.call('wake', { node: 'payer' });
    expect(isPaid()).toBe(true);
  });
});

describe('we pay a stock LDK recipient', () => {
  let payer: RunningDaemon;

  /** An LDK recipient with an LDK server, which sleeps then; ours are a payer and a gate that holds. */
  async function sleepingPayee(config = ''): Promise<string> {
    await world.build(
      [
        { name: 'own', ...OURS },
        { name: 'gate', htlcHold: true, mailbox: 'auto' },
        { name: 'server', staticInvoices: 'auto', mailbox: 'auto' },
        { name: 'payee' },
      ],
      [
        { from: 'own', to: 'gate', sat: 1_000_000 },
        { from: 'gate', to: 'server', sat: 1_000_000, announced: true },
        { from: 'server', to: 'payee', sat: 1_000_000 },
      ],
    );
    const { paths } = await world.ldk.call('serverPaths', { node: 'server', recipientId: '01' });
    await world.ldk.call('useServer', { node: 'payee', paths });
    const { offer } = await world.ldk.call('asyncOffer', { node: 'payee' });
    await world.ldk.call('sleep', { node: 'payee' });
    payer = await world.daemon('own', { nodes: ['own'], holders: ['gate'], config });
    return offer;
  }

  async function pay(offer: string): Promise<string> {
    const { id } = unwrap(await payer.parts.api.offerPayments!.pay({ offer, amountMsat: BigInt(AMOUNT_MSAT) }));
    return id;
  }

  const paymentOf = async (id: string) => (await payer.parts.api.offerPayments!.read(id))!.body.payment;

  it('whose server answers; nothing is sent before it wakes', async () => {
    const offer = await sleepingPayee();
    const id = await pay(offer);
    await world.until('we wait for the payee', async () => (await paymentOf(id)).phase === 'unreleased');
    expect(sentBy('own', 'gate')).toEqual([]);
    await world.ldk.call('wake', { node: 'payee' });
    await world.until('it is paid', async () => (await paymentOf(id)).phase === 'paid');
    expect(world.ldk.one('claimed', { node: 'payee' }).amountMsat).toBe(AMOUNT_MSAT);
  });

  it('and sleep ourselves while an LDK LSP holds the HTLC', async () => {
    const wallet = `[wallet]\nlsp = "${'02'.repeat(33)}"\nserver_paths = []\nhold = true\n`;
    const offer = await sleepingPayee(wallet);
    const id = await pay(offer);
    await world.until('the HTLC is held', async () => (await paymentOf(id)).heldParts.length === 1);
    expect(sentBy('own', 'gate')).toHaveLength(1);
    expect(sentBy('gate', 'server')).toEqual([]);
    await world.ldk.settled();
    await world.ldk.call('sleep', { node: 'own' });

    await world.ldk.call('wake', { node: 'payee' });
    expect(world.ldk.one('claimed', { node: 'payee' }).amountMsat).toBe(AMOUNT_MSAT);
    await world.ldk.call('wake', { node: 'own' });
    await world.until('we find it paid', async () => (await paymentOf(id)).phase === 'paid');
  });
});
