/** The message port over a fake LND: what only LND does, and what goes wrong with it. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { ec, randomBytes } from '../../../../src/crypto/index.js';
import { Messenger } from '../../../../src/messages/index.js';
import { permissionsFor } from '../../../../src/node/lnd/permissions.js';
import { deriveSharedKey, subscribeOnionMessages } from '../../../../src/node/lnd/rpc/messages.js';
import { encodeOnionMessage } from '../../../../src/onion/index.js';
import { wallClock } from '../../../../src/receive/clock.js';
import { until } from '../../../fake-lnd/world.js';
import type { FakeLndOptions } from '../../../fake-lnd/server.js';
import { fakeLndMessageWorld, type FakeLndMessageWorld } from '../../fake-lnd-message-harness.js';
import { MessageListener, messageOver, messageTo, PATH_ID, VirtualNode } from '../../messages-conformance-cast.js';

interface Scene {
  readonly world: FakeLndMessageWorld;
  readonly at: MessageListener;
  /** As the peer of the node sends them. */
  readonly deliver: (...messages: ReturnType<typeof messageTo>[]) => void;
}

async function worldOf(options: FakeLndOptions = {}): Promise<FakeLndMessageWorld> {
  const world = await fakeLndMessageWorld(options);
  onTestFinished(() => world.close());
  return world;
}

async function scene(options: FakeLndOptions = {}): Promise<Scene> {
  const world = await worldOf(options);
  const at = await MessageListener.open(world.lndNode);
  await until(() => at.isConnected(world.peer.nodeId) === true);
  const { network } = world;
  return {
    world,
    at,
    deliver: (...messages) => {
      for (const message of messages) {
        network.connections.send(network.node('peer'), world.node.nodeId, encodeOnionMessage(message));
      }
    },
  };
}

const rightsBut = (...paths: string[]): ReadonlySet<string> => {
  const all = permissionsFor(['receive', 'messages', 'open-messages', 'wallets']).map(({ uri }) => uri);
  return new Set(all.filter((uri) => !paths.includes(uri)));
};

