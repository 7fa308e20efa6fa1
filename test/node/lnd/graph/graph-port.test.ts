import { describe, expect, it, onTestFinished } from 'vitest';
import { edgesOf } from '../../../../src/node/lnd/graph/edge-reader.js';
import { LndGraphPort, type LndGraphOptions } from '../../../../src/node/lnd/graph/graph-port.js';
import { newsOfEdge, newsOfUpdate } from '../../../../src/node/lnd/graph/news.js';
import type { ChannelEdge } from '../../../../src/node/lnd/rpc/channels.js';
import { describeGraph } from '../../../../src/node/lnd/rpc/graph.js';
import { wallClock } from '../../../../src/receive/clock.js';
import { ChannelGraph } from '../../../../src/send/graph/channel-graph.js';
import type { GraphNews } from '../../../../src/send/graph/port.js';
import { concat, toHex } from '../../../../src/wire/bytes.js';
import { GOSSIP_SECONDS } from '../../../fake-lnd/channels.js';
import { type FakeLnd, serveFakeLnd } from '../../../fake-lnd/server.js';
import { until } from '../../../fake-lnd/world.js';
import { sendNetwork, type SendNetwork } from '../../sim-send-harness.js';

const key = (n: number): string => `02${n.toString(16).padStart(64, '0')}`;
const terms = { timeLockDelta: 40, minHtlc: 1n, feeBaseMsat: 1_000n, feeRateMilliMsat: 5n, maxHtlcMsat: 7_000n };

function edge(draft: object): ChannelEdge {
  const edges = [{ channelId: 5n, node1Pub: key(1), node2Pub: key(2), capacity: 10n, ...draft }];
  return describeGraph.response.decode(describeGraph.response.encode({ edges })).edges[0]!;
}

describe('a channel of the graph', () => {
  it('is told with its two policies, each for what its node sends', () => {
    const [channel, one, two] = newsOfEdge(
      edge({
        node1Policy: { ...terms, lastUpdate: 7 },
        node2Policy: { timeLockDelta: 80, lastUpdate: 8, disabled: true },
      }),
    );
    expect(channel).toMatchObject({ kind: 'channel', channel: { scid: 5n, capacityMsat: 10_000n } });
    expect(one).toMatchObject({
      kind: 'policy',
      update: { scid: 5n, direction: 0, timestamp: 7, policy: { feePpm: 5, htlcMaximumMsat: 7_000n } },
    });
    expect(two).toEqual({ kind: 'policy', update: { scid: 5n, direction: 1, timestamp: 8 } });
  });

  it('has no policy where none is known, one without fees where they are 0, and is its own limit where there is none', () => {
    expect(newsOfEdge(edge({}))).toHaveLength(1);
    const [, free] = newsOfEdge(edge({ node2Policy: { lastUpdate: 8 } }));
    expect(free).toMatchObject({
      update: { direction: 1, policy: { feeBaseMsat: 0, feePpm: 0, htlcMinimumMsat: 0n, htlcMaximumMsat: 10_000n } },
    });
  });

  it('that is none is passed over', () => {
    for (const draft of [{ node1Pub: 'xx' }, { node2Pub: '' }, { node1Pub: key(3) }, { node2Pub: key(1) }]) {
      expect(newsOfEdge(edge(draft))).toEqual([]);
    }
  });

  it('changes in the direction of the node that says so', () => {
    const update = { chanId: 5n, capacity: 10n, advertisingNode: key(2), connectingNode: key(1) };
    const routingPolicy = edge({ node1Policy: terms }).node1Policy;
    expect(newsOfUpdate({ ...update, routingPolicy }, 99)).toMatchObject({
      update: { direction: 1, timestamp: 99, policy: { feePpm: 5 } },
      channel: { scid: 5n, capacityMsat: 10_000n },
    });
    expect(newsOfUpdate({ ...update, routingPolicy: undefined }, 99)).toBeUndefined();
  });
});

describe('a described graph', () => {
  it('is read channel by channel, whatever else is in it', () => {
    const edges = Array.from({ length: 3 }, (_, i) => ({ channelId: BigInt(i), node1Pub: key(1), node2Pub: key(2) }));
    const nodes = Uint8Array.of(0x0a, 3, 1, 2, 3);
    const bytes = concat(nodes, describeGraph.response.encode({ edges }), nodes);
    expect([...edgesOf(bytes)].map(({ channelId }) => channelId)).toEqual([0n, 1n, 2n]);
    expect(() => [...edgesOf(bytes.slice(0, -1))]).toThrow();
    expect([...edgesOf(new Uint8Array())]).toEqual([]);
  });
});

interface Followed {
  readonly sim: SendNetwork;
  readonly lnd: FakeLnd;
  readonly news: GraphNews[];
  readonly graph: ChannelGraph;
  readonly reasons: string[];
  loaded: number;
  session: { close(): void };
}

let seed = 60_000;

