import { describe, expect, it } from 'vitest';
import { StoreConflict } from '../../src/store/index.js';
import { ENGINES, freshDatabase } from './engines.js';
import { lease, newHash, NODE, settlingSet } from './rows.js';

describe.each(ENGINES)('simultaneous transactions on $name', (engine) => {
  const test = freshDatabase(engine);
  const second = () => (engine.shared ? test.database.open() : Promise.resolve(test.store));

  it('lose no update', async () => {
    const stores = [test.store, await second()];
    const rounds = 40;
    await test.store.transact([], (view) => {
      view.putLease(lease({ epoch: 0 }));
    });
    let runs = 0;
    await Promise.all(
      stores.map(async (store) => {
        for (let i = 0; i < rounds; i++) {
          await store.transact([], (view) => {
            runs++;
            const current = view.leases.get(NODE)!;
            view.putLease({ ...current, epoch: current.epoch + 1 });
          });
        }
      }),
    );
    expect((await test.store.leases())[0]!.epoch).toBe(2 * rounds);
    // The control: on a shared database the bodies did collide and ran again.
    if (engine.shared) expect(runs).toBeGreaterThan(2 * rounds);
    else expect(runs).toBe(2 * rounds);
  });

  it('commit one set of a hash when both look first', async () => {
    const stores = [test.store, await second()];
    for (let round = 0; round < 10; round++) {
      const hash = newHash();
      const won = await Promise.all(
        stores.map((store, i) =>
          store.transact([hash], (view) => {
            const account = view.account(hash);
            if (account.sets.some((set) => set.state === 'settling')) return false;
            view.putAccount({ ...account, sets: [...account.sets, settlingSet(hash, { id: String(i) })] });
            return true;
          }),
        ),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      const { sets } = await test.store.readAccount(hash);
      expect(sets.map((set) => set.id)).toEqual([String(won.indexOf(true))]);
    }
  });

  it('commit one set of a hash even when neither looks', async () => {
    const stores = [test.store, await second()];
    const hash = newHash();
    const results = await Promise.allSettled(
      stores.map((store, i) =>
        store.transact([hash], (view) => {
          const account = view.account(hash);
          view.putAccount({ ...account, sets: [...account.sets, settlingSet(hash, { id: String(i) })] });
        }),
      ),
    );
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(StoreConflict);
    expect((await test.store.readAccount(hash)).sets).toHaveLength(1);
  });

  it('can be asked for all at once', async () => {
    const hashes = Array.from({ length: 60 }, newHash);
    const store = await second();
    await Promise.all(
      hashes.map((hash, i) =>
        (i % 2 === 0 ? test.store : store).transact([hash], (view) => {
          view.putAccount({ ...view.account(hash), sets: [settlingSet(hash)] });
        }),
      ),
    );
    expect(await test.store.settledSets(100)).toHaveLength(60);
  });
});