describe('onion messages of an LND', () => {
  it('are refused below 0.21, with what to do and what to take out of lnd.conf', async () => {
    const world = await worldOf({ version: '0.20.3-beta' });
    await expect(MessageListener.open(world.lndNode)).rejects.toThrow(/0\.20\.3-beta.*upgrade.*custom-message=513/);
    expect((await world.lndNode.info()).version).toBe('0.20.3-beta');
  });

  it('are refused where the macaroon does not grant them, and tried again with another', async () => {
    const world = await worldOf({ permissions: rightsBut(subscribeOnionMessages.path) });
    await expect(MessageListener.open(world.lndNode)).rejects.toThrow(/does not grant.*SubscribeOnionMessages/);
    world.lnd.settings.permissions = rightsBut();
    const at = await MessageListener.open(world.lndNode);
    await until(() => at.isConnected(world.peer.nodeId) === true);
  });

  it('come without path id, and only those for the node itself, where its key is not lent', async () => {
    const { world, at, deliver } = await scene({ permissions: rightsBut(deriveSharedKey.path) });
    const virtual = new VirtualNode();
    deliver(messageTo([world.node.nodeId, virtual.nodeId], 'lost'), messageTo([world.node.nodeId], 'for the node'));
    await until(() => at.received.length > 0);
    await world.quiet();
    expect(at.texts).toEqual(['for the node']);
    expect(at.received[0]).not.toHaveProperty('pathId');
    expect([at.unforwarded, at.closed]).toEqual([[], []]);
    expect(await world.lndNode.messages!.peelOwn!(messageTo([world.node.nodeId], 'own'))).toBeUndefined();
    expect(world.lnd.messaging.derived).toBe(0);
    expect(world.lndNode.messages!.showsForwards).toBe(false);
  });

  it('cost one question about the key if they end at the node, three if they go on, one if a peer has them', async () => {
    const { world, at, deliver } = await scene();
    const cost = async (nodes: Uint8Array[], isThere: () => boolean): Promise<number> => {
      const before = world.lnd.messaging.derived;
      deliver(messageTo(nodes, 'x'));
      await until(isThere);
      await world.quiet();
      return world.lnd.messaging.derived - before;
    };
    const { nodeId: virtual } = new VirtualNode();
    const here = world.node.nodeId;
    expect(await cost([here], () => at.received.length === 1)).toBe(1);
    expect(await cost([here, virtual], () => at.unforwarded.length === 1)).toBe(3);
    const stranger = await MessageListener.open(world.stranger.port);
    await at.session.dial(world.stranger.nodeId);
    await until(() => at.isConnected(world.stranger.nodeId) === true);
    expect(await cost([here, world.stranger.nodeId], () => stranger.received.length === 1)).toBe(1);
    expect([at.received.length, at.unforwarded.length]).toEqual([1, 1]);
  });

  it('that name a channel are for its other end, whom they reach or are kept for', async () => {
    const { world, at, deliver } = await scene();
    const { network, faults } = world;
    const channel = network.openChannel(network.node('node'), network.node('hub'), {
      balances: [1_000_000n, 1_000_000n],
    });
    const hub = network.node('hub').nodeId;
    await until(() => at.isConnected(hub) === true);
    const overChannel = (text: string): ReturnType<typeof messageTo> =>
      messageOver(
        [
          { nodeId: world.node.nodeId, data: { shortChannelId: channel.scid } },
          { nodeId: hub, data: { pathId: PATH_ID } },
        ],
        text,
      );
    deliver(overChannel('is there'));
    await world.quiet();
    expect(at.unforwarded).toEqual([]);
    faults.cutLink('node', 'hub');
    await until(() => at.isConnected(hub) === false);
    deliver(overChannel('sleeps'));
    await until(() => at.unforwarded.length > 0);
    expect(at.unforwarded[0]).toMatchObject({ to: { nodeId: hub }, from: world.peer.nodeId });
  });

  it('have no paths to a virtual node over a node that would not show them', async () => {
    const messengerOver = async (options: FakeLndOptions): Promise<Messenger> => {
      const world = await worldOf(options);
      const secret = new Uint8Array(32).fill(9);
      const virtual = { nodeId: ec.publicKey(secret), secret, contextKey: secret };
      const graph = world.lndNode.messageGraph!;
      const messenger = new Messenger({ virtualNodes: [virtual], graph, clock: wallClock, random: randomBytes });
      onTestFinished(() => {
        messenger.close();
      });
      await messenger.addMember('node', world.node.nodeId, world.lndNode.messages!);
      return messenger;
    };
    const [closed, open] = [
      await messengerOver({ permissions: rightsBut(deriveSharedKey.path) }),
      await messengerOver({}),
    ];
    expect([closed, open].map((one) => one.pathsToVirtual(PATH_ID).length)).toEqual([0, 1]);
    expect([closed, open].map((one) => one.pathsToVirtual(PATH_ID, { end: 'member' }).length)).toEqual([1, 1]);
  });

  it('pass hops of the node to itself, which LND does not', async () => {
    const { world, at, deliver } = await scene();
    const here = world.node.nodeId;
    const virtual = new VirtualNode();
    deliver(messageTo([here, here, here], 'long way'), messageTo([here, here, virtual.nodeId], 'and on'));
    await until(() => at.received.length > 0 && at.unforwarded.length > 0);
    expect(at.texts).toEqual(['long way']);
    expect(at.received[0]!.pathId).toEqual(PATH_ID);
    expect(virtual.read(at.unforwarded[0]!.message)).toBe('and on');
    // A circle that never ends is not followed for ever.
    const before = world.lnd.messaging.derived;
    deliver(
      messageTo(
        Array.from({ length: 9 }, () => here),
        'round',
      ),
    );
    await until(() => world.lnd.messaging.derived > before);
    await world.quiet();
    expect(world.lnd.messaging.derived - before).toBeLessThanOrEqual(17);
    expect(at.received).toHaveLength(1);
  });

  it('of one peer that floods are dropped beyond a bound, and nobody else’s', async () => {
    const { world, at, deliver } = await scene();
    const { network, lnd } = world;
    const flood = messageTo([world.node.nodeId], 'flood');
    const other = messageTo([world.node.nodeId], 'other');
    await at.session.dial(world.stranger.nodeId);
    lnd.faults.slowMs = 300;
    deliver(...Array.from({ length: 1_000 }, () => flood));
    network.connections.send(network.node('stranger'), world.node.nodeId, encodeOnionMessage(other));
    const dropped = (): number => Reflect.get(at.session, 'dropped') as number;
    await until(() => dropped() > 0 && at.texts.includes('other'));
    lnd.faults.slowMs = 0;
    await world.quiet();
    await until(() => at.received.length + dropped() === 1_001);
    expect(at.closed).toEqual([]);
  });

  it('that mean nothing are passed over; a stream that cannot be read ends the session, once', async () => {
    const { world, at } = await scene();
    const { messaging } = world.lnd;
    const peer = world.peer.nodeId;
    const { pathKey, packet } = messageTo([world.node.nodeId], 'x');
    const path = { introductionNode: peer, blindingPoint: peer, blindedHops: [] };
    for (const odd of [
      {},
      { peer, pathKey: new Uint8Array(33), onion: packet },
      { peer, pathKey, onion: new Uint8Array() },
      { peer, pathKey, onion: new Uint8Array(70_000) },
      { peer, pathKey, onion: packet, customRecords: new Map([[66n, peer], [64n, peer]]) }, // prettier-ignore
      { peer, pathKey, onion: packet, customRecords: new Map([[70_000n, peer]]) },
      { peer, pathKey, onion: packet, customRecords: new Map([[64n, peer]]), replyPath: path },
      { peer, pathKey, onion: packet, customRecords: new Map([[64n, peer]]), encryptedRecipientData: peer },
      { peer: new Uint8Array(), pathKey, onion: packet, encryptedRecipientData: new Uint8Array(3) },
    ]) {
      messaging.tellGarbage(odd);
    }
    await world.quiet();
    expect([at.received, at.unforwarded, at.closed]).toEqual([[], [], []]);
    messaging.tellGarbage(new Uint8Array(40).fill(0xff));
    await until(() => at.closed.length > 0);
    expect(at.closed).toEqual([expect.stringMatching(/cannot be read/)]);
    const again = await MessageListener.open(world.lndNode);
    await until(() => again.isConnected(peer) === true);
    expect(at.closed).toHaveLength(1);
  });

  it('are heard again after the connection broke', async () => {
    const { world, at, deliver } = await scene();
    world.lnd.cutConnections();
    await until(() => at.closed.length === 1);
    const again = await MessageListener.open(world.lndNode);
    await until(() => again.isConnected(world.peer.nodeId) === true);
    deliver(messageTo([world.node.nodeId], 'back'));
    await until(() => again.received.length > 0);
    expect([at.received, at.closed.length]).toEqual([[], 1]);
  });

  it('are not taken from strangers unless LND is told to', async () => {
    const { world, at, deliver } = await scene({ onionMessages: 'channels' });
    await at.session.dial(world.stranger.nodeId);
    const { network } = world;
    const message = messageTo([world.node.nodeId], 'stranger');
    network.connections.send(network.node('stranger'), world.node.nodeId, encodeOnionMessage(message));
    deliver(messageTo([world.node.nodeId], 'peer'));
    await until(() => at.received.length > 0);
    await world.quiet();
    expect(at.texts).toEqual(['peer']);
  });

  it('are too long to be sent, or for a point that is none', async () => {
    const { world, at } = await scene();
    const { pathKey, packet } = messageTo([world.peer.nodeId], 'x');
    const { nodeId: peer } = world.peer;
    expect(await at.session.send(peer, { pathKey, packet: new Uint8Array(65_530) })).toBe('refused');
    expect(await at.session.send(peer, { pathKey: new Uint8Array(33), packet })).toBe('refused');
    expect(await at.session.send(peer, { pathKey, packet })).toBe('sent');
  });

  it('end with the node port', async () => {
    const { world, at } = await scene();
    world.lndNode.close();
    expect(at.closed).toHaveLength(1);
    await expect(MessageListener.open(world.lndNode)).rejects.toThrow();
  });
});

describe('what the node port offers', () => {
  it('is what it is for', async () => {
    const world = await fakeLndMessageWorld({}, ['receive', 'messages']);
    onTestFinished(() => world.close());
    const { messages, messageGraph, peerMessages, signMessage } = world.lndNode;
    expect([messages?.peelOwn, peerMessages, signMessage]).toEqual([undefined, undefined, undefined]);
    expect([messages, messageGraph].every((one) => one !== undefined)).toBe(true);
    const bare = await fakeLndMessageWorld({}, []);
    onTestFinished(() => bare.close());
    expect([bare.lndNode.messages, bare.lndNode.messageGraph]).toEqual([undefined, undefined]);
  });
});
