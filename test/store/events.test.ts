import { describe, expect, it } from 'vitest';
import pg from 'pg';
import type { LedgerEvent } from '../../src/receive/ledger/types.js';
import type { Store, StoredEvent } from '../../src/store/index.js';
import { ENGINES, freshDatabase } from './engines.js';
import { newHash, NODE } from './rows.js';

const canceled = (paymentHash: string): LedgerEvent => ({ type: 'invoice.canceled', paymentHash });

function emit(store: Store, ...events: LedgerEvent[]): Promise<void> {
  return store.transact([], (view) => {
    events.forEach((event) => {
      view.emit(event);
    });
  });
}

describe.each(ENGINES)('outbox on $name', (engine) => {
  const test = freshDatabase(engine);

  it('keeps events as JSON with 64-bit values as decimal strings, and shows them once they have a number', async () => {
    const hash = newHash();
    const key = { nodeId: NODE, channelId: 2n ** 64n - 1n, htlcId: 0n };
    const event: LedgerEvent = {
      type: 'invoice.settled',
      paymentHash: hash,
      amountMsat: 2_100_000_000_000_000_001n,
      totalMsat: 1n,
      parts: [{ key, amountMsat: 7n }],
    };
    await emit(test.store, event, canceled(hash));
    expect(await test.store.events.latestSeq()).toBe(0n);
    expect(await test.store.events.read(0n, 10)).toEqual([]);
    expect(await test.store.events.sequence()).toBe(2);
    expect(await test.store.events.sequence()).toBe(0);
    expect(await test.store.events.latestSeq()).toBe(2n);
    const [first, second] = await test.store.events.read(0n, 10);
    expect(first).toEqual({
      seq: 1n,
      type: 'invoice.settled',
      paymentHash: hash,
      createdAt: expect.any(Number) as number,
      body: {
        type: 'invoice.settled',
        paymentHash: hash,
        amountMsat: '2100000000000000001',
        totalMsat: '1',
        parts: [{ key: { nodeId: NODE, channelId: '18446744073709551615', htlcId: '0' }, amountMsat: '7' }],
      },
    });
    expect(await test.store.events.read(1n, 10)).toEqual([second]);
    expect(await test.store.events.read(0n, 1)).toEqual([first]);
    expect(await test.store.events.read(0n, 10, { types: ['invoice.canceled'] })).toEqual([second]);
    expect(await test.store.events.read(0n, 10, { paymentHash: newHash() })).toEqual([]);
  });

  it('writes no event of a transaction that fails', async () => {
    const failing = test.store.transact([], (view) => {
      view.emit(canceled(newHash()));
      throw new Error('after all not');
    });
    await expect(failing).rejects.toThrow('after all not');
    expect(await test.store.events.sequence()).toBe(0);
  });

  it('gives a follower every event once, in order, while several write and number', async () => {
    const other = engine.shared ? await test.database.open() : test.store;
    const writers = [newHash(), newHash(), newHash(), newHash()];
    const perWriter = 25;
    let writing = true;
    const seen: StoredEvent[] = [];
    const readOn = async (): Promise<void> => {
      const found = await other.events.read(seen.at(-1)?.seq ?? 0n, 7);
      seen.push(...found);
      if (found.length > 0) await readOn();
    };
    const follow = async (): Promise<void> => {
      while (writing) {
        await readOn();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const number = async (store: Store): Promise<void> => {
      while (writing) {
        await store.events.sequence();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const background = [follow(), number(test.store), number(other)];
    await Promise.all(
      writers.map(async (hash, i) => {
        for (let n = 0; n < perWriter; n++) {
          const alarm: LedgerEvent = {
            type: 'alarm',
            code: String(n),
            paymentHash: hash,
            message: '',
            key: { nodeId: NODE, channelId: 1n, htlcId: 1n },
          };
          await emit(i % 2 === 0 ? test.store : other, alarm);
        }
      }),
    );
    writing = false;
    await Promise.all(background);
    await test.store.events.sequence();
    await readOn();
    expect(seen.map((event) => event.seq)).toEqual(
      Array.from({ length: writers.length * perWriter }, (_, i) => BigInt(i + 1)),
    );
    for (const hash of writers) {
      const codes = seen.filter((event) => event.paymentHash === hash).map((event) => event.body.code);
      expect(codes).toEqual(Array.from({ length: perWriter }, (_, i) => String(i)));
    }
  });

  if (engine.shared)
    it('does not lose the event of a transaction that commits late', async () => {
      const late = new pg.Client({ connectionString: test.database.url });
      await late.connect();
      await late.query('begin');
      await late.query(`insert into event (type, payment_hash, created_at, body) values ('late', null, 1, '{}')`);
      await emit(test.store, canceled(newHash()));
      await test.store.events.sequence();
      const before = await test.store.events.read(0n, 10);
      expect(before.map((event) => event.type)).toEqual(['invoice.canceled']);
      await late.query('commit');
      await late.end();
      await test.store.events.sequence();
      expect((await test.store.events.read(before[0]!.seq, 10)).map((event) => event.type)).toEqual(['late']);
    });
});
