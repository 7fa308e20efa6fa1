/** The relays that an LND knows of. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { LndMessageGraph } from '../../../../src/node/lnd/messages/message-graph.js';
import { describeGraph } from '../../../../src/node/lnd/rpc/graph.js';
import { toHex } from '../../../../src/wire/bytes.js';
import { until } from '../../../fake-lnd/world.js';
import { fakeLndMessageWorld, type FakeLndMessageWorld } from '../../fake-lnd-message-harness.js';
import { MessageListener, VirtualNode } from '../../messages-conformance-cast.js';

const FAST = { ageMs: 60_000, retryMs: 5 };

async function open(options = FAST): Promise<{ world: FakeLndMessageWorld; graph: LndMessageGraph }> {
  const world = await fakeLndMessageWorld();
  const graph = new LndMessageGraph(world.lnd.endpoint, options);
  onTestFinished(async () => {
    graph.close();
    await world.close();
  });
  graph.start();
  graph.start();
  return { world, graph };
}

const idsOf = (graph: LndMessageGraph, node: Uint8Array): string[] => [...graph.neighbours(node)].map(toHex);

describe('relays that an LND knows of', () => {
  it('are read, and followed', async () => {
    const { world, graph } = await open();
    const { network, lnd } = world;
    const [stranger, hub] = [network.node('stranger'), network.node('hub')];
    await until(() => graph.size.channels === 2);
    expect(idsOf(graph, hub.nodeId)).toEqual([toHex(stranger.nodeId)]);
    const [channel] = hub.channels;
    expect(graph.endsOf(channel!.scid)?.map(toHex)).toEqual([stranger, hub].map(({ nodeId }) => toHex(nodeId)).sort());
    expect(graph.canDial(stranger.nodeId)).toBe(true);
    const { nodeId } = new VirtualNode();
    expect([graph.canDial(nodeId), idsOf(graph, nodeId)]).toEqual([false, []]);

    await until(() => lnd.graph.followers === 1);
    lnd.graph.tell({
      channelUpdates: [{ chanId: 77n, advertisingNode: toHex(hub.nodeId), connectingNode: toHex(nodeId) }],
      nodeUpdates: [
        {
          identityKey: toHex(nodeId),
          features: new Map([[38, new Uint8Array()]]),
          nodeAddresses: [{ network: 'tcp', addr: 'new.example:9735' }],
        },
        { identityKey: toHex(stranger.nodeId) },
      ],
    });
    await until(() => graph.canDial(nodeId));
    expect(idsOf(graph, hub.nodeId)).toEqual([toHex(nodeId)]);
    expect(graph.canDial(stranger.nodeId)).toBe(false);
    lnd.graph.tell({ closedChans: [{ chanId: 77n }] });
    await until(() => graph.endsOf(77n) === undefined);
    expect(graph.canDial(nodeId)).toBe(false);
  });

  it('are read once more when LND’s first answer may be old', async () => {
    const { world, graph } = await open({ ...FAST, ageMs: 20 });
    await until(() => world.lnd.graph.describes === 2);
    await until(() => graph.size.channels === 2);
  });

  it('stay known while LND is away, and are read again after it', async () => {
    const { world, graph } = await open();
    const { lnd, network } = world;
    await until(() => graph.size.channels === 2);
    lnd.faults.garbage = new Set([describeGraph.path]);
    lnd.cutConnections();
    await until(() => lnd.graph.describes > 2);
    expect(graph.size.channels).toBe(2);
    network.openChannel(network.node('hub'), network.node('peer'), { balances: [1_000_000n, 1_000_000n] });
    lnd.faults.garbage = new Set();
    await until(() => graph.size.channels === 3);
  });

  it('are asked for when messages are heard, and not before', async () => {
    const world = await fakeLndMessageWorld();
    onTestFinished(() => world.close());
    await world.lndNode.info();
    expect(world.lnd.graph.describes).toBe(0);
    await MessageListener.open(world.lndNode);
    await until(() => world.lndNode.messageGraph!.canDial(world.stranger.nodeId));
  });

  it('are no more than fit', async () => {
    const { world, graph } = await open({ ...FAST, ...{ limits: { nodes: 3, channels: 1 } } });
    await until(() => world.lnd.graph.describes > 0 && graph.size.nodes > 0);
    expect(graph.size).toEqual({ nodes: 3, channels: 1 });
  });
});
