/**
 * What every adapter of the message ports has to do, as tests that know nothing of the adapter. A harness supplies three nodes:
 * the one under test, a peer of it, and a stranger that can be dialled; `describeMessageConformance` registers the cases.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NodePort } from '../../src/receive/node-port.js';
import { toHex } from '../../src/wire/bytes.js';
import type { NodeId } from '../../src/wire/units.js';
import { MessageListener, messageTo, PATH_ID, PeerListener, VirtualNode } from './messages-conformance-cast.js';

export interface MessageActor {
  readonly port: NodePort;
  readonly nodeId: NodeId;
}

export interface MessageWorld {
  /** Under test. */
  readonly node: MessageActor;
  /** Shares a channel with the node. */
  readonly peer: MessageActor;
  /** Announced with an address; not connected to the node. */
  readonly stranger: MessageActor;
  /** Lets time pass until the condition holds. Rejects if it never does. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  /** As `until`, for a promise of the port. */
  finish<T>(promise: Promise<T>): Promise<T>;
  /** Lets enough time pass for everything under way to happen. */
  quiet(): Promise<void>;
  /** The connection between node and peer. */
  cutPeer(cut: boolean): Promise<void>;
  crash(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface MessageHarness {
  /** Received messages tell their path_id; default true. */
  readonly showsPathId?: boolean;
  make(): Promise<MessageWorld>;
}

export function describeMessageConformance(name: string, harness: MessageHarness): void {
  const make = async (): Promise<MessageWorld> => {
    const world = await harness.make();
    onTestFinished(() => world.close());
    return world;
  };

  /** Sessions at the node and at its peer, connected. */
  const listening = async (): Promise<{ world: MessageWorld; at: MessageListener; peer: MessageListener }> => {
    const world = await make();
    const at = await MessageListener.open(world.node.port);
    const peer = await MessageListener.open(world.peer.port);
    await world.until(() => at.isConnected(world.peer.nodeId) === true && peer.isConnected(world.node.nodeId) === true);
    return { world, at, peer };
  };

  describe(`message port conformance: ${name}`, () => {
    it('tells who is connected, and of nobody else', async () => {
      const { world, at } = await listening();
      await world.quiet();
      expect(at.peers).toEqual([[toHex(world.peer.nodeId), true]]);
    });

    it('hands over what ends at the node', async () => {
      const { world, at, peer } = await listening();
      const message = messageTo([world.node.nodeId], 'for you');
      expect(await world.finish(peer.session.send(world.node.nodeId, message))).toBe('sent');
      await world.until(() => at.received.length > 0);
      await world.quiet();
      expect(at.texts).toEqual(['for you']);
      if (harness.showsPathId ?? true) expect(at.received[0]!.pathId).toEqual(PATH_ID);
      expect(at.unforwarded).toEqual([]);
    });

    it('shows what goes on to a node that only we know, as that node is to get it', async () => {
      const { world, at, peer } = await listening();
      const virtual = new VirtualNode();
      const message = messageTo([world.node.nodeId, virtual.nodeId], 'for the phantom');
      await world.finish(peer.session.send(world.node.nodeId, message));
      await world.until(() => at.unforwarded.length > 0);
      await world.quiet();
      const [unforwarded, ...more] = at.unforwarded;
      expect(more).toEqual([]);
      expect(unforwarded!.to).toEqual({ nodeId: virtual.nodeId });
      if (unforwarded!.from) expect(toHex(unforwarded!.from)).toBe(toHex(world.peer.nodeId));
      expect(virtual.read(unforwarded!.message)).toBe('for the phantom');
      expect(at.received).toEqual([]);
    });

    it('passes on what goes to a peer, without showing it', async () => {
      const { world, at, peer } = await listening();
      const stranger = await MessageListener.open(world.stranger.port);
      expect(await world.finish(stranger.session.dial(world.node.nodeId))).toBe(true);
      const message = messageTo([world.node.nodeId, world.peer.nodeId], 'pass it on');
      expect(await world.finish(stranger.session.send(world.node.nodeId, message))).toBe('sent');
      await world.until(() => peer.received.length > 0);
      await world.quiet();
      expect(peer.texts).toEqual(['pass it on']);
      expect([...at.unforwarded, ...at.received]).toEqual([]);
    });

    it('sends to a peer, and to a stranger once it is dialled', async () => {
      const { world, at, peer } = await listening();
      const stranger = await MessageListener.open(world.stranger.port);
      const { session } = at;
      const toPeer = messageTo([world.peer.nodeId], 'hello peer');
      const toStranger = messageTo([world.stranger.nodeId], 'hello stranger');
      expect(await world.finish(session.send(world.peer.nodeId, toPeer))).toBe('sent');
      expect(await world.finish(session.send(world.stranger.nodeId, toStranger))).toBe('not_connected');
      expect(await world.finish(session.dial(world.stranger.nodeId))).toBe(true);
      expect(await world.finish(session.dial(world.stranger.nodeId))).toBe(true);
      expect(await world.finish(session.send(world.stranger.nodeId, toStranger))).toBe('sent');
      await world.until(() => peer.received.length > 0 && stranger.received.length > 0);
      expect([...peer.texts, ...stranger.texts]).toEqual(['hello peer', 'hello stranger']);
      await world.until(() => at.isConnected(world.stranger.nodeId) === true);
    });

    it('does not reach whoever is nobody', async () => {
      const { world, at } = await listening();
      const { nodeId } = new VirtualNode();
      expect(await world.finish(at.session.dial(nodeId))).toBe(false);
      expect(await world.finish(at.session.send(nodeId, messageTo([nodeId], 'nobody')))).toBe('not_connected');
    });

    it('drops what cannot be read, and goes on', async () => {
      const { world, at, peer } = await listening();
      const good = messageTo([world.node.nodeId], 'good');
      const garbled = good.packet.slice();
      garbled[500]! ^= 1;
      for (const packet of [garbled, new Uint8Array(1366), new Uint8Array(70).fill(2)]) {
        await world.finish(peer.session.send(world.node.nodeId, { ...good, packet }));
      }
      await world.finish(peer.session.send(world.node.nodeId, good));
      await world.until(() => at.received.length > 0);
      await world.quiet();
      expect(at.texts).toEqual(['good']);
      expect([at.unforwarded, at.closed]).toEqual([[], []]);
    });

    it('has one session at a time', async () => {
      const { world, at } = await listening();
      await expect(MessageListener.open(world.node.port)).rejects.toThrow();
      at.session.close();
      await world.until(() => at.closed.length > 0);
      const again = await MessageListener.open(world.node.port);
      await world.until(() => again.isConnected(world.peer.nodeId) === true);
      expect(at.closed).toHaveLength(1);
    });

    it('is silent after its end', async () => {
      const { world, at, peer } = await listening();
      at.session.close();
      at.session.close();
      await world.finish(peer.session.send(world.node.nodeId, messageTo([world.node.nodeId], 'too late')));
      await world.quiet();
      expect(at.closed).toHaveLength(1);
      expect(at.received).toEqual([]);
      expect(await at.session.send(world.peer.nodeId, messageTo([world.peer.nodeId], 'from the grave'))).toBe(
        'refused',
      );
      expect(await at.session.dial(world.stranger.nodeId)).toBe(false);
      expect(peer.received).toEqual([]);
    });

    it('ends with the node, and begins anew with it', async () => {
      const { world, at, peer } = await listening();
      await world.crash();
      await world.until(() => at.closed.length > 0 && peer.isConnected(world.node.nodeId) === false);
      await expect(MessageListener.open(world.node.port)).rejects.toThrow();
      await world.restart();
      const again = await MessageListener.open(world.node.port);
      await world.until(
        () => again.isConnected(world.peer.nodeId) === true && peer.isConnected(world.node.nodeId) === true,
      );
      await world.finish(peer.session.send(world.node.nodeId, messageTo([world.node.nodeId], 'welcome back')));
      await world.until(() => again.received.length > 0);
      expect(again.texts).toEqual(['welcome back']);
      expect(at.closed).toHaveLength(1);
    });

    it('tells when a peer goes and comes', async () => {
      const { world, at } = await listening();
      await world.cutPeer(true);
      await world.until(() => at.isConnected(world.peer.nodeId) === false);
      const message = messageTo([world.peer.nodeId], 'into the void');
      expect(await world.finish(at.session.send(world.peer.nodeId, message))).toBe('not_connected');
      await world.cutPeer(false);
      await world.until(() => at.isConnected(world.peer.nodeId) === true);
      expect(await world.finish(at.session.send(world.peer.nodeId, message))).toBe('sent');
    });

    it('opens the layer of a path that starts at the node itself', async () => {
      const world = await make();
      const virtual = new VirtualNode();
      const { peelOwn } = world.node.port.messages!;
      if (!peelOwn) return;
      const peel = peelOwn.bind(world.node.port.messages);
      const opened = await world.finish(peel(messageTo([world.node.nodeId, virtual.nodeId], 'own path')));
      if (!opened || !('to' in opened)) throw new Error('a message to pass on was expected');
      expect(opened.to).toEqual({ nodeId: virtual.nodeId });
      expect(virtual.read(opened.message)).toBe('own path');
      const own = await world.finish(peel(messageTo([world.node.nodeId], 'to itself')));
      expect(own && 'payload' in own).toBe(true);
      expect(await world.finish(peel(messageTo([virtual.nodeId], 'for another')))).toBeUndefined();
    });
  });

  describe(`peer message port conformance: ${name}`, () => {
    const both = async (): Promise<{ world: MessageWorld; at: PeerListener; peer: PeerListener }> => {
      const world = await make();
      return { world, at: await PeerListener.open(world.node.port), peer: await PeerListener.open(world.peer.port) };
    };

    it('exchanges messages with a peer, in order', async () => {
      const { world, at, peer } = await both();
      const payloads = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i, 1, 2));
      for (const payload of payloads) {
        const message = { peer: world.peer.nodeId, type: 37_913, payload };
        expect(await world.finish(at.session.send(message))).toBe('sent');
      }
      const answer = { peer: world.node.nodeId, type: 44_203, payload: new Uint8Array(1000).fill(7) };
      expect(await world.finish(peer.session.send(answer))).toBe('sent');
      await world.until(() => peer.messages.length >= 20 && at.messages.length > 0);
      expect(peer.messages).toEqual(payloads.map((payload) => ({ peer: world.node.nodeId, type: 37_913, payload })));
      expect(at.messages).toEqual([{ ...answer, peer: world.peer.nodeId }]);
    });

    it('refuses types of the protocol, and nobodies', async () => {
      const { world, at, peer } = await both();
      const payload = Uint8Array.of(1);
      for (const type of [0, 16, 128, 513, 32_767, 65_536, -1, 0.5]) {
        expect(await world.finish(at.session.send({ peer: world.peer.nodeId, type, payload }))).toBe('refused');
      }
      const { nodeId } = new VirtualNode();
      expect(await world.finish(at.session.send({ peer: nodeId, type: 37_913, payload }))).toBe('not_connected');
      await world.quiet();
      expect(peer.messages).toEqual([]);
    });

    it('ends once, with the node', async () => {
      const { world, at } = await both();
      await world.crash();
      await world.until(() => at.closed.length > 0);
      at.session.close();
      expect(at.closed).toHaveLength(1);
      const late = { peer: world.peer.nodeId, type: 37_913, payload: new Uint8Array() };
      expect(await at.session.send(late)).toBe('refused');
    });
  });
}
