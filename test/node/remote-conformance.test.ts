import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from 'node:net';
import { wallClock } from '../../src/receive/clock.js';
import { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import { RemoteSimNode } from '../../src/node/sim/remote-client.js';
import { serveSimNetwork } from '../../src/node/sim/remote-server.js';
import { MAX_REQUEST_LENGTH } from '../../src/node/sim/remote-wire.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import {
  describePortConformance,
  type ConformanceHarness,
  type ConformanceWorld,
  type PayerView,
} from './conformance.js';
import { conformanceNetwork, MEMBERS, payRequest } from './sim-harness.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;
let seed = 9_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function serve(): Promise<{ network: SimNetwork; url: string; port: number; close: () => Promise<void> }> {
  const network = conformanceNetwork(++seed, wallClock, true, FAST);
  const { port, close } = await serveSimNetwork(network);
  return { network, url: `tcp://127.0.0.1:${port}`, port, close };
}

const remoteHarness: ConformanceHarness = {
  autoFailBlocks: 19,
  async make(): Promise<ConformanceWorld> {
    const { network, url, close } = await serve();
    const admin = new RemoteSimAdmin(url);
    const [alpha, beta] = MEMBERS.map((node) => new RemoteSimNode({ url, node })) as [RemoteSimNode, RemoteSimNode];
    const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
      for (let i = 0; i < 2000; i++) {
        if (await condition()) return;
        await sleep(2);
      }
      throw new Error('it never happened');
    };
    return {
      ports: [alpha, beta],
      nodeIds: [network.node('alpha').nodeId, network.node('beta').nodeId],
      network: 'regtest',
      sharedScid: network.channelBetween(...MEMBERS).scid,
      async send(order) {
        const { invoice, amountMsat, attempts, mistakes } = payRequest(network, order);
        const request = { invoice: { ...invoice, routeHints: invoice.routeHints.map((hint) => [...hint]) } };
        const index = await admin.pay('payer', {
          ...request,
          amountMsat: amountMsat!,
          attempts: attempts!,
          mistakes: mistakes!,
        });
        const part = async () => (await admin.payment('payer', index)).parts[0]!;
        await until(async () => (await part()).attempts.length > 0);
        const incomingExpiry = (await part()).attempts[0]!.expiry;
        const view = async (): Promise<PayerView> => {
          const { outcome, preimage, parts } = await admin.payment('payer', index);
          if (outcome === 'pending') return { outcome };
          if (outcome === 'settled') return { outcome, preimage: preimage! };
          const failure = parts[0]!.attempts[0]!.failure;
          const hop =
            failure?.blamed === 'payee' ? 'payee' : failure?.blamed === MEMBERS[order.to] ? 'member' : 'other';
          return { outcome, hop, code: failure?.code };
        };
        return { incomingExpiry, outgoingExpiry: incomingExpiry - order.cltvDelta, view };
      },
      until,
      quiet: () => sleep(60),
      mine: (blocks) => admin.inject({ fault: 'mine-blocks', blocks }),
      dropStream: (member) => admin.inject({ fault: 'drop-stream', node: MEMBERS[member] }),
      crash: (member) => admin.inject({ fault: 'crash-node', node: MEMBERS[member] }),
      restart: (member) => admin.inject({ fault: 'restart-node', node: MEMBERS[member] }),
      cutPeer: (member, cut) =>
        admin.inject({ fault: cut ? 'cut-link' : 'heal-link', nodes: ['payer', MEMBERS[member]] }),
      closeByPeer: (member) => admin.inject({ fault: 'force-close', nodes: ['payer', MEMBERS[member]] }),
      async close() {
        await Promise.all([alpha.close(), beta.close(), admin.close()]);
        await close();
      },
    };
  },
};

describePortConformance('sim in another process', remoteHarness);

