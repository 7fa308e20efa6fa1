/** LDK among itself: that the nodes, the clock and the links of the harness do what tests with our code rely on. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { splitTlvStream } from '../../src/wire/tlv.js';
import { fromHex } from '../../src/wire/bytes.js';
import { LdkProgram } from './ldk-program.js';
import type { LdkNodeOptions } from './ldk-protocol.js';

const NOW = 1_790_000_000;
const PAYMENT_ID = '11'.repeat(32);
const UPDATE_ADD_HTLC = 128;
const REVOKE_AND_ACK = 133;
const HOLD_RECORD = 75_537n;
/** Of update_add_htlc and of revoke_and_ack, up to their TLVs and with the type. */
const UPDATE_ADD_LENGTH = 2 + 32 + 8 + 8 + 32 + 4 + 1366;
const REVOKE_LENGTH = 2 + 32 + 32 + 33;

let ldk: LdkProgram;
beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());
beforeEach(() => ldk.forget());

/** payer – payers' LSP – payees' LSP – payee; the second LSP is also the static invoice server. */
async function asyncWorld(payer: Partial<LdkNodeOptions> = {}): Promise<string> {
  await ldk.call('build', {
    time: NOW,
    nodes: [
      { name: 'payer', ...payer },
      { name: 'payerLsp', htlcHold: true, mailbox: 'auto' },
      { name: 'payeeLsp', htlcHold: true, mailbox: 'auto', staticInvoices: 'auto' },
      { name: 'payee' },
    ],
    channels: [
      { from: 'payer', to: 'payerLsp', sat: 1_000_000 },
      { from: 'payerLsp', to: 'payeeLsp', sat: 1_000_000, announced: true },
      { from: 'payeeLsp', to: 'payee', sat: 1_000_000 },
    ],
  });
  const { paths } = await ldk.call('serverPaths', { node: 'payeeLsp', recipientId: 'aa01' });
  await ldk.call('useServer', { node: 'payee', paths });
  const { offer } = await ldk.call('asyncOffer', { node: 'payee' });
  return offer;
}

const stateOfPayment = async (): Promise<string | undefined> =>
  (await ldk.call('payments', { node: 'payer' })).payments.find((payment) => payment.paymentId === PAYMENT_ID)?.state;

function recordsBehind(hex: string, length: number): bigint[] {
  return splitTlvStream(fromHex(hex).subarray(length)).map((record) => record.type);
}

describe('asleep payee', () => {
  it('is paid by a payer who stays awake, over a static invoice, when it wakes', async () => {
    const offer = await asyncWorld();
    await ldk.call('sleep', { node: 'payee' });
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: 10_000_000, paymentId: PAYMENT_ID });
    expect(ldk.one('staticInvoiceRequested')).toMatchObject({ recipientId: 'aa01', slot: 0, answered: true });
    expect(await stateOfPayment(), 'no HTLC yet').toBe('awaitingInvoice');
    expect((await ldk.call('channels', { node: 'payer' })).channels[0]!.outHtlcs).toBe(0);

    await ldk.call('wake', { node: 'payee' });
    const claimed = ldk.one('claimed', { node: 'payee' });
    expect(claimed.amountMsat).toBe(10_000_000);
    const sent = ldk.one('paymentSent', { node: 'payer' });
    expect(sent).toMatchObject({ paymentHash: claimed.paymentHash, invoiceKind: 'static', feeMsat: 2000 });
  });

  it('is paid by a payer who sleeps meanwhile, whose LSP holds the HTLC', async () => {
    const offer = await asyncWorld({ holdAtNextHop: true });
    await ldk.call('sleep', { node: 'payee' });
    await ldk.call('watch', { types: [UPDATE_ADD_HTLC, REVOKE_AND_ACK] });
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: 10_000_000, paymentId: PAYMENT_ID });

    const add = ldk.one('message', { from: 'payer', to: 'payerLsp', type: UPDATE_ADD_HTLC });
    expect(recordsBehind(add.hex, UPDATE_ADD_LENGTH)).toContain(HOLD_RECORD);
    const revoke = ldk.one('message', { from: 'payerLsp', to: 'payer', type: REVOKE_AND_ACK });
    expect(recordsBehind(revoke.hex, REVOKE_LENGTH), 'paths to release it').toContain(HOLD_RECORD);
    expect(ldk.all('message', { from: 'payerLsp', to: 'payeeLsp', type: UPDATE_ADD_HTLC })).toEqual([]);

    await ldk.call('sleep', { node: 'payer' });
    ldk.forget();
    await ldk.call('wake', { node: 'payee' });
    expect(ldk.one('claimed', { node: 'payee' }).amountMsat).toBe(10_000_000);
    expect(ldk.all('paymentSent'), 'its payer sleeps').toEqual([]);

    await ldk.call('wake', { node: 'payer' });
    expect(ldk.one('paymentSent', { node: 'payer' }).invoiceKind).toBe('static');
  });

  it('never wakes: the HTLC comes back before it expires, and the payer hears of it', async () => {
    const offer = await asyncWorld({ holdAtNextHop: true });
    await ldk.call('sleep', { node: 'payee' });
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: 10_000_000, paymentId: PAYMENT_ID });
    expect(await stateOfPayment()).toBe('pending');

    await ldk.call('mine', { blocks: 1008 });
    expect(ldk.one('paymentFailed', { node: 'payer' }).reason).toBe('RetriesExhausted');
    expect(ldk.all('channelClosed')).toEqual([]);
  });

  it('is paid though both payer and LSPs restart while the HTLC is held', async () => {
    const offer = await asyncWorld({ holdAtNextHop: true });
    await ldk.call('sleep', { node: 'payee' });
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: 10_000_000, paymentId: PAYMENT_ID });
    for (const node of ['payer', 'payerLsp', 'payeeLsp']) await ldk.call('restart', { node });
    await ldk.call('wake', { node: 'payee' });
    expect(ldk.one('paymentSent', { node: 'payer' }).paymentId).toBe(PAYMENT_ID);
  });
});

