import { describe, expect, it } from 'vitest';
import { type HeldNews, newsOf, withNews } from '../../../src/daemon/offline/held-events.js';
import type { HeldHtlc } from '../../../src/offline/hold/types.js';
import { openStore } from '../../../src/store/index.js';

const held = (fields: Partial<HeldHtlc>): HeldHtlc =>
  ({ phase: 'held', isGone: false, isMarked: false, awaitsRelease: true, awaitsPayee: true, ...fields }) as HeldHtlc;

describe('news of held HTLCs', () => {
  it.each([
    [held({}), true, 'offline.held'],
    [held({ awaitsRelease: false }), false, undefined],
    [held({ phase: 'resumed' }), true, undefined],
    [held({ phase: 'resumed' }), false, 'offline.resumed'],
    [held({ phase: 'failed' }), false, 'offline.failed'],
    [held({ phase: 'resumed', isGone: true }), false, 'offline.ended'],
  ] as const)('%#', (document, isFirst, news) => {
    expect(newsOf(document, isFirst)).toBe(news);
  });

  it('are told by whoever wrote, not by whoever was too late', async () => {
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    const told: HeldNews[] = [];
    const documents = withNews(store.documents<HeldHtlc>('held_htlc'), (type) => void told.push(type));
    const document = (body: HeldHtlc) => ({ id: 'one', scope: '', isOpen: true, body });
    expect(await documents.write(document(held({})), 0)).toBeDefined();
    expect(await documents.write(document(held({})), 0)).toBeUndefined();
    expect(await documents.write(document(held({ phase: 'failed' })), 7)).toBeUndefined();
    expect(await documents.write(document(held({ phase: 'resumed' })), 1)).toBeDefined();
    expect(told).toEqual(['offline.held', 'offline.resumed']);
    await store.close();
  });
});