describe('the server of a simulated network', () => {
  const hostile: readonly (readonly [name: string, bytes: string | Uint8Array])[] = [
    ['text that is not JSON', 'hello\n'],
    ['JSON that is no request', '{"id":1,"verb":"explode"}\n'],
    ['a request with a wrong type', '{"id":1,"verb":"info","node":7}\n'],
    ['null', 'null\n'],
    [
      'a key that is not hex',
      '{"id":1,"verb":"lookup","node":"alpha","key":{"nodeId":"zz","channelId":"1","htlcId":"1"}}\n',
    ],
    [
      'an amount beyond u64',
      '{"verb":"answer","key":{"nodeId":"02","channelId":"99999999999999999999","htlcId":"1"}}\n',
    ],
    ['a line without end', 'x'.repeat(2 * MAX_REQUEST_LENGTH)],
    ['a long line', `${'['.repeat(MAX_REQUEST_LENGTH + 1)}\n`],
    ['deep nesting', `${'['.repeat(50_000)}\n`],
    ['bytes that are not text', Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) & 0xff)],
  ];

  it.each(hostile)('ends the connection on %s, and nothing else', async (_name, bytes) => {
    const { url, port, close } = await serve();
    onTestFinished(close);
    const admin = new RemoteSimAdmin(url);
    onTestFinished(() => admin.close());
    await admin.nodes();
    const closed = new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => socket.write(bytes));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
    await closed;
    expect((await admin.nodes()).map(({ name }) => name)).toEqual(['payer', 'alpha', 'beta']);
  });

  it('answers impossible wishes with an error and stays', async () => {
    const { url, close } = await serve();
    onTestFinished(close);
    const nobody = new RemoteSimNode({ url, node: 'nobody' });
    await expect(nobody.info()).rejects.toThrow('no node is called nobody');
    await expect(nobody.channels()).rejects.toThrow('no node is called nobody');
    const admin = new RemoteSimAdmin(url);
    await expect(admin.payment('payer', 3)).rejects.toThrow('no payment 3');
    await expect(admin.pay('payer', { invoice: 'lnbcrt1nonsense' })).rejects.toThrow();
    await expect(admin.inject({ fault: 'drop-stream', node: 'payer' })).rejects.toThrow('does not intercept');
    await Promise.all([nobody.close(), admin.close()]);
  });

  it('frees the stream of a client that vanished', async () => {
    const { network, url, port, close } = await serve();
    onTestFinished(close);
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write('{"id":0,"verb":"open","node":"alpha"}\n'));
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    expect(network.node('alpha').interceptor!.session).toBeDefined();
    socket.destroy();
    for (let i = 0; i < 500 && network.node('alpha').interceptor!.session; i++) await sleep(2);
    const node = new RemoteSimNode({ url, node: 'alpha' });
    const closedReasons: string[] = [];
    const handlers = { onHtlc: () => undefined, onFinal: () => undefined, onHeight: () => undefined };
    const session = await node.intercept.open({ ...handlers, onClosed: (reason) => closedReasons.push(reason) });
    expect(await session.heartbeat()).toBe(network.height);
    session.close();
    session.close();
    expect(closedReasons).toEqual(['closed by us']);
    await node.close();
  });

  it('takes one answer for an HTLC that is shown twice', async () => {
    const { network, url, close } = await serve();
    onTestFinished(close);
    const [admin, node] = [new RemoteSimAdmin(url), new RemoteSimNode({ url, node: 'alpha' })];
    onTestFinished(async () => {
      await Promise.all([admin.close(), node.close()]);
    });
    await admin.inject({ fault: 'duplicate-presentation', node: 'alpha', probability: 1 });
    const results: string[] = [];
    const session = await node.intercept.open({
      onHtlc: (htlc) => results.push(session.answer(htlc.key, { action: 'resume' })),
      onFinal: () => undefined,
      onHeight: () => undefined,
      onClosed: () => undefined,
    });
    const { nodeId } = network.node('alpha');
    const hint = {
      nodeId,
      shortChannelId: 1n << 63n,
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: 45,
    };
    const paymentHash = new Uint8Array(32).fill(5);
    const invoice = {
      paymentHash,
      paymentSecret: paymentHash,
      payee: network.node('beta').nodeId,
      minFinalCltvExpiryDelta: 80,
    };
    const payment = { invoice: { ...invoice, routeHints: [[hint]] }, amountMsat: 50_000n, attempts: 1 };
    for (let i = 0; i < 10; i++) await admin.pay('payer', payment);
    const ended = async (i: number): Promise<boolean> => (await admin.payment('payer', i)).outcome === 'failed';
    for (let i = 0; i < 10; i++) while (!(await ended(i))) await sleep(2);
    expect(results.filter((result) => result === 'sent')).toHaveLength(10);
    const { answers } = await admin.observations();
    expect(answers.map(({ fate }) => fate)).toEqual(Array.from({ length: 10 }, () => 'applied'));
  });

  it('is refused by an address that is not loopback', () => {
    for (const url of ['tcp://10.0.0.1:1', 'http://127.0.0.1:1', 'tcp://127.0.0.1', 'nonsense']) {
      expect(() => new RemoteSimNode({ url, node: 'alpha' })).toThrow(RangeError);
    }
  });

  it('rejects while nobody listens, and works again later', async () => {
    const { url, port, network, close } = await serve();
    const node = new RemoteSimNode({ url, node: 'alpha' });
    await node.info();
    await close();
    await sleep(20);
    await expect(node.info()).rejects.toThrow();
    const again = await serveSimNetwork(network, port);
    onTestFinished(() => again.close());
    expect((await node.info()).alias).toBe('alpha');
    await node.close();
  });
});
