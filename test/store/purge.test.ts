import { describe, expect, it } from 'vitest';
import { ENGINES, freshDatabase } from './engines.js';
import { newHash } from './rows.js';

describe.each(ENGINES)('what was told long ago on $name', (engine) => {
  const test = freshDatabase(engine);

  async function tell(count: number): Promise<void> {
    const { store } = test;
    await store.transact([], (view) => {
      for (let i = 0; i < count; i++) view.emit({ type: 'invoice.canceled', paymentHash: newHash() });
    });
    await store.events.sequence();
  }

  const webhook = (id: string, enabled = true) => ({
    id,
    url: 'http://127.0.0.1:1/',
    secretRef: 'epoch:1',
    eventTypes: [],
    enabled,
    cursorSeq: 0n,
  });

  async function later(): Promise<number> {
    const { store } = test;
    const written = await store.now();
    await expect.poll(() => store.now()).toBeGreaterThan(written);
    return store.now();
  }

  const seqs = async (): Promise<bigint[]> => (await test.store.events.read(0n, 10_000)).map(({ seq }) => seq);

  it('is forgotten in any number, but for the last event, whose number the next one follows', async () => {
    const { store } = test;
    await tell(2_500);
    const before = await later();
    expect(await store.purge(before)).toEqual({ events: 2_499, deliveries: 0 });
    expect(await seqs()).toEqual([2_500n]);
    expect(await store.purge(before)).toEqual({ events: 0, deliveries: 0 });
    await tell(2);
    expect(await seqs()).toEqual([2_500n, 2_501n, 2_502n]);
    expect(await store.events.read(100n, 1)).toMatchObject([{ seq: 2_500n }]);
  });

  it('stays if it is younger', async () => {
    const { store } = test;
    await tell(3);
    const before = await later();
    await tell(3);
    expect(await store.purge(before)).toEqual({ events: 3, deliveries: 0 });
    expect(await seqs()).toEqual([4n, 5n, 6n]);
    expect(await store.purge(0)).toEqual({ events: 0, deliveries: 0 });
  });

  it('stays while an enabled webhook is owed it, whether or not it was turned into a delivery', async () => {
    const { store } = test;
    await store.webhooks.add(webhook('w'));
    await tell(2);
    while ((await store.webhooks.enqueue(100)) > 0);
    await tell(2);
    const claimed = await store.webhooks.claim(10, 60_000);
    expect(claimed).toHaveLength(2);
    await store.webhooks.record('w', 1n, { type: 'done', status: '200' });
    await expect(store.purge(await later())).resolves.toEqual({ events: 1, deliveries: 1 });
    expect(await seqs()).toEqual([2n, 3n, 4n]);
    while ((await store.webhooks.enqueue(100)) > 0);
    for (const seq of [2n, 3n, 4n]) await store.webhooks.record('w', seq, { type: 'done', status: '200' });
    await expect(store.purge(await later())).resolves.toEqual({ events: 2, deliveries: 3 });
    expect(await seqs()).toEqual([4n]);
  });

  it('is not kept for a webhook that is switched off', async () => {
    const { store } = test;
    await store.webhooks.add(webhook('w'));
    await tell(3);
    while ((await store.webhooks.enqueue(100)) > 0);
    await store.webhooks.setEnabled('w', false);
    await expect(store.purge(await later())).resolves.toEqual({ events: 2, deliveries: 3 });
    expect(await seqs()).toEqual([3n]);
  });
});
