/** Onion messages in the simulated network beyond what every adapter does: private nodes, channel ids, faults. */
import { describe, expect, it } from 'vitest';
import { presetWorld } from '../../src/node/sim/preset.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { MessageListener, messageOver, messageTo, PATH_ID, VirtualNode } from './messages-conformance-cast.js';
import { actorOf, MessageLab } from './sim-message-harness.js';

let seed = 70_000;

async function lab(): Promise<{ lab: MessageLab; at: MessageListener; peer: MessageListener }> {
  const made = new MessageLab(++seed);
  return { lab: made, at: await made.listen('node'), peer: await made.listen('peer') };
}

describe('who can be reached', () => {
  it('is dialled by an address that it announced, and not otherwise', async () => {
    const { lab: net, at } = await lab();
    await net.add('wallet', 'hub', { private: true });
    await net.add('shy', 'hub', { address: false });
    const { nodeId: wallet } = net.network.node('wallet');
    expect(await net.clock.finish(at.session.dial(wallet))).toBe(false);
    expect(await net.clock.finish(at.session.dial(net.network.node('shy').nodeId))).toBe(false);
    const { channels } = net.network.node('wallet');
    expect(channels.map(({ announced }) => announced)).toEqual([false]);
  });

  it('may be a private node that dials', async () => {
    const { lab: net, at } = await lab();
    const wallet = await net.add('wallet', 'hub', { private: true });
    const { nodeId } = net.network.node('node');
    expect(await net.clock.finish(wallet.session.dial(nodeId))).toBe(true);
    await net.until(() => at.isConnected(net.network.node('wallet').nodeId) === true);
    const message = messageTo([net.network.node('wallet').nodeId], 'back to you');
    expect(await net.clock.finish(at.session.send(net.network.node('wallet').nodeId, message))).toBe('sent');
    await net.until(() => wallet.received.length > 0);
    net.faults.hangUp('wallet', 'node');
    await net.until(() => at.isConnected(net.network.node('wallet').nodeId) === false);
  });

  it('is nobody who sleeps, until it wakes', async () => {
    const { lab: net, at, peer } = await lab();
    const sleeper = net.network.addNode('sleeper', { private: true, offline: true });
    net.network.openChannel(net.network.node('node'), sleeper, { balances: [1_000_000n, 1_000_000n] });
    await expect(net.listen('sleeper')).rejects.toThrow('cannot be reached');
    const toSleeper = messageTo([net.network.node('node').nodeId, sleeper.nodeId], 'wake up');
    await net.clock.finish(peer.session.send(net.network.node('node').nodeId, toSleeper));
    await net.until(() => at.unforwarded.length > 0);
    expect(at.unforwarded[0]!.to).toEqual({ nodeId: sleeper.nodeId });
    net.faults.restartNode('sleeper');
    const awake = await net.listen('sleeper');
    await net.until(() => at.isConnected(sleeper.nodeId) === true);
    const { message } = at.unforwarded[0]!;
    expect(await net.clock.finish(at.session.send(sleeper.nodeId, message))).toBe('sent');
    await net.until(() => awake.received.length > 0);
    expect(awake.texts).toEqual(['wake up']);
  });
});

describe('the next hop of a message', () => {
  it('may be named by a channel of the node, by its alias too', async () => {
    const { lab: net, at, peer } = await lab();
    await net.add('wallet', 'node', { private: true });
    const node = net.network.node('node');
    const channel = net.network.channelBetween('node', 'wallet');
    const alias = channel.aliases[channel.sideOf(node)];
    const stops = (shortChannelId: bigint): Parameters<typeof messageOver>[0] => [
      { nodeId: node.nodeId, data: { shortChannelId } },
      { nodeId: net.network.node('wallet').nodeId, data: { pathId: PATH_ID } },
    ];
    await net.clock.finish(peer.session.send(node.nodeId, messageOver(stops(alias), 'by alias')));
    await net.clock.finish(peer.session.send(node.nodeId, messageOver(stops(77n), 'by nothing')));
    await net.until(() => at.unforwarded.length > 0);
    await net.clock.runFor(1000);
    expect(at.unforwarded.map(({ to }) => to)).toEqual([{ shortChannelId: 77n }]);
    const lines = net.network.trace.lines.filter((line) => line.includes('node>wallet'));
    expect(lines).toHaveLength(1);
  });

  it('may be the node itself, so that nobody sees how long the path is', async () => {
    const { lab: net, at, peer } = await lab();
    const { nodeId } = net.network.node('node');
    await net.clock.finish(peer.session.send(nodeId, messageTo([nodeId, nodeId, nodeId], 'padded')));
    const virtual = new VirtualNode();
    await net.clock.finish(peer.session.send(nodeId, messageTo([nodeId, nodeId, virtual.nodeId], 'padded too')));
    await net.until(() => at.received.length > 0 && at.unforwarded.length > 0);
    expect(at.texts).toEqual(['padded']);
    expect(virtual.read(at.unforwarded[0]!.message)).toBe('padded too');
  });

  it('is lost if nobody listens', async () => {
    const { lab: net, at, peer } = await lab();
    at.session.close();
    const { nodeId } = net.network.node('node');
    await net.clock.finish(peer.session.send(nodeId, messageTo([nodeId, new VirtualNode().nodeId], 'into the void')));
    await net.clock.runFor(1000);
    const again = await net.listen('node');
    await net.clock.runFor(1000);
    expect(again.unforwarded).toEqual([]);
    expect(net.network.trace.lines.join('\n')).toContain('node drops a message: its next hop is not connected');
  });
});

