/** What the harness leaves to a test if it is told to: serving invoices, claiming, passing on, playing a node from gossip. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { LdkProgram } from './ldk-program.js';
import type { LdkChannelOptions, LdkNodeOptions } from './ldk-protocol.js';

const NOW = 1_790_000_000;
const PAYMENT_ID = '11'.repeat(32);
const TWO_HOURS = 7200;

let ldk: LdkProgram;
beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());
beforeEach(() => ldk.forget());

/** payer – lsp – payee. */
async function world(lsp: Partial<LdkNodeOptions>, payee: Partial<LdkNodeOptions> = {}): Promise<void> {
  const channels: LdkChannelOptions[] = [
    { from: 'payer', to: 'lsp', sat: 1_000_000, announced: true },
    { from: 'lsp', to: 'payee', sat: 1_000_000 },
  ];
  const nodes = [{ name: 'payer' }, { name: 'lsp', ...lsp }, { name: 'payee', ...payee }];
  await ldk.call('build', { time: NOW, nodes, channels });
}

async function useServer(): Promise<void> {
  const { paths } = await ldk.call('serverPaths', { node: 'lsp', recipientId: 'aa' });
  await ldk.call('useServer', { node: 'payee', paths });
}

it('a static invoice server by hand', async () => {
  await world({ staticInvoices: 'manual', mailbox: 'auto' });
  await useServer();
  const stored = ldk.one('persistStaticInvoice');
  await expect(ldk.call('asyncOffer', { node: 'payee' })).rejects.toThrow(/stored/);
  await ldk.call('acknowledgeStaticInvoice', { token: stored.token! });
  await expect(ldk.call('acknowledgeStaticInvoice', { token: stored.token! }), 'once').rejects.toThrow(/token/);
  const { offer } = await ldk.call('asyncOffer', { node: 'payee' });

  await ldk.call('payOffer', { node: 'payer', offer, amountMsat: 5000, paymentId: PAYMENT_ID });
  const { token } = ldk.one('staticInvoiceRequested');
  expect(ldk.all('claimed')).toEqual([]);
  const { invoice, requestPath } = stored;
  await ldk.call('sleep', { node: 'payee' });
  await ldk.call('answerStaticInvoiceRequest', { token: token!, invoice, requestPath });
  await ldk.call('wake', { node: 'payee' });
  expect(ldk.one('paymentSent')).toMatchObject({ invoiceKind: 'static', invoice });
});

it('the clock is the time in blocks: a used static invoice is renewed after two hours', async () => {
  await world({ staticInvoices: 'auto' });
  await useServer();
  await ldk.call('asyncOffer', { node: 'payee' });
  const { slot } = ldk.all('persistStaticInvoice')[0]!;
  ldk.forget();
  await ldk.call('mine', { blocks: 1, seconds: TWO_HOURS });
  await ldk.call('tick', { node: 'payee' });
  expect(ldk.all('persistStaticInvoice', { slot })).toEqual([]);
  await ldk.call('mine', { blocks: 1, seconds: 1 });
  await ldk.call('tick', { node: 'payee' });
  expect(ldk.all('persistStaticInvoice', { slot })).toHaveLength(1);
});

it('a payee that claims by hand, or refuses', async () => {
  await world({}, { autoClaim: false });
  const { invoice } = await ldk.call('createInvoice', { node: 'payee', amountMsat: 9000 });
  await ldk.call('payBolt11', { node: 'payer', invoice, paymentId: PAYMENT_ID });
  const { preimage } = ldk.one('claimable', { purpose: 'bolt11' });
  expect(ldk.all('claimed')).toEqual([]);
  await ldk.call('claim', { node: 'payee', preimage: preimage! });
  expect(ldk.one('paymentSent').preimage).toBe(preimage);

  ldk.forget();
  const second = await ldk.call('createInvoice', { node: 'payee', amountMsat: 9000 });
  const paymentId = '22'.repeat(32);
  await ldk.call('payBolt11', { node: 'payer', invoice: second.invoice, paymentId, retries: 0 });
  await ldk.call('refuse', { node: 'payee', paymentHash: second.paymentHash });
  expect(ldk.one('pathFailed').failure).toContain('0x400f');
  expect(ldk.one('paymentFailed')).toMatchObject({ paymentId, reason: 'RecipientRejected' });
});

it('an HTLC to a real channel is intercepted if all are, and passed on unchanged', async () => {
  const ALL = 0xff;
  await world({ intercept: ALL });
  const { invoice } = await ldk.call('createInvoice', { node: 'payee', amountMsat: 9000 });
  await ldk.call('payBolt11', { node: 'payer', invoice, paymentId: PAYMENT_ID });
  const { interceptId, outgoingMsat } = ldk.one('htlc', { node: 'lsp' });
  expect(outgoingMsat).toBe(9000);
  expect(ldk.all('claimable')).toEqual([]);
  await ldk.call('resumeHtlc', { node: 'lsp', interceptId, to: 'payee' });
  expect(ldk.one('paymentSent').paymentId).toBe(PAYMENT_ID);
});

it('a foreign node that is known from gossip gets dialled, and is sent what waited', async () => {
  await world({});
  const id = toHex(ec.publicKey(new Uint8Array(32).fill(0x42)));
  await ldk.call('announceForeign', { node: 'lsp', peer: id });
  const { paths } = await ldk.call('serverPaths', { node: 'lsp', recipientId: 'aa' });
  // A path whose first node is the foreign one; what is behind it does not matter here.
  const foreign = paths.map((path) => id + path.slice(66));
  await ldk.call('useServer', { node: 'payee', paths: foreign });
  expect(ldk.one('connectionNeeded', { node: 'payee' })).toMatchObject({ peer: id, addresses: ['127.0.0.1:9735'] });
  expect(ldk.all('foreignMessage')).toEqual([]);
  await ldk.call('connect', { node: 'payee', peer: id });
  expect(ldk.all('foreignMessage', { node: 'payee', to: id }).length).toBeGreaterThan(0);
});
