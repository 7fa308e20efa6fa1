import { describe, expect, it } from 'vitest';
import { inThread } from '../../src/bench/in-thread.js';
import type { BenchResult } from '../../src/bench/measure.js';

describe('a benchmark in a thread', () => {
  it('computes with the curve backend that it is told', async () => {
    const rows = await inThread<BenchResult[]>('onion-thread', true, { MANIFOLD_EC: 'tiny' });
    expect(rows.length).toBe(3);
    for (const { what, ours } of rows) {
      expect(what).toContain('(tiny)');
      expect(ours).toBeGreaterThan(0);
    }
  });

  it('says so if the thread fails', async () => {
    await expect(inThread('onion-thread', true, { MANIFOLD_EC: 'abacus' })).rejects.toThrow('MANIFOLD_EC=abacus');
  });
});
