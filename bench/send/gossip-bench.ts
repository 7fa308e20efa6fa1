/** How fast a daemon takes gossip in, and how long its event loop stands still meanwhile: the whole graph, then changes. */
import type { BenchResult } from '../../src/bench/index.js';
import { below } from '../../src/bench/measure.js';
import { wallClock } from '../../src/receive/clock.js';
import { type ChannelGraph, GraphBook } from '../../src/send/index.js';
import type { GraphHandlers, GraphNews } from '../../src/send/graph/port.js';

const PIECE = 1000;
const CHANGES = 20_000;
/** A pause that a person or an HTLC would notice. */
const LONGEST_PAUSE_MS = 50;

export async function gossipRows(graph: ChannelGraph): Promise<BenchResult[]> {
  const [channels, policies] = newsOf(graph);
  const all = [...channels, ...policies];
  const changes = policies.slice(0, CHANGES).map((news): GraphNews => {
    if (news.kind !== 'policy' || !news.update.policy) return news;
    const { update } = news;
    return {
      ...news,
      update: {
        ...update,
        timestamp: update.timestamp + 1,
        policy: { ...update.policy!, feePpm: update.policy!.feePpm + 1 },
      },
    };
  });
  let handlers: GraphHandlers | undefined;
  const port = {
    follow: async (given: GraphHandlers) => {
      handlers = given;
      return { close: () => undefined };
    },
  };
  const onTrouble = (what: string, error: unknown): void => {
    throw new Error(what, { cause: error });
  };
  const book = new GraphBook({ ports: [{ name: 'bench', port }], clock: wallClock, onTrouble });
  book.start();
  await turn();
  const load = await pausesOf(async () => {
    await hand(handlers!, all);
    handlers!.onLoaded();
    await book.whenReady();
  });
  const [last] = changes.slice(-1);
  const follow = await pausesOf(async () => {
    await hand(handlers!, changes);
    while (!isIn(book.graph, last!)) await turn();
  });
  book.stop();
  return [
    plain(`graph of ${graph.channelCount} channels loaded`, 'ms', load.totalMs),
    below('longest turn of the event loop meanwhile', load.longestMs, LONGEST_PAUSE_MS),
    plain(`${CHANGES} policy changes taken in`, 'ops/s', (CHANGES / follow.totalMs) * 1000),
    below('longest turn of the event loop meanwhile', follow.longestMs, LONGEST_PAUSE_MS),
  ];
}

async function hand(handlers: GraphHandlers, news: readonly GraphNews[]): Promise<void> {
  for (let at = 0; at < news.length; at += PIECE) {
    handlers.onNews(news.slice(at, at + PIECE));
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function pausesOf(task: () => Promise<void>): Promise<{ readonly totalMs: number; readonly longestMs: number }> {
  const start = performance.now();
  let [before, longestMs, isOver] = [start, 0, false];
  const watch = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - before);
    before = now;
    if (!isOver) setImmediate(watch);
  };
  watch();
  await task();
  isOver = true;
  return { totalMs: performance.now() - start, longestMs };
}

function isIn(graph: ChannelGraph, news: GraphNews): boolean {
  if (news.kind !== 'policy') return true;
  const { scid, direction, policy } = news.update;
  return graph.policy(scid, direction)?.feePpm === policy?.feePpm;
}

function newsOf(graph: ChannelGraph): readonly [channels: GraphNews[], policies: GraphNews[]] {
  const { from, capacity } = graph.columns();
  const channels: GraphNews[] = [];
  const policies: GraphNews[] = [];
  for (let index = 0; index < graph.halfCount / 2; index++) {
    const scid = graph.scidOfChannel(index);
    const [node1, node2] = [graph.nodeId(from[2 * index]!), graph.nodeId(from[2 * index + 1]!)];
    channels.push({ kind: 'channel', channel: { scid, node1, node2, capacityMsat: BigInt(capacity[index]!) } });
    for (const direction of [0, 1] as const) {
      const policy = graph.policy(scid, direction);
      if (policy) policies.push({ kind: 'policy', update: { scid, direction, timestamp: 1_770_000_000, policy } });
    }
  }
  return [channels, policies];
}

function plain(what: string, unit: BenchResult['unit'], value: number): BenchResult {
  const ours = Math.round(value);
  return { what, unit, ours, peer: null, peer_name: null, ratio: null, target: null, ok: null };
}
