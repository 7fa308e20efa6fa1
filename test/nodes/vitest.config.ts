/**
 * Tests with real nodes: one file after the other, each in a process of its own that ends with all it started. What fails is tried
 * once more, and the report says so: a real node has timers and restarts of its own that no test can hold still.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'nodes',
    include: ['test/nodes/**/*.test.ts'],
    globalSetup: ['test/support/postgres-setup.ts'],
    pool: 'forks',
    isolate: true,
    fileParallelism: false,
    retry: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    slowTestThreshold: 30_000,
  },
});
