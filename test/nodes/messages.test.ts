/** Onion messages, peer messages and signatures of real LNDs. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { Messenger, type VirtualNode } from '../../src/messages/index.js';
import type { LndNode } from '../../src/node/lnd/node.js';
import { messageSigner } from '../../src/offline/wake/index.js';
import { wallClock } from '../../src/receive/clock.js';
import { utf8 } from '../../src/wire/bytes.js';
import { describeMessageConformance } from '../node/messages-conformance.js';
import { lndNodeOf, MessageNetwork } from './message-harness.js';
import { until } from './program.js';

let network: MessageNetwork | undefined;
beforeAll(async () => {
  network = await MessageNetwork.open();
});
afterAll(() => network?.close());

describeMessageConformance('LND', { make: () => network!.world() });

describe('a virtual node behind a real LND', () => {
  const party = async (name: 'node' | 'stranger'): Promise<{ messenger: Messenger; lnd: LndNode }> => {
    const lnd = lndNodeOf(network!.net.node(name));
    const secret = randomBytes(32);
    const virtual: VirtualNode = { nodeId: ec.publicKey(secret), secret, contextKey: randomBytes(32) };
    const messenger = new Messenger({
      virtualNodes: [virtual],
      graph: lnd.messageGraph!,
      clock: wallClock,
      random: randomBytes,
    });
    onTestFinished(() => {
      messenger.close();
      lnd.close();
    });
    const { nodeId } = await lnd.info();
    await messenger.addMember(name, nodeId, lnd.messages!);
    const { graph } = { graph: lnd.messageGraph! };
    const peer = network!.net.node('peer').nodeId;
    await until(
      `${name} to have read its graph`,
      () => [...graph.neighbours(peer)].length === 2 && graph.canDial(nodeId),
    );
    return { messenger, lnd };
  };

  it('is asked over a blinded path by a stranger, and its answer finds the way back', async () => {
    const [shop, payer] = [await party('node'), await party('stranger')];
    const nonce = randomBytes(16);
    const paymentId = randomBytes(16);
    const [question, answer] = [randomBytes(40), randomBytes(60)];
    const answers: Uint8Array[] = [];
    shop.messenger.handle('invoice_request', 'invoice_request', async ({ content, context, replyPath }) => {
      expect([content.bytes, context.nonce]).toEqual([question, nonce]);
      const sent = await shop.messenger.send({ name: 'invoice', bytes: answer }, { path: replyPath! });
      expect(sent.kind).toBe('sent');
    });
    payer.messenger.handle('invoice', 'outbound_payment_for_offer', ({ content, context }) => {
      expect(context.paymentId).toEqual(paymentId);
      answers.push(content.bytes);
    });
    const [path] = shop.messenger.pathsToVirtual(shop.messenger.pathId({ kind: 'invoice_request', nonce }));
    const [replyPath] = payer.messenger.pathsToVirtual(
      payer.messenger.pathId({ kind: 'outbound_payment_for_offer', paymentId }),
    );
    const request = { name: 'invoice_request', bytes: question } as const;
    const sent = await payer.messenger.send(request, { path: path! }, { replyPath: replyPath! });
    expect(sent).toMatchObject({ kind: 'sent' });
    await until('the answer', () => answers.length > 0, { onLate: () => network!.net.logs() });
    expect(answers).toEqual([answer]);
  });

  it('has contents that LND itself would drop', async () => {
    const [shop, payer] = [await party('node'), await party('stranger')];
    const holdId = randomBytes(16);
    let releases = 0;
    shop.messenger.handle('release_held_htlc', 'release_held_htlc', ({ context }) => {
      expect(context.holdId).toEqual(holdId);
      releases += 1;
    });
    const [path] = shop.messenger.pathsToVirtual(shop.messenger.pathId({ kind: 'release_held_htlc', holdId }));
    expect(await payer.messenger.send({ name: 'release_held_htlc' }, { path: path! })).toMatchObject({ kind: 'sent' });
    await until('the release', () => releases === 1, { onLate: () => network!.net.logs() });
  });
});

it('signs as the verifier of wake-ups expects', async () => {
  const lnd = lndNodeOf(network!.net.node('node'));
  onTestFinished(() => {
    lnd.close();
  });
  const message = utf8('LSPS5: DO NOT SIGN THIS MESSAGE MANUALLY: LSP: At 2026-01-01T00:00:00.000Z I notify {}');
  const signature = await lnd.signMessage!(message);
  expect(messageSigner(message, signature)).toEqual(network!.net.node('node').nodeId);
  expect(messageSigner(utf8('another'), signature)).not.toEqual(network!.net.node('node').nodeId);
});