describe('ordinary offers', () => {
  const line = (...names: readonly string[]) => ({
    time: NOW,
    nodes: names.map((name) => ({ name })),
    channels: names.slice(1).map((to, i) => ({ from: names[i]!, to, sat: 1_000_000, announced: true })),
  });

  it('are paid, with the note of the payer', async () => {
    await ldk.call('build', line('payer', 'relay', 'shop'));
    const { offer } = await ldk.call('createOffer', { node: 'shop', amountMsat: 5000, description: 'tea' });
    await ldk.call('payOffer', { node: 'payer', offer, paymentId: PAYMENT_ID, payerNote: 'for two' });
    expect(ldk.one('claimable', { node: 'shop' })).toMatchObject({ purpose: 'offer', payerNote: 'for two' });
    expect(ldk.one('paymentSent').invoiceKind).toBe('bolt12');
  });

  it('wait for a message that is withheld, and fail when it is lost', async () => {
    await ldk.call('build', line('payer', 'shop'));
    const { offer } = await ldk.call('createOffer', { node: 'shop', amountMsat: 5000 });
    await ldk.call('withhold', { from: 'shop', to: 'payer' });
    await ldk.call('payOffer', { node: 'payer', offer, paymentId: PAYMENT_ID });
    expect(await stateOfPayment()).toBe('awaitingInvoice');
    expect(await ldk.call('release', { from: 'shop', to: 'payer' })).not.toEqual({ messages: 0 });
    expect(await stateOfPayment()).toBe('fulfilled');

    const second = '22'.repeat(32);
    await ldk.call('withhold', { from: 'shop', to: 'payer' });
    await ldk.call('payOffer', { node: 'payer', offer, paymentId: second });
    await ldk.call('release', { from: 'shop', to: 'payer', lose: true });
    await ldk.call('withhold', { from: 'shop', to: 'payer' });
    for (let minute = 0; minute < 2; minute++) await ldk.call('tick', { node: 'payer' });
    expect(ldk.one('paymentFailed').reason).toBe('InvoiceRequestExpired');
  });

  it('of a phantom cluster are answered by whichever member is awake', async () => {
    const phantomSeed = '07'.repeat(32);
    await ldk.call('build', {
      time: NOW,
      nodes: [{ name: 'payer' }, { name: 'hub' }, { name: 'memberA', phantomSeed }, { name: 'memberB', phantomSeed }],
      channels: [
        { from: 'payer', to: 'hub', sat: 1_000_000, announced: true },
        { from: 'hub', to: 'memberA', sat: 1_000_000, announced: true },
        { from: 'hub', to: 'memberB', sat: 1_000_000, announced: true },
      ],
    });
    const { offer } = await ldk.call('createPhantomOffer', {
      node: 'memberA',
      members: ['memberB'],
      amountMsat: 7000,
    });
    await ldk.call('sleep', { node: 'memberA' });
    await ldk.call('payOffer', { node: 'payer', offer, paymentId: PAYMENT_ID });
    expect(ldk.one('claimed', { node: 'memberB' }).amountMsat).toBe(7000);
    expect(ldk.one('paymentSent').feeMsat).toBe(1000);
  });
});

it('says what is wrong with a command', async () => {
  await expect(ldk.call('claim', { node: 'nobody', preimage: '00' })).rejects.toThrow(/nobody/);
  await expect(ldk.call('decode', { kind: 'offer', text: 'lno1' })).rejects.toThrow(/LDK refuses/);
});
