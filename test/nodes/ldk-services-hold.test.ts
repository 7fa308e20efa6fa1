/** Our LSP holds HTLCs for LDK wallets that sleep, and those of a LightningRod payer of ours until a stock LDK payee releases them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  buildInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeRecords,
  signerOf,
  type StaticInvoice,
} from '../../src/bolt12/index.js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { type PreparedRod, RodWallet } from '../../src/daemon/offline/rod-wallet.js';
import { ROD_PEER_MESSAGE_TYPE } from '../../src/messages/index.js';
import type { InvoiceSlot } from '../../src/offline/static-invoices/index.js';
import { wallClock } from '../../src/receive/clock.js';
import { termsOfStaticInvoice } from '../../src/send/request/index.js';
import { Sender } from '../../src/send/run/sender.js';
import { chainHashOf } from '../../src/onion/index.js';
import { unwrap } from '../../src/wire/result.js';
import { LSP, LSP_CONFIG, OURS, type RunningDaemon, ServicesWorld } from './ldk-services-world.js';

const PAYMENT_ID = '11'.repeat(32);
const AMOUNT_MSAT = 25_000;
const HOLD_BLOCKS = 144;
const UPDATE_ADD = 128;

let world: ServicesWorld;
let lsp: RunningDaemon;
let serverPaths: readonly string[];

beforeAll(async () => {
  world = await ServicesWorld.start();
});
afterAll(() => world.close());
afterEach(() => world.clear());
beforeEach(async () => {
  await world.build(
    [{ name: 'own', ...OURS }, { name: 'payer' }, { name: 'hub' }, { name: 'lsp', ...LSP }, { name: 'payee' }],
    [
      { from: 'payer', to: 'hub', sat: 1_000_000 },
      { from: 'hub', to: 'lsp', sat: 1_000_000, announced: true },
      { from: 'own', to: 'lsp', sat: 1_000_000 },
      { from: 'lsp', to: 'payee', sat: 1_000_000 },
    ],
  );
  lsp = await world.daemon('lsp', { nodes: ['lsp'], config: LSP_CONFIG });
  ({ paths: serverPaths } = await world.enrol(lsp, 'payee'));
  await world.enrol(lsp, 'own');
});

const held = () => lsp.parts.api.offline!.held(10, false);
const isHeld = (): Promise<void> =>
  world.until('the HTLC is held', async () => (await held()).some(({ state }) => state === 'held'));
const sentTo = (to: string) => world.ldk.all('message', { from: 'lsp', to, type: UPDATE_ADD });
const claimed = () => world.ldk.all('claimed', { node: 'payee' });

describe('an ordinary payment to an LDK wallet', () => {
  async function pay(): Promise<void> {
    const { invoice } = await world.ldk.call('createInvoice', { node: 'payee', amountMsat: AMOUNT_MSAT });
    await world.ldk.call('sleep', { node: 'payee' });
    await world.ldk.call('payBolt11', { node: 'payer', invoice, paymentId: PAYMENT_ID, retries: 0 });
  }

  it('waits at our LSP until the wallet is back', async () => {
    await pay();
    await isHeld();
    expect(world.ldk.all('paymentFailed')).toEqual([]);
    await world.ldk.call('wake', { node: 'payee' });
    await world.until('LDK has paid', () => world.ldk.all('paymentSent', { paymentId: PAYMENT_ID }).length === 1);
    expect(claimed()).toHaveLength(1);
  });

  it('is given up in time if the wallet never comes', async () => {
    await pay();
    await isHeld();
    const [{ until_block: untilBlock = 0 } = {}] = await held();
    const { height } = await world.ldk.call('channels', { node: 'lsp' });
    expect(untilBlock).toBeGreaterThan(height);
    await world.ldk.call('mine', { blocks: untilBlock - height });
    await world.until('LDK knows', () => world.ldk.all('paymentFailed', { paymentId: PAYMENT_ID }).length === 1);
    expect(sentTo('payee')).toEqual([]);
    expect(world.ldk.all('channelClosed')).toEqual([]);
  });
});

describe('a payer of ours with a LightningRod', () => {
  let own: RunningDaemon;
  let rods: RodWallet;
  let sender: Sender;

  /** The payer's side of it, over its daemon's messages. */
  beforeEach(async () => {
    own = await world.daemon('own', { nodes: ['own'], config: '[send]\nenabled = false\n' });
    const { store, parts, ports } = own;
    const [port] = ports;
    const line = await port!.peerMessages.open({
      onMessage: ({ peer, type, payload }) => {
        if (type === ROD_PEER_MESSAGE_TYPE) void rods.onPeerMessage(peer, payload);
      },
      onClosed: () => undefined,
    });
    rods = new RodWallet({
      documents: store.documents('rod_payment'),
      messenger: parts.messages.messenger,
      sendToPeer: async (peer, type, payload) => (await line.send({ peer, type, payload })) === 'sent',
      height: () => parts.api.receiver.status()[0]?.height,
      ...{ random: randomBytes, clock: wallClock, log: parts.api.log },
    });
    rods.start();
    sender = new Sender({
      nodes: [{ name: 'own', send: port!.send, graph: port!.graph }],
      ...{ store: store.payments, clock: wallClock, random: Math.random, owner: 'own' },
    });
    await sender.start();
    world.atEnd({ stop: () => sender.stop() });
    world.atEnd(rods);
  });

  /** An offer of the payee that our LSP serves; it sleeps then. */
  async function offerOfSleeper(): Promise<string> {
    await world.ldk.call('useServer', { node: 'payee', paths: serverPaths });
    let text = '';
    await world.until('LDK has an offer', () =>
      world.ldk.call('asyncOffer', { node: 'payee' }).then(
        ({ offer }) => (text = offer),
        () => undefined,
      ),
    );
    await world.ldk.settled();
    await world.ldk.call('sleep', { node: 'payee' });
    return text;
  }

  /** Pays by the static invoice that the LSP keeps; the LSP holds the HTLC. */
  async function payHeld(text: string) {
    const slots = lsp.store.documents<InvoiceSlot>('static_invoice');
    const invoice = unwrap(decodeStaticInvoice((await slots.read('1/0'))!.body.served!.bytes));
    const chain = chainHashOf('regtest');
    const request = unwrap(
      buildInvoiceRequest({
        ...{ offer: unwrap(decodeOffer(text)), metadata: randomBytes(16), signer: signerOf(randomBytes(32)), chain },
        amountMsat: BigInt(AMOUNT_MSAT),
      }),
    );
    const preimage = randomBytes(32);
    const rod = unwrap(
      await rods.prepare({
        ...{ paymentHash: sha256(preimage), amountMsat: BigInt(AMOUNT_MSAT), partCount: 1, holdBlocks: HOLD_BLOCKS },
        ...{ lsp: world.idOf('lsp'), payee: { nodeId: world.idOf('payee') } },
      }),
    );
    const { messageGraph } = own.ports[0]!;
    const terms = unwrap(
      termsOfStaticInvoice(
        invoice,
        {
          ...{ amountMsat: BigInt(AMOUNT_MSAT), preimage, invoiceRequest: encodeRecords(request.records) },
          // LDK sends no records of ours with an HTLC: the LSP knows it by its hash.
          hold: { extraBlocks: HOLD_BLOCKS },
        },
        {},
        {
          ...{ now: Date.now(), currency: 'bcrt', ownNodeIds: [world.idOf('own')] },
          endOfChannel: (scid, direction) => messageGraph.endsOf(scid)?.[direction],
        },
      ),
    );
    const request12 = { kind: 'offer', offer: text, offerPaymentId: '12'.repeat(16) } as const;
    const answer = await sender.pay({ terms, request: request12 });
    if (answer.kind !== 'started') throw new Error(JSON.stringify(answer, (_, v: unknown) => String(v)));
    await isHeld();
    await rods.sent(rod.id, false);
    return { rod, invoice, id: answer.payment.id };
  }

  /** Tells the payee over its own paths; its answer is to go over that of the LSP. */
  async function announce({ releasePaths }: PreparedRod, { messagePaths }: StaticInvoice): Promise<void> {
    const content = { name: 'held_htlc_available' } as const;
    const copies = await own.parts.messages.messenger.sendCopies(content, messagePaths, releasePaths.slice(0, 1));
    expect(copies).toBeGreaterThan(0);
  }

  const phaseOf = async (id: string) => (await own.store.payments.readPayment(id))?.state.phase;

  it('sleeps, as does a stock LDK payee, which releases the HTLC when it wakes', async () => {
    const { rod, invoice, id } = await payHeld(await offerOfSleeper());
    expect((await held())[0]).toMatchObject({ payer: { name: 'own' }, rod_id: rod.id });
    await announce(rod, invoice);
    await world.mail(lsp, 1);
    expect(sentTo('payee')).toEqual([]);
    await world.ldk.settled();
    await world.ldk.call('sleep', { node: 'own' });

    await world.ldk.call('wake', { node: 'payee' });
    await world.until('LDK has claimed', () => claimed().length === 1);
    expect(claimed()[0]!.amountMsat).toBe(AMOUNT_MSAT);
    await world.ldk.call('wake', { node: 'own' });
    await world.until('we find it paid', async () => (await phaseOf(id)) === 'succeeded');
  });

  it('takes it back, and the payee can release no more', async () => {
    const { rod, invoice, id } = await payHeld(await offerOfSleeper());
    await announce(rod, invoice);
    await world.mail(lsp, 1);
    await rods.cancel(rod.id);
    await world.until('we have it back', async () => (await phaseOf(id)) === 'failed');
    await world.ldk.call('wake', { node: 'payee' });
    await world.ldk.settled();
    expect(sentTo('payee')).toEqual([]);
    expect(claimed()).toEqual([]);
  });
});
