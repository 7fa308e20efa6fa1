/** Our daemons' services against LDK nodes: LDK pays an offer that a daemon made, and a wallet of ours that was asleep. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeOffer } from '../../src/bolt12/index.js';
import { LspLink } from '../../src/daemon/wallet/lsp-link.js';
import { wallClock } from '../../src/receive/clock.js';
import { unwrap } from '../../src/wire/result.js';
import type { LdkNodeOptions } from './ldk-protocol.js';
import { LSP, LSP_CONFIG, OURS, type RunningDaemon, ServicesWorld } from './ldk-services-world.js';

const UPDATE_ADD = 128;
const PAYMENT_ID = '11'.repeat(32);

let world: ServicesWorld;
beforeAll(async () => {
  world = await ServicesWorld.start();
});
afterAll(() => world.close());
afterEach(() => world.clear());

const received = (daemon: RunningDaemon) => daemon.store.invoices.listPayments({ limit: 10 });
const sentBy = (from: string, to: string) => world.ldk.all('message', { from, to, type: UPDATE_ADD });
const isPaid = (): boolean => world.ldk.all('paymentSent', { paymentId: PAYMENT_ID }).length === 1;

describe('a merchant of ours with two nodes', () => {
  async function shop(): Promise<RunningDaemon> {
    await world.build(
      [{ name: 'payer' }, { name: 'hub' }, { name: 'a', ...OURS }, { name: 'b', ...OURS }],
      [
        { from: 'payer', to: 'hub', sat: 4_000_000 },
        { from: 'hub', to: 'a', sat: 1_000_000, announced: true },
        { from: 'hub', to: 'b', sat: 1_000_000, announced: true },
      ],
    );
    return world.daemon('shop', { nodes: ['a', 'b'] });
  }

  async function buy(daemon: RunningDaemon, amountMsat: bigint): Promise<string> {
    const { record } = unwrap(await daemon.parts.api.offers!.create({ amountMsat, description: 'tea' }));
    await world.ldk.call('payOffer', {
      ...{ node: 'payer', offer: record.bolt12, paymentId: PAYMENT_ID, payerNote: 'for two' },
    });
    return record.id;
  }

  it('has its offer paid by LDK', async () => {
    const daemon = await shop();
    const offerId = await buy(daemon, 50_000_000n);
    await world.until('LDK has paid', isPaid);
    const [receipt] = await received(daemon);
    expect(receipt?.set).toMatchObject({
      settledMsat: 50_000_000n,
      offer: { offerId, isStatic: false, payerNote: 'for two' },
    });
  });

  it('gets more than one of its nodes can take in parts over both', async () => {
    const daemon = await shop();
    await buy(daemon, 1_500_000_000n);
    await world.until('LDK has paid', isPaid);
    expect(new Set(world.ldk.all('htlc').map(({ node }) => node))).toEqual(new Set(['a', 'b']));
    const [receipt] = await received(daemon);
    expect(receipt?.set.settledMsat).toBe(1_500_000_000n);
  });

  it('does not answer for an offer that is disabled', async () => {
    const daemon = await shop();
    const { record } = unwrap(await daemon.parts.api.offers!.create({ amountMsat: 1_000n, description: 'tea' }));
    unwrap(await daemon.parts.api.offers!.setDisabled(record.id, true));
    await world.ldk.call('payOffer', { node: 'payer', offer: record.bolt12, paymentId: PAYMENT_ID });
    await world.ldk.settled();
    const { payments } = await world.ldk.call('payments', { node: 'payer' });
    expect(payments).toMatchObject([{ state: 'awaitingInvoice' }]);
  });
});

describe('a wallet of ours behind our LSP', () => {
  let lsp: RunningDaemon;
  let walletConfig: string;

  async function build(payer: Partial<LdkNodeOptions> = {}): Promise<void> {
    await world.build(
      [
        { name: 'payer', ...payer },
        { name: 'gate', htlcHold: true, mailbox: 'auto' },
        { name: 'lsp', ...LSP },
        { name: 'wallet', ...OURS },
      ],
      [
        { from: 'payer', to: 'gate', sat: 1_000_000 },
        { from: 'gate', to: 'lsp', sat: 1_000_000, announced: true },
        { from: 'lsp', to: 'wallet', sat: 1_000_000 },
      ],
    );
    lsp = await world.daemon('lsp', { nodes: ['lsp'], config: LSP_CONFIG });
    ({ config: walletConfig } = await world.enrol(lsp, 'wallet'));
  }

  /** As `manifold wallet wake`: the process says hello, since its node may have got mail before anybody listened. */
  async function wake(): Promise<RunningDaemon> {
    await world.ldk.call('wake', { node: 'wallet' });
    const wallet = await world.daemon('wallet', { nodes: ['wallet'], config: walletConfig });
    const { log } = wallet.parts.api;
    const link = new LspLink({ port: wallet.ports[0]!.peerMessages, lsp: world.idOf('lsp'), clock: wallClock, log });
    link.start();
    world.atEnd(link);
    await world.until('the wallet can speak', () => world.peerMessages.has('wallet'));
    // Without signatures of its node the LSP does not answer.
    void link.hello();
    return wallet;
  }

  /** Until it has an offer; then it sleeps. */
  async function offerOfSleeper(): Promise<string> {
    const wallet = await world.daemon('wallet', { nodes: ['wallet'], config: walletConfig });
    const { core } = wallet.parts.recipient!;
    await world.until('an offer is ready', async () =>
      (await core.cache()).offers.some(({ state }) => state === 'ready'),
    );
    const offer = await core.offer();
    await world.stop(wallet);
    await world.ldk.call('sleep', { node: 'wallet' });
    return offer!.text;
  }

  it('is paid by LDK once it is awake, by a static invoice that our LSP served', async () => {
    await build();
    const offer = await offerOfSleeper();
    expect(unwrap(decodeOffer(offer)).paths?.length).toBeGreaterThan(0);
    await world.ldk.call('payOffer', { node: 'payer', offer, amountMsat: 25_000, paymentId: PAYMENT_ID });
    await world.mail(lsp);
    expect(world.ldk.all('htlc'), 'nothing is sent before the release').toEqual([]);

    const wallet = await wake();
    await world.until('LDK has paid', isPaid);
    expect(world.ldk.one('paymentSent')).toMatchObject({ invoiceKind: 'static', amountMsat: 25_000 });
    const [receipt] = await received(wallet);
    expect(receipt?.set).toMatchObject({ settledMsat: 25_000n, offer: { isStatic: true } });
  });

  it('is paid by LDK that slept too, its HTLC held by an LDK LSP', async () => {
    await build({ holdAtNextHop: true });
    const offer = await offerOfSleeper();
    await world.ldk.call('payOffer', { node: 'payer', offer, amountMsat: 25_000, paymentId: PAYMENT_ID });
    await world.mail(lsp);
    await world.until('the HTLC is out', () => sentBy('payer', 'gate').length === 1);
    await world.ldk.settled();
    await world.ldk.call('sleep', { node: 'payer' });
    expect(sentBy('gate', 'lsp'), 'it is held').toEqual([]);

    const wallet = await wake();
    await world.until('the wallet has the money', async () => (await received(wallet)).length === 1);
    expect(world.ldk.all('paymentSent')).toEqual([]);
    await world.ldk.call('wake', { node: 'payer' });
    expect(isPaid(), 'LDK finds it paid when it is back').toBe(true);
  });
});
