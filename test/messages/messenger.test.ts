import { describe, expect, it } from 'vitest';
import { type Content, messagePath, Messenger, type SendOutcome } from '../../src/messages/index.js';
import { type BlindedPath, buildBlindedPath, encodeEncryptedData } from '../../src/onion/index.js';
import type { NodeId } from '../../src/wire/units.js';
import {
  HELD,
  RELEASE,
  REQUEST,
  PAYMENT,
  MINE,
  messenger,
  twoClusters,
  listen,
  onePath,
  strangers,
  single,
} from './clusters.js';
import { secretOf, TestClock, TestNetwork, testRandom, virtualNode } from './network.js';

describe('messages between two clusters', () => {
  it.each([true, false])('go there over relays and come back over the reply path (peelOwn %s)', async (peelOwn) => {
    const { payer, payee, settle } = await twoClusters({ peelOwn });
    const answers: unknown[] = [];
    payee.messenger.handle(
      'held_htlc_available',
      'inbound_payment',
      async ({ replyPath, context, member, receiver }) => {
        answers.push(context, member, receiver);
        await payee.messenger.send(RELEASE, { path: replyPath! });
      },
    );
    payer.messenger.handle('release_held_htlc', 'outbound_payment', ({ context, replyPath }) => {
      answers.push(context, replyPath);
    });
    const inbound = { kind: 'inbound_payment', reference: new Uint8Array(8), expiry: 2_000 } as const;
    const [path] = payee.messenger.pathsToVirtual(payee.messenger.pathId(inbound));
    const outbound = { kind: 'outbound_payment', paymentId: PAYMENT } as const;
    const [replyPath] = payer.messenger.pathsToVirtual(payer.messenger.pathId(outbound), { dummyHops: 2 });
    const outcome = await payer.messenger.send(HELD, { path: path! }, { replyPath: replyPath! });
    expect(outcome).toEqual({ kind: 'sent', by: 'relayed', member: 'alice' });
    await settle();
    expect(answers).toEqual([inbound, 'carol', payee.messenger.nodeId, outbound, undefined]);
    expect([...payer.messenger.dropped, ...payee.messenger.dropped]).toEqual([]);
  });

  it('find a path that begins at a channel', async () => {
    const { payer, payee, settle, carol, network } = await twoClusters();
    const received = listen(payee.messenger);
    const path = onePath(payee.messenger);
    const [first] = network.graph.endsOf(3n)!;
    const direction = first === carol.nodeId ? 0 : 1;
    const named = { ...path, firstNode: { shortChannelId: 3n, direction } as const };
    expect(await payer.messenger.send(REQUEST, { path: named })).toMatchObject({ kind: 'sent', by: 'relayed' });
    await settle();
    expect(received).toHaveLength(1);
    const unknown = { ...path, firstNode: { shortChannelId: 99n, direction } as const };
    expect(await payer.messenger.send(REQUEST, { path: unknown })).toEqual({
      kind: 'not_sent',
      reason: 'unknown_first_node',
    });
  });

  it('go to a plain node id, and reach its public handlers only', async () => {
    const { payer, payee, carol, settle } = await twoClusters();
    const received = listen(payee.messenger);
    const open: unknown[] = [];
    payee.messenger.handle('invoice_request', 'public', ({ content, context, receiver }) => {
      open.push(content, context, receiver);
    });
    expect(await payer.messenger.send(REQUEST, { nodeId: carol.nodeId })).toMatchObject({ kind: 'sent' });
    await settle();
    expect(received).toEqual([]);
    expect(open).toEqual([REQUEST, undefined, undefined]);
  });

  it('end at the member where the path does', async () => {
    const { payer, payee, carol, settle } = await twoClusters();
    const received = listen(payee.messenger);
    const [path] = payee.messenger.pathsToVirtual(payee.messenger.pathId(MINE), { end: 'member' });
    expect(path!.hops).toHaveLength(1);
    expect(path!.firstNode).toEqual({ nodeId: carol.nodeId });
    await payer.messenger.send(REQUEST, { path: path! });
    await settle();
    expect(received).toMatchObject([{ content: REQUEST, context: MINE, member: 'carol' }]);
    expect(received[0]).not.toHaveProperty('receiver');
  });

  it('are dialled before relays are asked, and only where there is no peer', async () => {
    const { payer, payee, alice, hub, carol, network, settle } = await twoClusters();
    network.dialable = true;
    const received = listen(payee.messenger);
    const path = onePath(payee.messenger);
    expect(await payer.messenger.send(REQUEST, { path })).toEqual({ kind: 'sent', by: 'dialled', member: 'alice' });
    expect(await payer.messenger.send(REQUEST, { path })).toEqual({ kind: 'sent', by: 'direct', member: 'alice' });
    expect(alice.dials).toEqual([carol.nodeId]);
    await settle();
    expect(received).toHaveLength(2);
    expect(hub.seen).toEqual([]);
  });

  it('take another way when asked again', async () => {
    const { payer, payee, network, alice, carol, settle } = await twoClusters();
    const relay = network.add('relay', 9);
    network.channel(4n, alice, relay);
    network.channel(5n, relay, carol);
    const received = listen(payee.messenger);
    const path = onePath(payee.messenger);
    for (const attempt of [0, 1, 2]) await payer.messenger.send(REQUEST, { path }, { attempt });
    await settle();
    expect(relay.seen).toHaveLength(2);
    expect(received).toHaveLength(3);
  });

  it('are not sent where nobody can', async () => {
    const { payer, payee, network, alice, hub } = await twoClusters();
    const path = onePath(payee.messenger);
    const reasonOf = async (send: Promise<SendOutcome>): Promise<string> => {
      const outcome = await send;
      return outcome.kind === 'sent' ? outcome.by : outcome.reason;
    };
    const send = (target: BlindedPath = path, content: Content = REQUEST): Promise<string> =>
      reasonOf(payer.messenger.send(content, { path: target }));
    expect(await send(path, { name: 'invoice', bytes: new Uint8Array(33_000) })).toBe('too_large');
    const long = { ...path, hops: Array.from({ length: 21 }, () => path.hops[0]!) };
    expect(await send(long)).toBe('bad_path');
    expect(await send({ ...path, firstNode: { nodeId: virtualNode(77).nodeId } })).toBe('no_route');
    alice.broken = true;
    expect(await send()).toBe('not_delivered');
    alice.broken = false;
    network.disconnect(alice, hub);
    expect(await send()).toBe('no_route');
    network.connect(alice, hub);
    expect(await send()).toBe('relayed');
    payer.messenger.removeMember('alice');
    expect(await send()).toBe('no_route');
  });
});

