import { describe, expect, it } from 'vitest';
import type { Hint, NewInternalHtlc } from '../../src/store/index.js';
import { ENGINES, freshDatabase } from './engines.js';
import { newHash, NODE, OTHER_NODE } from './rows.js';

const htlc = (over: Partial<NewInternalHtlc> = {}): NewInternalHtlc => ({
  nodeId: NODE,
  channelId: 2n ** 64n - 1n,
  paymentHash: newHash(),
  partId: 0,
  sentAt: 1_800_000_000_000,
  amountMsat: 2n ** 63n,
  expiry: 2 ** 32 - 1,
  onion: new Uint8Array(1366).fill(3),
  ...over,
});

describe.each(ENGINES)('HTLCs of the internal node on $name', (engine) => {
  const test = freshDatabase(engine);
  const second = () => (engine.shared ? test.database.open() : Promise.resolve(test.store));

  it('are held until they end', async () => {
    const { internalHtlcs } = test.store;
    const [a, b] = [htlc(), htlc()];
    const first = await internalHtlcs.hold(a);
    expect(first).toMatchObject({ ...a, end: { state: 'held' } });
    const other = await internalHtlcs.hold(b);
    await internalHtlcs.hold(htlc({ nodeId: OTHER_NODE }));
    expect(await internalHtlcs.held(NODE)).toEqual([first, other]);
    expect(await internalHtlcs.lookup(first)).toEqual(first);
    expect(await internalHtlcs.ofPart(b)).toEqual(other);
    const settled = await internalHtlcs.settle(first, '11'.repeat(32));
    expect(settled).toMatchObject({ ...a, end: { state: 'settled', preimage: '11'.repeat(32) } });
    const packet = new Uint8Array([1, 2, 3]);
    expect((await internalHtlcs.fail(other, packet))?.end).toMatchObject({ state: 'failed', packet });
    expect(await internalHtlcs.held(NODE)).toEqual([]);
    expect(await internalHtlcs.ofPart(a)).toEqual(settled);
  });

  it('are one per part, whoever hands it over and when', async () => {
    const stores = [test.store, await second()];
    const wanted = htlc();
    const held = await Promise.all(stores.flatMap(({ internalHtlcs }) => [0, 1].map(() => internalHtlcs.hold(wanted))));
    expect(new Set(held.map(({ htlcId }) => htlcId)).size).toBe(1);
    const settled = await test.store.internalHtlcs.settle(held[0]!, '11'.repeat(32));
    expect(await test.store.internalHtlcs.hold({ ...wanted, onion: new Uint8Array(1) })).toEqual(settled);
    expect(await test.store.internalHtlcs.held(NODE)).toEqual([]);
    // Part 0 of a later payment of the hash is another one.
    const later = await test.store.internalHtlcs.hold({ ...wanted, sentAt: wanted.sentAt + 1 });
    expect(later.end.state).toBe('held');
    expect(later.htlcId).not.toBe(held[0]!.htlcId);
  });

  it('end once: the first word stands', async () => {
    const stores = [test.store, await second()];
    for (let round = 0; round < 10; round++) {
      const held = await test.store.internalHtlcs.hold(htlc());
      const ends = await Promise.all([
        stores[0]!.internalHtlcs.settle(held, '11'.repeat(32)),
        stores[1]!.internalHtlcs.fail(held, new Uint8Array([round])),
      ]);
      expect(ends[0]).toEqual(ends[1]);
      const stands = await test.store.internalHtlcs.lookup(held);
      expect(stands).toEqual(ends[0]);
      expect(await test.store.internalHtlcs.settle(held, '22'.repeat(32))).toEqual(stands);
    }
  });

  it('are found by their whole key only', async () => {
    const { internalHtlcs } = test.store;
    const held = await internalHtlcs.hold(htlc());
    for (const wrong of [{ nodeId: OTHER_NODE }, { channelId: 1n }, { htlcId: held.htlcId + 1n }]) {
      expect(await internalHtlcs.lookup({ ...held, ...wrong })).toBeUndefined();
      expect(await internalHtlcs.settle({ ...held, ...wrong }, '11'.repeat(32))).toBeUndefined();
    }
    expect(await internalHtlcs.lookup(held)).toEqual(held);
  });

  it('are told of', async () => {
    const other = await second();
    const heard: Hint[] = [];
    other.onHint((hint) => heard.push(hint));
    // The first hint of a shared database says that it is listened to.
    if (engine.shared) await expect.poll(() => heard.length).toBe(1);
    const held = await test.store.internalHtlcs.hold(htlc());
    const told = { nodeIds: [], freed: [], events: false, payments: true };
    await expect.poll(() => heard.at(-1)).toEqual(told);
    heard.length = 0;
    await test.store.internalHtlcs.settle(held, '11'.repeat(32));
    await expect.poll(() => heard.at(-1)).toEqual(told);
  });
});
