/** Attacks on running daemons. They mostly wait (for limits, leases and thaws), so they run apart from `npm test`. */
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const ROOT = resolve(import.meta.dirname, '../..');

export default defineConfig({
  root: ROOT,
  test: {
    globalSetup: [resolve(ROOT, 'test/support/postgres-setup.ts')],
    include: ['test/attack/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
