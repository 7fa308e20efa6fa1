import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/support/postgres-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/ldk/**', 'test/nodes/**', 'test/attack/**'],
          // Files share their process and its loaded modules: several times faster, and they keep no global state.
          // Processes, since a thread that ends with an HTTP/2 session not fully closed may spin for ever in Node's clean-up.
          pool: 'forks',
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'ldk',
          include: ['test/ldk/**/*.test.ts'],
          // LDK's WebAssembly keeps global state and frees nothing until its process ends.
          pool: 'forks',
          isolate: true,
        },
      },
    ],
  },
});
