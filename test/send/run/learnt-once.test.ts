/** Lessons are learnt once, whether they come from a commit, from the log or in a snapshot. */
import { describe, expect, it } from 'vitest';
import { ChannelGraph, Knowledge, type SharedLesson } from '../../../src/send/index.js';
import { SharedKnowledge } from '../../../src/send/run/shared-knowledge.js';
import { toHex } from '../../../src/wire/bytes.js';
import { START } from '../payment/support.js';
import { nodeId } from '../support.js';
import { MemoryStore } from './memory-store.js';

describe('what was learnt', () => {
  const mark = (weight: number): SharedLesson => ({ kind: 'mark_node', node: nodeId(50), weight });
  const clock = { now: () => START, after: () => () => undefined };
  const make = (store: MemoryStore, owner: string) =>
    new SharedKnowledge({ graph: new ChannelGraph(), store, clock, owner, onTrouble: () => undefined });
  const weight = (shared: SharedKnowledge): number => shared.knowledge.marks.weight(toHex(nodeId(50)), START);
  /** Marks as they are if each was made once. */
  const once = (...weights: readonly number[]): number => {
    const knowledge = new Knowledge(new ChannelGraph());
    for (const each of weights) knowledge.markNode(nodeId(50), each, START);
    return knowledge.marks.weight(toHex(nodeId(50)), START);
  };

  it('is in a snapshot and behind its place once, whether the log or the commit was first', async () => {
    const store = new MemoryStore(() => START);
    const a = make(store, 'a');
    await a.load();
    await store.appendLessons('a', [mark(0.1)]);
    // The log says so before the commit has been answered.
    await a.poll();
    expect(weight(a)).toBe(once(0.1));
    expect(weight(a)).toBeGreaterThan(0);
    a.learn([mark(0.1)]);
    expect(weight(a)).toBe(once(0.1));
    // Learnt while the snapshot polls, and in the log behind its place.
    const lessonsAfter = store.lessonsAfter.bind(store);
    store.lessonsAfter = async (...args) => {
      const rows = await lessonsAfter(...args);
      if (store.lessons.length === 1) {
        await store.appendLessons('a', [mark(0.2)]);
        a.learn([mark(0.2)]);
      }
      return rows;
    };
    await a.save();
    expect(store.snapshot!.seq).toBe(1n);
    await store.appendLessons('b', [mark(0.3)]);
    const c = make(store, 'c');
    await c.load();
    await a.poll();
    expect(weight(a)).toBe(once(0.1, 0.2, 0.3));
    expect(weight(c)).toBe(once(0.1, 0.2, 0.3));
    await a.save();
    expect(store.snapshot!.ahead).toEqual([]);
  });
});