describe('paths that begin at nodes of our own', () => {
  it('are followed here, however many there are', async () => {
    const { payer, payee, alice, carol, settle } = await twoClusters();
    const received = listen(payee.messenger);
    const pathId = payee.messenger.pathId(MINE);
    const virtual = payer.messenger.nodeId;
    const nodes = [virtual, alice.nodeId, virtual, alice.nodeId, carol.nodeId, payee.messenger.nodeId];
    const path = messagePath({ nodes, pathId }, testRandom());
    expect(await payer.messenger.send(REQUEST, { path })).toMatchObject({ kind: 'sent', by: 'relayed' });
    await settle();
    expect(received).toHaveLength(1);
  });

  it('are read here where they also end', async () => {
    const { payer, settle, hub } = await twoClusters();
    const received = listen(payer.messenger);
    const pathId = payer.messenger.pathId(MINE);
    for (const end of ['virtual', 'member'] as const) {
      const [path] = payer.messenger.pathsToVirtual(pathId, { end, dummyHops: 1 });
      expect(await payer.messenger.send(REQUEST, { path: path! })).toMatchObject({ kind: 'sent', by: 'local' });
    }
    expect(await payer.messenger.send(REQUEST, { nodeId: payer.messenger.nodeId })).toMatchObject({ by: 'local' });
    await settle();
    expect(received).toMatchObject([{ context: MINE }, { context: MINE }]);
    expect([...payer.messenger.dropped]).toEqual([['unknown_path', 1]]);
    expect(hub.seen).toEqual([]);
  });

  it('are left over a peer where the node cannot peel for us', async () => {
    const { payer, hub, settle } = await twoClusters({ peelOwn: false });
    const received = listen(payer.messenger);
    const outcome = await payer.messenger.send(REQUEST, { path: onePath(payer.messenger) });
    expect(outcome).toEqual({ kind: 'sent', by: 'relayed', member: 'alice' });
    await settle();
    expect(received).toMatchObject([{ context: MINE, member: 'alice' }]);
    expect(hub.seen).toHaveLength(1);
  });

  it('may name the next node by a channel', async () => {
    const { payer, payee, alice, hub, bob, carol, settle } = await twoClusters();
    const received = listen(payee.messenger);
    const given = onePath(payee.messenger);
    const pathOver = (shortChannelId: bigint): BlindedPath => {
      const datas = [
        { shortChannelId },
        { shortChannelId: 2n },
        { nextNodeId: carol.nodeId, nextPathKeyOverride: given.firstPathKey },
      ];
      const before = buildBlindedPath(
        secretOf(50),
        [alice, hub, bob].map(({ nodeId }, i) => ({ nodeId, data: encodeEncryptedData(datas[i]!) })),
      );
      return { ...before, hops: [...before.hops, ...given.hops] };
    };
    expect(await payer.messenger.send(REQUEST, { path: pathOver(99n) })).toMatchObject({
      reason: 'unknown_first_node',
    });
    expect(await payer.messenger.send(REQUEST, { path: pathOver(1n) })).toMatchObject({ kind: 'sent', by: 'direct' });
    await settle();
    expect(received).toMatchObject([{ context: MINE }]);
  });

  it('end somewhere even if a node passes to itself for ever', async () => {
    const { payer, alice } = await twoClusters();
    const nodes = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? alice.nodeId : payer.messenger.nodeId));
    const path = messagePath({ nodes, pathId: new Uint8Array(32) }, testRandom());
    expect(await payer.messenger.send(REQUEST, { path })).toEqual({ kind: 'not_sent', reason: 'bad_path' });
  });
});

