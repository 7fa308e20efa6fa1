import { describe, expect, it } from 'vitest';
import { updateDocument } from '../../src/offline/documents.js';
import { ENGINES, freshDatabase } from './engines.js';

interface Body {
  readonly count: bigint;
  readonly bytes: Uint8Array;
}

const body = (count: number): Body => ({ count: BigInt(count), bytes: Uint8Array.of(count, 255) });

describe.each(ENGINES)('documents on $name', (engine) => {
  const test = freshDatabase(engine);
  const documents = () => test.store.documents<Body>('rod_request');
  const fields = (id: string, count: number, dueAt?: number) => ({
    id,
    scope: '7',
    isOpen: true,
    body: body(count),
    ...(dueAt !== undefined && { dueAt }),
  });

  it('come back as they were written, and of their own kind only', async () => {
    const written = await documents().write(fields('a', 1, 5), 0);
    expect(written).toMatchObject({ id: 'a', scope: '7', version: 1, dueAt: 5, isOpen: true, body: body(1) });
    expect(await documents().read('a')).toEqual(written);
    expect(await test.store.documents('rod_payment').read('a')).toBeUndefined();
    await documents().remove('a');
    expect(await documents().read('a')).toBeUndefined();
  });

  it('are written by one of those who read the same version', async () => {
    await documents().write(fields('a', 0), 0);
    expect(await documents().write(fields('a', 9), 0)).toBeUndefined();
    const writes = await Promise.all([1, 2, 3].map((n) => documents().write(fields('a', n), 1)));
    expect(writes.filter((one) => one !== undefined)).toHaveLength(1);
    expect((await documents().read('a'))?.version).toBe(2);
  });

  it('lose no change when many writers add to one', async () => {
    const add = () =>
      updateDocument(documents(), 'a', (stored) => ({ document: fields('a', Number(stored?.body.count ?? 0n) + 1) }));
    await Promise.all(Array.from({ length: 5 }, add));
    expect((await documents().read('a'))?.body.count).toBe(5n);
    expect(await updateDocument(documents(), 'a', () => undefined)).toBeUndefined();
  });

  it('that are due are claimed once until the lease ends', async () => {
    const now = Date.now() + 10_000_000;
    await documents().write(fields('late', 1, 1_000), 0);
    await documents().write(fields('later', 2, 2_000), 0);
    await documents().write(fields('never', 3), 0);
    await documents().write(fields('future', 4, now * 2), 0);
    const claims = await Promise.all([documents().claimDue(10, 60_000), documents().claimDue(10, 60_000)]);
    expect(
      claims
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['late', 'later']);
    expect(await documents().claimDue(10, 60_000)).toEqual([]);
    // Whoever read it before the claim has lost it.
    expect(await documents().write(fields('late', 9), 1)).toBeUndefined();
  });

  it('are listed newest first, by scope and by whether they are over', async () => {
    for (const id of ['a', 'b', 'c']) await documents().write({ ...fields(id, 1), isOpen: id !== 'b' }, 0);
    await documents().write({ ...fields('d', 1), scope: '8' }, 0);
    const ids = async (query: object) => (await documents().list({ limit: 10, ...query })).map(({ id }) => id).sort();
    expect(await ids({})).toEqual(['a', 'b', 'c', 'd']);
    expect(await ids({ scope: '7', isOpen: true })).toEqual(['a', 'c']);
    expect(await documents().count({ scope: '7' })).toBe(3);
    expect(await documents().count({ isOpen: false })).toBe(1);
    const [first] = await documents().list({ limit: 1 });
    const rest = await documents().list({ limit: 10, before: first! });
    expect(rest).toHaveLength(3);
    expect(rest.map(({ id }) => id)).not.toContain(first!.id);
  });

  it('that are over and old are purged, others never', async () => {
    await documents().write({ ...fields('over', 1), isOpen: false }, 0);
    await documents().write(fields('open', 1), 0);
    await test.store.purge(0);
    expect(await documents().count({})).toBe(2);
    await test.store.purge(Date.now() + 1_000_000_000_000);
    expect((await documents().list({ limit: 10 })).map(({ id }) => id)).toEqual(['open']);
  });
});
