/** One graph out of the gossip of several nodes. */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import {
  type ChannelAnnouncement,
  GraphBook,
  type GraphHandlers,
  type GraphNews,
  type GraphPort,
  type PolicyUpdate,
} from '../../../src/send/index.js';
import { START } from '../payment/support.js';
import { nodeId, policyOf } from '../support.js';

const SECONDS = START / 1000;

/** A node whose gossip the test writes. */
class Gossip implements GraphPort {
  handlers: GraphHandlers | undefined;
  follows = 0;
  closes = 0;
  isAway = false;

  async follow(handlers: GraphHandlers): Promise<{ close(): void }> {
    this.follows++;
    if (this.isAway) throw new Error('away');
    this.handlers = handlers;
    const close = (): void => {
      this.closes++;
    };
    return { close };
  }

  load(...news: GraphNews[]): void {
    this.handlers!.onNews(news);
    this.handlers!.onLoaded();
  }
}

const announced = (scid: number): ChannelAnnouncement => ({
  scid: BigInt(scid),
  node1: nodeId(1),
  node2: nodeId(2),
  capacityMsat: 1_000_000n,
});
const channelNews = (scid: number): GraphNews => ({ kind: 'channel', channel: announced(scid) });
const update = (scid: number, timestamp: number, feePpm = 1): PolicyUpdate => ({
  scid: BigInt(scid),
  direction: 0,
  timestamp,
  policy: policyOf({ feePpm }),
});
const policyNews = (scid: number, timestamp: number, feePpm = 1): GraphNews => ({
  kind: 'policy',
  update: update(scid, timestamp, feePpm),
});

async function followed(
  count: number,
): Promise<{ clock: VirtualClock; nodes: Gossip[]; book: GraphBook; troubles: string[] }> {
  const clock = new VirtualClock(START);
  const nodes = Array.from({ length: count }, () => new Gossip());
  const troubles: string[] = [];
  const ports = nodes.map((port, i) => ({ name: `n${i + 1}`, port }));
  const book = new GraphBook({ ports, clock, onTrouble: (what) => troubles.push(what) });
  book.start();
  await clock.runFor(1);
  return { clock, nodes, book, troubles };
}

const scids = (book: GraphBook, most = 50): number[] =>
  Array.from({ length: most }, (_, i) => i).filter((scid) => book.graph.channelIndex(BigInt(scid)) !== undefined);

describe('a graph of several nodes', () => {
  it('is all that any of them names, and loses what none of them names any more', async () => {
    const { clock, nodes, book } = await followed(2);
    nodes[0]!.load(channelNews(1), channelNews(2));
    nodes[1]!.load(channelNews(2), channelNews(3), channelNews(4));
    await clock.runFor(10);
    expect(scids(book)).toEqual([1, 2, 3, 4]);
    nodes[1]!.handlers!.onClosed('lost');
    await clock.runFor(5000);
    expect(nodes[1]!.follows).toBe(2);
    expect(scids(book)).toEqual([1, 2, 3, 4]);
    nodes[1]!.load(channelNews(4));
    await clock.runFor(10);
    expect(scids(book)).toEqual([1, 2, 4]);
  });

  it('keeps what a broken load named until the next whole one', async () => {
    const { clock, nodes, book } = await followed(1);
    nodes[0]!.handlers!.onNews([channelNews(1), channelNews(2)]);
    nodes[0]!.handlers!.onClosed('lost');
    await clock.runFor(2000);
    expect(scids(book)).toEqual([1, 2]);
    expect(book.isLoaded).toBe(false);
    nodes[0]!.load(channelNews(2));
    await clock.runFor(10);
    expect(scids(book)).toEqual([2]);
    expect(book.isLoaded).toBe(true);
  });

  it('closes what is closed, whoever says so, and forgets who named it', async () => {
    const { clock, nodes, book } = await followed(2);
    nodes[0]!.load(channelNews(1));
    nodes[1]!.load(channelNews(1));
    nodes[1]!.handlers!.onNews([{ kind: 'closed', scid: 1n }]);
    await clock.runFor(10);
    expect(scids(book)).toEqual([]);
  });

  it('takes the newest policy, whichever node tells it, and one that comes before its channel', async () => {
    const { clock, nodes, book } = await followed(2);
    nodes[0]!.handlers!.onNews([policyNews(1, SECONDS, 5), policyNews(1, SECONDS - 9, 4), policyNews(2, SECONDS)]);
    nodes[1]!.load(channelNews(1), policyNews(1, SECONDS - 5, 3));
    await clock.runFor(10);
    expect(book.graph.policy(1n, 0)?.feePpm).toBe(5);
    await clock.runFor(120_000);
    // Too long ago: it may be out of date, and its node will tell it again.
    nodes[1]!.handlers!.onNews([channelNews(2)]);
    await clock.runFor(10);
    expect(book.graph.policy(2n, 0)).toBeUndefined();
    nodes[0]!.handlers!.onNews([{ kind: 'policy', update: update(3, SECONDS), channel: announced(3) }]);
    await clock.runFor(10);
    expect(book.graph.policy(3n, 0)?.feePpm).toBe(1);
  });

  it('is not stopped by gossip that cannot be read', async () => {
    const { clock, nodes, book, troubles } = await followed(1);
    const broken = { kind: 'channel', channel: { scid: 9n } } as unknown as GraphNews;
    nodes[0]!.load(broken, channelNews(1));
    await clock.runFor(10);
    expect(scids(book)).toEqual([1]);
    expect(troubles.join()).toContain('could not be read');
  });

  it('takes a flood in slices', async () => {
    const { clock, nodes, book } = await followed(1);
    nodes[0]!.load(...Array.from({ length: 5000 }, (_, i) => channelNews(i + 1)));
    let most = 0;
    let before = 0;
    await clock.run(() => {
      most = Math.max(most, book.graph.channelCount - before);
      before = book.graph.channelCount;
      return book.isLoaded;
    });
    expect(book.graph.channelCount).toBe(5000);
    expect(most).toBeLessThanOrEqual(500);
  });

  it('asks a node that is away less and less often, and nothing after the stop', async () => {
    const { clock, nodes, book } = await followed(1);
    nodes[0]!.isAway = true;
    nodes[0]!.handlers!.onClosed('lost');
    await clock.runFor(600_000);
    expect(nodes[0]!.follows).toBeGreaterThan(8);
    expect(nodes[0]!.follows).toBeLessThan(20);
    nodes[0]!.isAway = false;
    await clock.runFor(60_000);
    const before = nodes[0]!.follows;
    book.stop();
    expect(nodes[0]!.closes).toBe(1);
    nodes[0]!.handlers!.onNews([channelNews(7)]);
    await clock.runFor(600_000);
    expect(nodes[0]!.follows).toBe(before);
    expect(scids(book)).toEqual([]);
  });
});