describe('paths to the virtual node', () => {
  const hopsOf = (path: BlindedPath): number => path.hops.length;
  const firstOf = (path: BlindedPath): NodeId | undefined =>
    'nodeId' in path.firstNode ? path.firstNode.nodeId : undefined;

  it('are spread over the members, and begin at a peer where a member is not announced', async () => {
    const { network, payee, carol, hub, bob } = await twoClusters();
    const home = network.add('home', 60);
    home.announced = false;
    network.connect(home, hub);
    network.connect(home, bob);
    await payee.messenger.addMember('home', home.nodeId, home.port());
    const pathId = payee.messenger.pathId(MINE);
    const paths = (options?: Parameters<Messenger['pathsToVirtual']>[1]): BlindedPath[] =>
      payee.messenger.pathsToVirtual(pathId, options);
    expect(paths().map(firstOf)).toEqual([carol.nodeId, hub.nodeId]);
    expect(paths().map(hopsOf)).toEqual([2, 3]);
    expect(paths({ maxPerMember: 5 }).map(firstOf)).toEqual([carol.nodeId, hub.nodeId, bob.nodeId]);
    expect(paths({ count: 1 })).toHaveLength(1);
    expect(paths({ members: ['home'], end: 'member', dummyHops: 2 }).map(hopsOf)).toEqual([4]);
    expect(paths({ members: [] })).toEqual([]);
    network.disconnect(home, hub);
    network.disconnect(home, bob);
    expect(paths({ members: ['home'] })).toEqual([]);
    const stranger = network.add('stranger', 61);
    network.connect(home, stranger);
    expect(paths({ members: ['home'] }).map(firstOf)).toEqual([stranger.nodeId]);
    network.connect(home, network.add('another', 62));
    expect(paths({ members: ['home'] })).toEqual([]);
  });

  it('end one hop earlier where the virtual node is the member', async () => {
    const network = new TestNetwork();
    const [wallet, lsp] = [network.add('wallet', 20), network.add('lsp', 2)];
    network.connect(wallet, lsp);
    const { messenger: own } = messenger(network, 20);
    await own.addMember('wallet', wallet.nodeId, wallet.port());
    expect(own.nodeId).toEqual(wallet.nodeId);
    expect(own.pathsToVirtual(own.pathId(MINE)).map(hopsOf)).toEqual([2]);
  });
});