async function follow(options: LndGraphOptions = {}, before?: (followed: Followed) => void): Promise<Followed> {
  const sim = sendNetwork({ seed: ++seed, clock: wallClock });
  const lnd = await serveFakeLnd(sim.network, 'sender');
  const port = new LndGraphPort(lnd.endpoint, options);
  onTestFinished(async () => {
    port.close();
    await lnd.close();
  });
  const graph = new ChannelGraph();
  const session = { close: () => undefined };
  const followed: Followed = { sim, lnd, news: [], graph, reasons: [], loaded: 0, session };
  before?.(followed);
  followed.session = await port.follow({
    onNews(news) {
      followed.news.push(...news);
      for (const one of news) {
        if (one.kind === 'channel') graph.addChannel(one.channel);
        else if (one.kind === 'closed') graph.closeChannel(one.scid);
        else {
          if (one.channel) graph.addChannel(one.channel);
          graph.applyUpdate(one.update, Math.floor(Date.now() / 1000));
        }
      }
    },
    onLoaded: () => (followed.loaded += 1),
    onClosed: (reason) => followed.reasons.push(reason),
  });
  await until(() => followed.loaded === 1 && lnd.graph.followers === 1, 'the load');
  return followed;
}

const scidsOf = ({ graph }: Followed): number => graph.channelCount;

describe('a graph that is followed', () => {
  it('is loaded, and changes as LND tells', async () => {
    const followed = await follow();
    const { lnd, sim, news } = followed;
    expect(scidsOf(followed)).toBe(3);
    expect(news.filter(({ kind }) => kind === 'policy')).toHaveLength(6);
    const [relay, payee] = [toHex(sim.shape.relay), toHex(sim.shape.payee)];
    const update = { chanId: sim.shape.second, capacity: 1n, advertisingNode: relay, connectingNode: payee };
    const before = news.length;
    lnd.graph.tell({ channelUpdates: [{ ...update, routingPolicy: terms }] });
    // Two in one second: the later one has to win.
    lnd.graph.tell({ channelUpdates: [{ ...update, routingPolicy: { ...terms, feeRateMilliMsat: 77n } }] });
    await until(() => news.length === before + 2, 'the changes');
    const dates = news.slice(before).map((one) => (one.kind === 'policy' ? one.update.timestamp : 0));
    expect(dates[1]!).toBeGreaterThan(dates[0]!);
    expect(dates[0]!).toBeGreaterThan(GOSSIP_SECONDS);
    lnd.graph.tell({ closedChans: [{ chanId: sim.shape.second }] });
    await until(() => scidsOf(followed) === 2, 'the close');
    expect(followed.loaded).toBe(1);
  });

  it('loses no change that falls into the load', async () => {
    const followed = await follow({}, ({ lnd, sim }) => {
      lnd.faults.slowMs = 50;
      lnd.graph.onDescribe = () => {
        const tell = (): void => {
          if (lnd.graph.followers > 0) lnd.graph.tell({ closedChans: [{ chanId: sim.shape.first }] });
          else setTimeout(tell, 1);
        };
        tell();
      };
    });
    await until(() => scidsOf(followed) === 2, 'the close');
    expect(followed.news.at(-1)).toEqual({ kind: 'closed', scid: followed.sim.shape.first });
  });

  it('is looked through once more for what went before the subscription and came after the description', async () => {
    const followed = await follow({ ageMs: 100 });
    const { sim, lnd } = followed;
    sim.network.channelBetween('relay', 'payee').forceClose();
    await until(() => lnd.graph.describes === 2 && scidsOf(followed) === 2, 'the second load');
    expect(followed.loaded).toBe(1);
  });

  it('does not tell of the own channels that are not public', async () => {
    const followed = await follow();
    const { sim, lnd, news } = followed;
    const ends = { advertisingNode: toHex(sim.shape.sender), connectingNode: toHex(sim.shape.payee) };
    const before = news.length;
    const common = { capacity: 5n, routingPolicy: terms };
    lnd.graph.tell({ channelUpdates: [{ ...ends, ...common, chanId: 99n }] });
    lnd.graph.tell({ channelUpdates: [{ ...ends, ...common, chanId: sim.shape.direct }] });
    await until(() => news.length > before, 'the public one');
    expect(news.slice(before)).toMatchObject([{ kind: 'policy', update: { scid: sim.shape.direct } }]);
  });

  it('ends once when LND is gone, and without a word when it is left', async () => {
    const followed = await follow();
    followed.lnd.cutConnections();
    await until(() => followed.reasons.length === 1, 'the end');
    expect(followed.reasons[0]).toContain('cannot be reached');
    const other = await follow();
    other.session.close();
    other.lnd.cutConnections();
    await until(() => other.lnd.graph.followers === 0, 'the leave');
    expect(other.reasons).toEqual([]);
  });

  it('is not to be had from an LND that is away, and ends where LND answers nonsense', async () => {
    const reasons: string[] = [];
    const handlers = {
      onNews: () => undefined,
      onLoaded: () => undefined,
      onClosed: (why: string) => reasons.push(why),
    };
    const sim = sendNetwork({ seed: ++seed, clock: wallClock });
    const lnd = await serveFakeLnd(sim.network, 'sender');
    const port = new LndGraphPort(lnd.endpoint);
    onTestFinished(() => lnd.close());
    sim.faults.crashNode('sender');
    await lnd.ready;
    await expect(port.follow(handlers)).rejects.toThrow('cannot be reached');
    expect(reasons).toEqual([]);
    sim.faults.restartNode('sender');
    await lnd.ready;
    lnd.faults.garbage = new Set([describeGraph.path]);
    await port.follow(handlers);
    await until(() => reasons.length === 1, 'the end');
  });
});
