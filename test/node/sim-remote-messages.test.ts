/** A simulated network in another process carries messages and holds HTLCs as one in this process does. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from 'node:net';
import { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import { RemoteSimNode } from '../../src/node/sim/remote-client.js';
import { serveSimNetwork } from '../../src/node/sim/remote-server.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import { encodeBlindedPath, FailureCode } from '../../src/onion/index.js';
import { wallClock } from '../../src/receive/clock.js';
import { toHex } from '../../src/wire/bytes.js';
import { MessageListener, messageTo } from './messages-conformance-cast.js';
import { describeMessageConformance, type MessageWorld } from './messages-conformance.js';
import { HOLD, Holder, holdNetwork, keysendPart, Sent } from './sim-hold-world.js';
import { messageNetwork } from './sim-message-harness.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;
let seed = 50_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 5000; i++) {
    if (await condition()) return;
    await sleep(2);
  }
  throw new Error('it never happened');
}

interface Served {
  readonly network: SimNetwork;
  readonly port: number;
  readonly admin: RemoteSimAdmin;
  readonly node: (name: string) => RemoteSimNode;
  readonly close: () => Promise<void>;
}

async function serve(network: SimNetwork): Promise<Served> {
  const { port, close } = await serveSimNetwork(network);
  const url = `tcp://127.0.0.1:${port}`;
  const admin = new RemoteSimAdmin(url);
  const nodes: RemoteSimNode[] = [];
  return {
    network,
    port,
    admin,
    node: (name) => {
      const node = new RemoteSimNode({ url, node: name });
      nodes.push(node);
      return node;
    },
    async close() {
      await Promise.all([admin.close(), ...nodes.map((node) => node.close())]);
      await close();
    },
  };
}

async function finishedAtEnd(served: Promise<Served>): Promise<Served> {
  const made = await served;
  onTestFinished(() => made.close());
  return made;
}

const serveMessages = (): Promise<Served> => serve(messageNetwork({ seed: ++seed, clock: wallClock, timing: FAST }));

describeMessageConformance('sim in another process', {
  async make(): Promise<MessageWorld> {
    const served = await serveMessages();
    const { admin, network } = served;
    const actor = (name: string) => ({ port: served.node(name), nodeId: network.node(name).nodeId });
    return {
      node: actor('node'),
      peer: actor('peer'),
      stranger: actor('stranger'),
      until,
      finish: (promise) => promise,
      quiet: () => sleep(60),
      cutPeer: (cut) => admin.inject({ fault: cut ? 'cut-link' : 'heal-link', nodes: ['node', 'peer'] }),
      crash: () => admin.inject({ fault: 'crash-node', node: 'node' }),
      restart: () => admin.inject({ fault: 'restart-node', node: 'node' }),
      close: served.close,
    };
  },
});

describe('messages of a network in another process', () => {
  it('may be as long as they get', async () => {
    const { node, network } = await finishedAtEnd(serveMessages());
    const [at, peer] = [await MessageListener.open(node('node')), await MessageListener.open(node('peer'))];
    await until(() => peer.isConnected(network.node('node').nodeId) === true);
    const message = messageTo([network.node('node').nodeId], 'x'.repeat(1000));
    const long = { ...message, packet: new Uint8Array(32_834) };
    expect(await peer.session.send(network.node('node').nodeId, long)).toBe('sent');
    expect(await peer.session.send(network.node('node').nodeId, message)).toBe('sent');
    await until(() => at.received.length > 0);
    expect(at.texts).toEqual(['x'.repeat(1000)]);
  });

  it('suffer from faults that are injected', async () => {
    const { node, network, admin } = await finishedAtEnd(serveMessages());
    const [at, peer] = [await MessageListener.open(node('node')), await MessageListener.open(node('peer'))];
    const { nodeId } = network.node('node');
    await until(() => peer.isConnected(nodeId) === true);
    await admin.inject({ fault: 'lose-messages', node: 'peer', probability: 1 });
    expect(await peer.session.send(nodeId, messageTo([nodeId], 'lost'))).toBe('sent');
    await admin.inject({ fault: 'lose-messages', node: 'peer', probability: 0 });
    await admin.inject({ fault: 'duplicate-messages', node: 'peer', probability: 1 });
    await admin.inject({ fault: 'delay-messages', node: 'peer', ms: [1, 3] });
    expect(await peer.session.send(nodeId, messageTo([nodeId], 'twice'))).toBe('sent');
    await until(() => at.received.length > 1);
    expect(at.texts).toEqual(['twice', 'twice']);
    await admin.inject({ fault: 'drop-message-streams', node: 'node' });
    await until(() => at.closed.length > 0);
    expect(at.closed).toEqual(['stream dropped']);
  });

  it('have a graph that follows the network', async () => {
    const { node, network } = await finishedAtEnd(serveMessages());
    const remote = node('node');
    const at = await MessageListener.open(remote);
    const { messageGraph } = remote;
    const idOf = (name: string): Uint8Array => network.node(name).nodeId;
    expect([...messageGraph.neighbours(idOf('hub'))].map(toHex)).toEqual([toHex(idOf('stranger'))]);
    expect(messageGraph.canDial(idOf('stranger'))).toBe(true);
    const channel = network.channelBetween('stranger', 'hub');
    const ends = messageGraph.endsOf(channel.scid)!.map(toHex);
    expect(ends).toEqual([toHex(idOf('stranger')), toHex(idOf('hub'))].sort());
    network.addNode('late');
    network.openChannel(network.node('late'), network.node('hub'), { balances: [1_000_000n, 1_000_000n] });
    expect(messageGraph.canDial(idOf('late'))).toBe(false);
    await messageGraph.load();
    expect(messageGraph.canDial(idOf('late'))).toBe(true);
    at.session.close();
  });

  it('end with the connection, for the node too', async () => {
    const { node, network, port } = await finishedAtEnd(serveMessages());
    const socket = connect({ host: '127.0.0.1', port }, () =>
      socket.write('{"id":0,"verb":"open_messages","node":"node"}\n'),
    );
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    await expect(MessageListener.open(node('node'))).rejects.toThrow('a session already');
    socket.destroy();
    let listener: MessageListener | undefined;
    await until(async () => {
      listener = await MessageListener.open(node('node')).catch(() => undefined);
      return listener !== undefined;
    });
    await until(() => listener!.isConnected(network.node('peer').nodeId) === true);
  });
});

describe('holding in another process', () => {
  async function holding(): Promise<Served & { readonly holder: Holder; readonly lsp: RemoteSimNode }> {
    const served = await finishedAtEnd(serve(holdNetwork({ seed: ++seed, clock: wallClock, timing: FAST })));
    const holder = new Holder(served.network.node('lsp').nodeId);
    const lsp = served.node('lsp');
    holder.session = await lsp.intercept.open(holder.handlers());
    return { ...served, holder, lsp };
  }

  it('gives the path, tells it to the payer, and shows the flag', async () => {
    const { holder, node, network, lsp } = await holding();
    expect(lsp.intercept.returnsReleasePaths).toBe(false); // not asked yet
    await lsp.info();
    expect(lsp.intercept.returnsReleasePaths).toBe(true);
    const payer = node('payer');
    expect((await payer.send.balances()).channels.map(({ holdsHtlcs }) => holdsHtlcs)).toEqual([true]);
    const sent = new Sent(payer.send, keysendPart(network, 1, [HOLD]));
    await until(() => sent.paths.length > 0 && holder.htlcs.length > 0);
    expect(sent.paths.map((path) => toHex(encodeBlindedPath(path)))).toEqual(
      holder.given.map((path) => toHex(encodeBlindedPath(path))),
    );
    expect(holder.htlcs[0]!.wireRecords).toEqual([HOLD]);
    expect(holder.resume()).toBe('sent');
    expect((await sent.done).kind).toBe('settled');
  });

  it.each<[string, (holder: Holder) => void]>([
    ['gives none', (holder) => (holder.answer = () => undefined)],
    [
      'throws',
      (holder) =>
        (holder.answer = () => {
          throw new Error('a bug');
        }),
    ],
    [
      'goes away while it is asked',
      (holder) =>
        (holder.answer = () => {
          holder.session.close();
          return undefined;
        }),
    ],
  ])('fails the HTLC if whoever intercepts %s', async (_name, spoil) => {
    const { holder, node, network } = await holding();
    spoil(holder);
    const sent = new Sent(node('payer').send, keysendPart(network, 1, [HOLD]));
    const outcome = await sent.done;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: FailureCode.temporaryNodeFailure } });
    expect(sent.paths).toEqual([]);
  });
});
