/** What simulated nodes tell about channels: gossip, and the updates inside failures. */
import { describe, expect, it } from 'vitest';
import { verifySimUpdate } from '../../src/node/sim/channel-update.js';
import { directionOf } from '../../src/node/sim/gossip.js';
import { SimGraphPort } from '../../src/node/sim/sim-graph-port.js';
import { SimSendPort } from '../../src/node/sim/sim-send-port.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { ChannelGraph } from '../../src/send/index.js';
import { believedPolicy } from '../../src/send/payment/failure/policy-update.js';
import { compareBytes } from '../../src/wire/bytes.js';
import { Order } from './send-conformance-order.js';
import { GraphLog } from './sim-graph-log.js';
import { sendNetwork } from './sim-send-harness.js';

async function followed(): Promise<ReturnType<typeof sendNetwork> & { clock: VirtualClock; log: GraphLog }> {
  const clock = new VirtualClock();
  const made = sendNetwork({ seed: 1, clock });
  const log = new GraphLog();
  await new SimGraphPort(made.network, made.network.node('sender')).follow(log);
  await clock.runFor(1);
  return { ...made, clock, log };
}

describe('the graph port of a simulated node', () => {
  it('hands over every announced channel with both policies, then says so', async () => {
    const { network, log } = await followed();
    expect(log.isLoaded).toBe(true);
    expect([...log.channels.keys()].sort()).toEqual(network.channels.map(({ scid }) => scid).sort());
    for (const { scid, capacityMsat, node1, node2 } of log.channels.values()) {
      expect(compareBytes(node1, node2)).toBeLessThan(0);
      expect(capacityMsat).toBe(network.channels.find((channel) => channel.scid === scid)!.capacityMsat);
    }
    const channel = network.channelBetween('relay', 'payee');
    expect(log.policy(channel, network.node('relay'))).toMatchObject({ feeBaseMsat: 2000, feePpm: 500, cltvDelta: 34 });
    expect(log.policy(channel, network.node('payee'))).toMatchObject({ feeBaseMsat: 1000, feePpm: 100, cltvDelta: 40 });
  });

  it('is taken in by the graph of the library', async () => {
    const { log, clock } = await followed();
    const graph = new ChannelGraph();
    const now = Math.floor(clock.now() / 1000);
    for (const channel of log.channels.values()) expect(graph.addChannel(channel)).toBe('applied');
    for (const update of log.updates) expect(graph.applyUpdate(update, now)).toBe('applied');
  });

  it('tells of channels that open, close and change, and keeps private ones to itself', async () => {
    const { network, clock, log } = await followed();
    const [sender, relay] = [network.node('sender'), network.node('relay')];
    const balances = [1_000_000_000n, 1_000_000_000n] as const;
    const opened = network.openChannel(sender, relay, { balances });
    const hidden = network.openChannel(sender, relay, { balances, announced: false });
    network.changePolicy(opened, relay, { feeBaseMsat: 5 });
    network.changePolicy(hidden, relay, { feeBaseMsat: 6 });
    await clock.runFor(5_000);
    expect(log.channels.has(opened.scid)).toBe(true);
    expect(log.channels.has(hidden.scid)).toBe(false);
    expect(log.updates.some(({ scid }) => scid === hidden.scid)).toBe(false);
    expect(log.policy(opened, relay)?.feeBaseMsat).toBe(5);
    opened.forceClose();
    await clock.runFor(5_000);
    expect(log.channels.has(opened.scid)).toBe(false);
  });

  it('calls a channel disabled whose peer stays away, and only then', async () => {
    const { network, clock, log, faults } = await followed();
    const [relay, payee] = [network.node('relay'), network.node('payee')];
    const channel = network.channelBetween('relay', 'payee');
    faults.cutLink('relay', 'payee');
    await clock.runFor(10_000);
    faults.healLink('relay', 'payee');
    await clock.runFor(60_000);
    expect(log.updates.every(({ policy }) => policy !== undefined)).toBe(true);
    faults.cutLink('relay', 'payee');
    await clock.runFor(30_000);
    expect([log.policy(channel, relay), log.policy(channel, payee)]).toEqual([undefined, undefined]);
    faults.healLink('relay', 'payee');
    await clock.runFor(10_000);
    expect(log.policy(channel, relay)?.feeBaseMsat).toBe(2000);
    const late = new GraphLog();
    await new SimGraphPort(network, relay).follow(late);
    await clock.runFor(1);
    expect(late.policy(channel, relay)?.feeBaseMsat).toBe(2000);
  });

  it('ends with its node, once, and not when it was closed before', async () => {
    const { network, clock, log, faults } = await followed();
    const quiet = new GraphLog();
    (await new SimGraphPort(network, network.node('sender')).follow(quiet)).close();
    faults.crashNode('sender');
    await clock.runFor(10);
    expect([log.closed.length, quiet.closed.length, Number(quiet.isLoaded)]).toEqual([1, 0, 0]);
    await expect(new SimGraphPort(network, network.node('sender')).follow(quiet)).rejects.toThrow('cannot be reached');
    network.changePolicy(network.channels[0]!, network.node('relay'), { feeBaseMsat: 9 });
    await clock.runFor(10_000);
    expect(log.policy(network.channels[0]!, network.node('relay'))?.feeBaseMsat).toBe(1000);
  });
});

describe('the channel_update in a failure', () => {
  const refused = async () => {
    const { clock, network, shape, faults } = await followed();
    const world = { ...shape, port: new SimSendPort(network.node('sender')) } as unknown as Parameters<
      typeof Order.of
    >[0];
    const channel = network.channelBetween('relay', 'payee');
    network.changePolicy(channel, network.node('relay'), { feeBaseMsat: 9_000 });
    const order = await Order.of(world, await shape.invoice(1_000_000n), 1_000_000n);
    const outcome = await clock.finish(order.send(0, 1_000_000n, ['first', 'second']));
    if (outcome.kind !== 'failed' || outcome.failure.kind !== 'decoded') throw new Error('a decoded failure expected');
    const { channelUpdate } = outcome.failure.fields!;
    const directed = { scid: channel.scid, direction: directionOf(channel, channel.sideOf(network.node('relay'))) };
    return { network, clock, faults, channelUpdate: channelUpdate!, directed, now: Math.floor(clock.now() / 1000) };
  };

  it('is believed and says the terms that hold now, before gossip does', async () => {
    const { network, channelUpdate, directed, now } = await refused();
    const { nodeId } = network.node('relay');
    const policy = believedPolicy(channelUpdate, directed, nodeId, now, verifySimUpdate);
    expect(policy).toMatchObject({ feeBaseMsat: 9_000, feePpm: 500, cltvDelta: 34 });
  });

  it('is not believed of another node, another channel, or with one bit changed', async () => {
    const { network, channelUpdate, directed, now } = await refused();
    const { nodeId } = network.node('relay');
    const believed = (bytes: Uint8Array, from = nodeId, channel = directed) =>
      believedPolicy(bytes, channel, from, now, verifySimUpdate);
    expect(believed(channelUpdate, network.node('payee').nodeId)).toBeUndefined();
    expect(believed(channelUpdate, nodeId, { ...directed, scid: directed.scid + 1n })).toBeUndefined();
    for (let byte = 0; byte < channelUpdate.length; byte++) {
      const changed = channelUpdate.slice();
      changed[byte]! ^= 0x10;
      expect(believed(changed), `byte ${byte}`).toBeUndefined();
    }
  });
});