describe('what is not for us', () => {
  it('goes to whoever keeps strays, and later to its peer', async () => {
    const { network, payer, payee, carol, settle } = await twoClusters();
    const client = network.add('client', 40);
    client.announced = false;
    network.connect(client, carol);
    network.disconnect(client, carol);
    const nodes = [carol.nodeId, client.nodeId];
    const path = messagePath({ nodes, pathId: payee.messenger.pathId(MINE) }, testRandom());
    await payer.messenger.send(REQUEST, { path });
    await settle();
    const [stray] = payee.strays;
    expect(stray).toMatchObject({ to: { nodeId: client.nodeId }, member: 'carol' });
    expect(payee.messenger.isConnected(client.nodeId)).toBe(false);
    expect(await payee.messenger.passOn(client.nodeId, stray!.message)).toBe(false);
    network.connect(client, carol);
    expect(payee.messenger.isConnected(client.nodeId)).toBe(true);
    expect(await payee.messenger.passOn(client.nodeId, stray!.message)).toBe(true);
    expect(client.seen.map(({ message }) => message)).toEqual([stray!.message]);
    expect(payee.peers.slice(-1)).toEqual(['carol came']);
  });

  it('may lead through the virtual node: what its maker wrote for us is shown', async () => {
    const { payer, payee, carol, settle } = await twoClusters();
    const beyond = virtualNode(70).nodeId;
    const mark = { type: 1_978_221n, value: new Uint8Array(32).fill(6) };
    const datas = [{ nextNodeId: payee.messenger.nodeId }, { nextNodeId: beyond, unknown: [mark] }, {}];
    const path = buildBlindedPath(
      secretOf(51),
      [carol.nodeId, payee.messenger.nodeId, beyond].map((nodeId, i) => ({
        nodeId,
        data: encodeEncryptedData(datas[i]!),
      })),
    );
    await payer.messenger.send(REQUEST, { path });
    await settle();
    expect(payee.strays).toMatchObject([{ to: { nodeId: beyond }, member: 'carol', passedData: { unknown: [mark] } }]);
  });

  it('cannot harm by a keeper that throws', async () => {
    const network = new TestNetwork();
    const node = network.add('node', 1);
    const bug = new Error('keeper');
    const { messenger: own, faults } = messenger(network, 20, {
      onStray: () => {
        throw bug;
      },
    });
    await own.addMember('node', node.nodeId, node.port());
    const message = strangers(messagePath({ nodes: [virtualNode(5).nodeId] }, testRandom()));
    node.handlers.onUnforwarded({ to: { shortChannelId: 5n }, message });
    expect(faults).toEqual([bug]);
  });
});