describe('faults of messages', () => {
  const texts = Array.from({ length: 40 }, (_, i) => `message ${i}`);

  async function sendAll(net: MessageLab, peer: MessageListener): Promise<void> {
    const { nodeId } = net.network.node('node');
    for (const text of texts) await net.clock.finish(peer.session.send(nodeId, messageTo([nodeId], text)));
    await net.clock.runFor(20_000);
  }

  it('none: all arrive once and in order', async () => {
    const { lab: net, at, peer } = await lab();
    await sendAll(net, peer);
    expect(at.texts).toEqual(texts);
  });

  it('lose some', async () => {
    const { lab: net, at, peer } = await lab();
    net.faults.loseMessages('peer', 0.5);
    await sendAll(net, peer);
    expect(at.texts.length).toBeGreaterThan(0);
    expect(at.texts.length).toBeLessThan(texts.length);
    expect(at.texts).toEqual(texts.filter((text) => at.texts.includes(text)));
  });

  it('bring some twice', async () => {
    const { lab: net, at, peer } = await lab();
    net.faults.duplicateMessages('peer', 0.5);
    await sendAll(net, peer);
    expect(at.texts.length).toBeGreaterThan(texts.length);
    expect(new Set(at.texts)).toEqual(new Set(texts));
  });

  it('change the order', async () => {
    const { lab: net, at, peer } = await lab();
    net.faults.delayMessages('peer', [0, 5_000]);
    await sendAll(net, peer);
    expect(at.texts).not.toEqual(texts);
    expect(new Set(at.texts)).toEqual(new Set(texts));
  });

  it('end what is on its way when the link is cut, also if it is healed at once', async () => {
    const { lab: net, at, peer } = await lab();
    net.faults.delayMessages('peer', [10_000, 10_000]);
    const { nodeId } = net.network.node('node');
    await net.clock.finish(peer.session.send(nodeId, messageTo([nodeId], 'on its way')));
    net.faults.cutLink('node', 'peer');
    net.faults.healLink('node', 'peer');
    await net.until(() => at.isConnected(net.network.node('peer').nodeId) === true);
    await net.clock.runFor(20_000);
    expect(at.texts).toEqual([]);
  });

  it('break the streams of a node and nothing else', async () => {
    const { lab: net, at } = await lab();
    net.faults.dropMessageStreams('node');
    expect(at.closed).toEqual(['stream dropped']);
    const again = await net.listen('node');
    await net.until(() => again.isConnected(net.network.node('peer').nodeId) === true);
  });
});

describe('a seed', () => {
  async function run(): Promise<string> {
    const net = new MessageLab(4711);
    const [node, peer] = [net.network.node('node'), net.network.node('peer')];
    const at = await net.listen('node');
    const sender = await net.listen('peer');
    net.faults.loseMessages('peer', 0.3);
    net.faults.delayMessages('peer', [0, 300]);
    await net.clock.finish(sender.session.dial(net.network.node('stranger').nodeId));
    for (let i = 0; i < 20; i++) {
      await net.clock.finish(sender.session.send(node.nodeId, messageTo([node.nodeId, peer.nodeId], 'echo')));
    }
    await net.clock.runFor(5_000);
    at.session.close();
    return net.network.trace.hash;
  }

  it('decides about every message', async () => {
    expect(await run()).toBe(await run());
  });

  it('decides about HTLCs in the same way, whether somebody listens to messages or not', async () => {
    const hashes = [];
    for (const listens of [false, true]) {
      const clock = new VirtualClock();
      const { network, faults } = presetWorld({ seed: 12, clock });
      if (listens) for (const { name } of network.nodes) await MessageListener.open(actorOf(network, name).port);
      faults.crashNode('alpha');
      await clock.runFor(1000);
      faults.restartNode('alpha');
      faults.cutLink('north', 'beta');
      await clock.runFor(30_000);
      faults.mineBlocks(3);
      hashes.push(network.trace.hash);
    }
    expect(hashes[1]).toBe(hashes[0]);
  });
});

describe('the standard world', () => {
  it('has wallets behind alpha where they are asked for, and is the same otherwise', () => {
    const [plain, more] = [presetWorld({ seed: 3 }), presetWorld({ seed: 3, hold: true, wallets: ['wanda', 'willy'] })];
    const scids = plain.network.channels.map(({ scid }) => scid);
    expect(more.network.channels.slice(0, scids.length).map(({ scid }) => scid)).toEqual(scids);
    const added = more.network.channels.slice(scids.length);
    expect(added.map(({ announced, ends }) => [announced, ends.map(({ name }) => name)])).toEqual([
      [false, ['alpha', 'wanda']],
      [false, ['alpha', 'willy']],
    ]);
    expect(more.ports.map(({ intercept }) => intercept!.returnsReleasePaths)).toEqual([true, true, true]);
    expect(plain.ports.map(({ intercept }) => intercept!.returnsReleasePaths)).toEqual([false, false, false]);
  });
});
