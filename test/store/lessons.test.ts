import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { ChannelGraph, exportKnowledge, Knowledge, type SharedLesson } from '../../src/send/index.js';
import type { StoredLessons } from '../../src/send/run/store-port.js';
import { openEngine } from '../../src/store/store.js';
import { ENGINES, freshDatabase } from './engines.js';
import { commitOf, failedPart, lesson, newPreimage, order, sent, settled, TTL } from './payment-steps.js';

const weightsOf = (rows: readonly StoredLessons[]): number[] =>
  rows.flatMap(({ lessons }) => lessons.map((one) => (one.kind === 'mark_node' ? one.weight : -1)));

describe.each(ENGINES)('what payments taught on $name', (engine) => {
  const test = freshDatabase(engine);
  const second = () => (engine.shared ? test.database.open() : Promise.resolve(test.store));
  const knowledge = exportKnowledge(new Knowledge(new ChannelGraph()), 0);
  const ahead = [{ owner: 'a', text: 'what the log will say' }];

  it('comes with the step, in order, with owner and time', async () => {
    const { payments } = test.store;
    const { payment } = await payments.createPayment(order('a', newPreimage()), []);
    const before = await test.store.now();
    const out = sent(payment.state);
    const reserved: SharedLesson = { kind: 'reserved', hops: out.parts[0]!.hops };
    await payments.commitStep(commitOf(payment, out, { lessons: [reserved, lesson(1)] }));
    await payments.appendLessons('probe', [lesson(2)]);
    await payments.appendLessons('probe', []);
    const rows = await payments.lessonsAfter(0n, 10);
    expect(rows).toMatchObject([
      { seq: 1n, owner: 'a', lessons: [reserved, lesson(1)] },
      { seq: 2n, owner: 'probe', lessons: [lesson(2)] },
    ]);
    for (const { at } of rows) expect(at).toBeGreaterThanOrEqual(before);
    expect(await payments.lessonsAfter(1n, 10)).toEqual(rows.slice(1));
    expect(await payments.lessonsAfter(0n, 1)).toEqual(rows.slice(0, 1));
    expect(await payments.lessonsAfter(2n, 10)).toEqual([]);
  });

  it('is missed by no reader, however many write and number', async () => {
    const stores = [test.store, await second()];
    const writers = 6;
    const each = 20;
    const read: number[] = [];
    let [seq, done] = [0n, false];
    const follow = async (): Promise<void> => {
      while (!done || (await stores[1]!.payments.lessonsAfter(seq, 1)).length > 0) {
        const rows = await stores[1]!.payments.lessonsAfter(seq, 7);
        for (const row of rows) expect(row.seq).toBe(++seq);
        read.push(...weightsOf(rows));
      }
    };
    const write = async (writer: number): Promise<void> => {
      const { payments } = stores[writer % 2]!;
      const owner = `w${writer}`;
      let { payment } = await payments.createPayment(order(owner, newPreimage()), []);
      for (let i = 0; i < each; i++) {
        await payments.commitStep(commitOf(payment, payment.state, { lessons: [lesson(writer * each + i)] }));
        payment = { ...payment, version: payment.version + 1 };
      }
    };
    const following = follow();
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    done = true;
    await following;
    expect([...read].sort((a, b) => a - b)).toEqual(Array.from({ length: writers * each }, (_, i) => i));
    // Each payment's own lessons keep their order.
    for (let writer = 0; writer < writers; writer++) {
      const own = read.filter((weight) => Math.floor(weight / each) === writer);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  it('begins with the snapshot and what is out', async () => {
    const { payments } = test.store;
    expect(await payments.startingKnowledge()).toEqual({ snapshot: undefined, seq: 0n, reserved: [] });
    const preimage = newPreimage();
    const first = (await payments.createPayment(order('a', preimage), [])).payment;
    const second = (await payments.createPayment(order('a', newPreimage()), [])).payment;
    const [a, b] = [sent(first.state), sent(second.state)];
    await payments.commitStep(commitOf(first, a, { lessons: [lesson(1)] }));
    await payments.commitStep(commitOf(second, b, { lessons: [lesson(2)] }));
    await payments.saveKnowledge({ seq: 1n, knowledge, ahead }, TTL);
    const before = await payments.startingKnowledge();
    expect(before).toMatchObject({ snapshot: { seq: 1n, knowledge, ahead }, seq: 2n });
    const key = (hops: readonly { scid: bigint; amountMsat: bigint }[]): string =>
      hops.map(({ scid, amountMsat }) => `${scid}:${amountMsat}`).join();
    expect(before.reserved.map(key).sort()).toEqual([...a.parts, ...b.parts].map(({ hops }) => key(hops)).sort());
    await payments.commitStep(commitOf({ ...first, state: a, version: 2 }, settled(a, preimage)));
    await payments.commitStep(commitOf({ ...second, state: b, version: 2 }, failedPart(b, 0)));
    expect((await payments.startingKnowledge()).reserved).toEqual([b.parts[1]!.hops]);
  });

  it('and what is out are read at one moment, while payments begin and end', async () => {
    const stores = [test.store, await second()];
    let done = false;
    const run = async (owner: number): Promise<void> => {
      const { payments } = stores[owner % 2]!;
      for (let i = 0; i < 6; i++) {
        const preimage = newPreimage();
        const { payment } = await payments.createPayment(order(`o${owner}`, preimage), []);
        const out = sent(payment.state);
        const reserved = out.parts.map(({ hops }): SharedLesson => ({ kind: 'reserved', hops }));
        await payments.commitStep(commitOf(payment, out, { lessons: reserved }));
        const released = out.parts.map(({ hops }): SharedLesson => ({ kind: 'released', hops }));
        const stored = { ...payment, state: out, version: 2 };
        await payments.commitStep(commitOf(stored, settled(out, preimage), { lessons: released }));
      }
    };
    let looks = 0;
    const look = async (): Promise<void> => {
      while (!done || looks === 0) {
        const { seq, reserved } = await stores[1]!.payments.startingKnowledge();
        const rows = await stores[0]!.payments.lessonsAfter(0n, 1000);
        const upTo = rows.filter((row) => row.seq <= seq).flatMap(({ lessons }) => lessons);
        const begun = upTo.filter(({ kind }) => kind === 'reserved').length;
        const ended = upTo.filter(({ kind }) => kind === 'released').length;
        expect(reserved).toHaveLength(begun - ended);
        looks++;
      }
    };
    const looking = look();
    await Promise.all([0, 1, 2, 3].map(run)).finally(() => {
      done = true;
    });
    await looking;
    expect(looks).toBeGreaterThan(0);
  });

  it('is told without the parts that cannot be read', async () => {
    const { payments } = test.store;
    const { payment } = await payments.createPayment(order('a', newPreimage()), []);
    const out = sent(payment.state);
    await payments.commitStep(commitOf(payment, out));
    await test.store.close();
    const raw = await openEngine({ url: test.database.url });
    await raw.query((db) => sql`update payment_part set body = 'x' where part_id = 0`.execute(db));
    await raw.close();
    const reopened = await test.database.open();
    expect((await reopened.payments.startingKnowledge()).reserved).toEqual([out.parts[1]!.hops]);
  });

  it('is forgotten once it is in a snapshot and old, but for the last', async () => {
    const { payments } = test.store;
    for (let i = 1; i <= 5; i++) await payments.appendLessons('a', [lesson(i)]);
    await payments.lessonsAfter(0n, 1);
    const later = (await test.store.now()) + 60_000;
    await test.store.purge(later);
    expect(await payments.lessonsAfter(0n, 10)).toHaveLength(5);
    await payments.saveKnowledge({ seq: 3n, knowledge, ahead }, TTL);
    expect(await payments.lessonsAfter(0n, 10)).toHaveLength(5);
    await test.store.purge(0);
    expect(await payments.lessonsAfter(0n, 10)).toHaveLength(5);
    await test.store.purge(later);
    expect(weightsOf(await payments.lessonsAfter(0n, 10))).toEqual([4, 5]);
    // An older snapshot changes nothing; one of everything leaves the last number.
    await payments.saveKnowledge(
      { seq: 2n, knowledge: { ...knowledge, nodes: [{ node: 'x', weight: 1, at: 1 }] }, ahead: [] },
      -TTL,
    );
    expect((await payments.startingKnowledge()).snapshot).toEqual({ seq: 3n, knowledge, ahead });
    await payments.saveKnowledge({ seq: 5n, knowledge, ahead }, -TTL);
    expect(await payments.lessonsAfter(0n, 10)).toMatchObject([{ seq: 5n }]);
    await payments.appendLessons('a', [lesson(6)]);
    expect(await payments.lessonsAfter(5n, 10)).toMatchObject([{ seq: 6n }]);
  });
});
