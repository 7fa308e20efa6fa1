/** Our messenger over an LDK node as its member: LDK pays a static invoice, and all messages go through the real router. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { buildOffer, buildStaticInvoice, encodeOfferString, encodeRecords, signerOf } from '../../src/bolt12/index.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { Messenger } from '../../src/messages/index.js';
import { chainHashOf } from '../../src/onion/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { LdkMessagePort } from './ldk-message-port.js';
import { LdkProgram } from './ldk-program.js';
import { LdkVirtualNode } from './ldk-virtual-node.js';

const NOW = 1_790_000_000;
const EXPIRY = NOW + 86_400;
const PAYMENT_ID = '11'.repeat(32);
const FAKE_SCID = (16_000_000n << 40n) | (1n << 16n) | 2n;
const SECRET = new Uint8Array(32).fill(0x42);
const ISSUER = new Uint8Array(32).fill(0x43);
const FAR_EXPIRY = 20_000;
const REFERENCE = new Uint8Array(8).fill(7);

let ldk: LdkProgram;
let virtual: LdkVirtualNode;
let messenger: Messenger;
const faults: unknown[] = [];

beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());
beforeEach(async () => {
  const { nodes } = await ldk.call('build', {
    time: NOW,
    nodes: [{ name: 'payer' }, { name: 'hub' }, { name: 'member', mailbox: 'manual', standIn: true }],
    channels: [
      { from: 'payer', to: 'hub', sat: 1_000_000 },
      { from: 'hub', to: 'member', sat: 1_000_000, announced: true },
    ],
  });
  ldk.forget();
  virtual = new LdkVirtualNode(
    ldk,
    nodes.find(({ name }) => name === 'member')!,
    SECRET,
  );
  messenger = new Messenger({
    virtualNodes: [{ nodeId: virtual.nodeId, secret: SECRET, contextKey: new Uint8Array(32).fill(8) }],
    graph: { neighbours: () => [], endsOf: () => undefined, canDial: () => true },
    clock: { now: () => NOW * 1000, soon: (task) => void setImmediate(task) },
    random: randomBytes,
    onFault: (error) => void faults.push(error),
  });
  const port = new LdkMessagePort(ldk, 'member', nodes);
  await messenger.addMember('member', port.nodeId, port);
});

it('LDK gets our static invoice, is told to send, and its HTLC brings the preimage', async () => {
  const [offerPath] = messenger.pathsToVirtual(
    messenger.pathId({ kind: 'static_invoice_requested', client: 1, slot: 0, expiry: EXPIRY }),
  );
  const offer = unwrap(
    buildOffer({ chains: [chainHashOf('regtest')], paths: [offerPath!], issuerId: ec.publicKey(ISSUER) }),
  );
  const { height } = await ldk.call('channels', { node: 'member' });
  const invoice = unwrap(
    buildStaticInvoice({
      offer,
      paymentPaths: [virtual.paymentPath(FAKE_SCID, new Uint8Array(32).fill(3), height + FAR_EXPIRY)],
      messagePaths: messenger.pathsToVirtual(
        messenger.pathId({ kind: 'inbound_payment', reference: REFERENCE, expiry: EXPIRY }),
      ),
      createdAt: NOW,
      features: [17],
      signer: signerOf(ISSUER),
    }),
  );
  let released = 0;
  messenger.handle('invoice_request', 'static_invoice_requested', async ({ replyPath }) => {
    const content = { name: 'static_invoice', bytes: encodeRecords(invoice.records) } as const;
    expect(await messenger.send(content, { path: replyPath! })).toMatchObject({ kind: 'sent' });
  });
  messenger.handle('held_htlc_available', 'inbound_payment', async ({ context, replyPath }) => {
    expect(context.reference).toEqual(REFERENCE);
    expect(await messenger.send({ name: 'release_held_htlc' }, { path: replyPath! })).toMatchObject({ kind: 'sent' });
    released++;
  });

  await ldk.call('payOffer', {
    node: 'payer',
    offer: encodeOfferString(offer),
    amountMsat: 5000,
    paymentId: PAYMENT_ID,
  });
  await ldk.settled();
  expect(faults).toEqual([]);
  expect(released).toBeGreaterThan(0);

  const htlc = ldk.one('htlc', { node: 'member' });
  const preimage = toHex(virtual.open(htlc).payload.keysendPreimage!);
  await ldk.call('settleHtlc', { node: 'member', interceptId: htlc.interceptId, preimage });
  expect(ldk.one('paymentSent')).toMatchObject({ invoiceKind: 'static', preimage });
});
