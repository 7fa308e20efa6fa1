/** LDK nodes that vanish, come back, or meet damaged messages. Payer A, router B, members C and D. */
import type { UpdateAddHTLC } from 'lightningdevkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  channelsReady,
  createPhantomInvoice,
  LdkNode,
  LdkRefused,
  LdkTimeout,
  LdkWorld,
  onionOf,
  openChannel,
  payInvoice,
  phantomHints,
  withOnion,
} from '../../src/node/ldk/index.js';
import { toHex } from '../../src/wire/bytes.js';

const crossNodeSeed = new Uint8Array(32).fill(7);
let world: LdkWorld;
let payer: LdkNode, router: LdkNode, c: LdkNode, d: LdkNode;
let onTheWay: (message: UpdateAddHTLC) => UpdateAddHTLC | undefined = (message) => message;

beforeAll(async () => {
  world = await LdkWorld.create();
  payer = await LdkNode.start(world, { name: 'A' });
  router = await LdkNode.start(world, { name: 'B' });
  c = await LdkNode.start(world, { name: 'C', crossNodeSeed, hooks: { addHtlc: (message) => onTheWay(message) } });
  d = await LdkNode.start(world, { name: 'D', crossNodeSeed });
  await payer.connect(router);
  await openChannel(payer, router, { capacitySats: 4_000_000n });
  for (const member of [c, d]) {
    await router.connect(member);
    await openChannel(router, member, { capacitySats: 1_000_000n });
  }
});

afterAll(() => world.stop());

describe('LDK nodes under faults', () => {
  it('answer a damaged onion as malformed, and the node before it reports', async () => {
    let seen = 0;
    onTheWay = (message) => {
      seen += 1;
      const onion = onionOf(message);
      onion[700]! ^= 1;
      return withOnion(c.ldk, message, onion);
    };
    const payment = payInvoice(payer, createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 9_000n }));
    const outcome = await payment.outcome();
    onTheWay = (message) => message;
    expect(seen).toBe(1);
    expect(outcome).toMatchObject({ paid: false, failures: [{ code: 0xc005, blamedNodeId: toHex(router.id) }] });
  });

  it('are paid after a restart for an invoice issued before it', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 50_000n });
    const before = c;
    c = await before.restart();
    expect(c).not.toBe(before);
    expect(toHex(c.id)).toBe(toHex(before.id));
    expect(before.stopped).toBe(true);
    await router.connect(c);
    await channelsReady(router, c);
    const payment = payInvoice(payer, invoice);
    expect((await payment.outcome()).paid).toBe(true);
    expect(c.findEvent(c.ldk.Event_PaymentClaimed)?.amount_msat).toBe(50_000n);
  });

  it('stand in for one another: C makes the invoice and goes offline, D claims', async () => {
    const hints = [phantomHints(c), phantomHints(d)];
    const invoice = createPhantomInvoice(c, { hints, amountMsat: 50_000n });
    c.stop();
    await world.until(() => !router.hasPeer(c.id), 'B to notice');
    const payment = payInvoice(payer, invoice, { retries: 5 });
    expect((await payment.outcome()).paid).toBe(true);
    expect(d.findEvent(d.ldk.Event_PaymentClaimed)?.amount_msat).toBe(50_000n);
  });
});

describe('the world', () => {
  it('says in vain for what it waited', async () => {
    await expect(world.until(() => false, 'Godot', 10)).rejects.toThrow(LdkTimeout);
    await expect(world.until(() => false, 'Godot', 10)).rejects.toThrow(/Godot/);
  });

  it('passes LDK refusals on', () => {
    expect(() => payInvoice(payer, 'lnbcrt1nonsense')).toThrow(LdkRefused);
    expect(() => createPhantomInvoice(d, { hints: [] })).toThrow(LdkRefused);
  });

  it('stops all of its nodes, once', async () => {
    const small = await LdkWorld.create();
    const node = await LdkNode.start(small, { name: 'solo' });
    small.stop();
    small.stop();
    expect(node.stopped).toBe(true);
  });
});