describe('copies of a message', () => {
  it('go over every pair of paths, each path and reply path early, ten at most', async () => {
    const { payer, payee, settle } = await twoClusters();
    const seen: (readonly [Uint8Array, Uint8Array])[] = [];
    payee.messenger.handle('invoice_request', 'invoice_request', ({ context, replyPath }) => {
      seen.push([context.nonce.slice(0, 1), replyPath ? replyPath.firstPathKey : new Uint8Array()]);
    });
    const nonce = (n: number): Uint8Array => new Uint8Array(16).fill(n);
    const paths = [1, 2, 3, 4].map(
      (n) => payee.messenger.pathsToVirtual(payee.messenger.pathId({ ...MINE, nonce: nonce(n) }))[0]!,
    );
    const replies = [1, 2, 3].map(
      (n) =>
        payer.messenger.pathsToVirtual(payer.messenger.pathId({ kind: 'outbound_payment', paymentId: nonce(n) }))[0]!,
    );
    expect(await payer.messenger.sendCopies(REQUEST, paths, replies)).toBe(10);
    await settle();
    expect(seen.slice(0, 4).map(([n]) => n[0])).toEqual([1, 2, 3, 4]);
    expect(new Set(seen.slice(0, 3).map(([, key]) => key.join()))).toHaveProperty('size', 3);
    expect(new Set(seen.map((pair) => pair.join()))).toHaveProperty('size', 10);
    expect(await payer.messenger.sendCopies(REQUEST, paths, [], { limit: 2 })).toBe(2);
    expect(await payer.messenger.sendCopies(REQUEST, [], replies)).toBe(0);
    expect(await payer.messenger.sendCopies(REQUEST, paths, replies, { limit: 100 })).toBe(10);
  });
});

describe('members', () => {
  it('come and go', async () => {
    const { messenger: own, network, node, lost, peers, arrive, pathOf, clock } = await single();
    const received = listen(own);
    expect(peers).toEqual(['node came']);
    await expect(own.addMember('node', node.nodeId, node.port())).rejects.toThrow(RangeError);
    const handlers = node.handlers;
    handlers.onClosed('restarted');
    handlers.onClosed('restarted');
    expect(lost).toEqual(['node: restarted']);
    expect(own.isConnected(network.add('peer again', 2).nodeId)).toBe(false);
    handlers.onUnforwarded({ to: { nodeId: own.nodeId }, message: strangers(pathOf(own.pathId(MINE))) });
    await clock.settle();
    expect(received).toEqual([]);
    await own.addMember('node', node.nodeId, node.port());
    arrive(strangers(pathOf(own.pathId(MINE))));
    await clock.settle();
    expect(received).toHaveLength(1);
    own.close();
    expect(lost).toHaveLength(1);
    expect(() => node.handlers).toThrow('no session');
  });

  it('that cannot be reached are none, and a session that opens too late is closed', async () => {
    const network = new TestNetwork();
    const node = network.add('node', 1);
    const { messenger: own } = messenger(network, 20);
    const failing = { open: () => Promise.reject(new Error('unreachable')) };
    await expect(own.addMember('node', node.nodeId, failing)).rejects.toThrow('unreachable');
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const port = node.port();
    const adding = own.addMember('node', node.nodeId, { open: (handlers) => gate.then(() => port.open(handlers)) });
    own.removeMember('node');
    open();
    await adding;
    expect(() => node.handlers).toThrow('no session');
  });

  it('that throw where they must not count as such that refuse', async () => {
    const network = new TestNetwork();
    const [node, peer] = [network.add('node', 1), network.add('peer', 2)];
    network.channel(1n, node, peer);
    const { messenger: own } = messenger(network, 20);
    const failing = (): Promise<never> => Promise.reject(new Error('lost'));
    await own.addMember('node', node.nodeId, {
      open: async (handlers) => {
        await node.port().open(handlers);
        return { send: failing, dial: failing, close: () => undefined };
      },
      peelOwn: failing,
    });
    network.dialable = true;
    const [far] = [network.add('far', 3)];
    const reasons = [peer.nodeId, far.nodeId, node.nodeId].map(async (nodeId) => own.send(REQUEST, { nodeId }));
    expect(await Promise.all(reasons)).toEqual(Array(3).fill({ kind: 'not_sent', reason: 'not_delivered' }));
    expect(await own.passOn(peer.nodeId, strangers(messagePath({ nodes: [peer.nodeId] }, testRandom())))).toBe(false);
  });

  it('are not needed for a virtual node, but that is', () => {
    const options = { graph: new TestNetwork().graph, clock: new TestClock(), random: testRandom() };
    expect(() => new Messenger({ ...options, virtualNodes: [] })).toThrow(RangeError);
  });
});
