import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mailToDrop } from '../../../src/offline/mailbox/index.js';

describe('what makes room in a box', () => {
  const mail = fc.array(fc.record({ size: fc.integer({ min: 1, max: 2_000 }) }), { maxLength: 60 });
  const limits = fc.record({ messages: fc.integer({ min: 0, max: 40 }), bytes: fc.integer({ min: 0, max: 20_000 }) });

  it('leaves the newest, without a gap, within both limits, and as many as fit', () => {
    fc.assert(
      fc.property(mail, limits, (newestFirst, box) => {
        const dropped = mailToDrop(newestFirst, box);
        const kept = newestFirst.slice(0, newestFirst.length - dropped.length);
        expect(dropped).toEqual(newestFirst.slice(kept.length));
        const bytes = kept.reduce((sum, { size }) => sum + size, 0);
        expect(kept.length).toBeLessThanOrEqual(box.messages);
        expect(bytes).toBeLessThanOrEqual(box.bytes);
        const next = dropped[0];
        if (next) expect(kept.length === box.messages || bytes + next.size > box.bytes).toBe(true);
      }),
    );
  });
});
