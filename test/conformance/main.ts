/**
 * `tsx test/conformance/main.ts sim fake-lnd lnd …`: the conformance suites of the ports, receiving and sending, with the
 * adapters named. `lnd` builds real nodes if they are not there yet. Exits with the first code of a run that is not 0.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { repositoryPath } from '../e2e/processes.js';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const unit = (...files: string[]): string[] => [vitest, 'run', '--project', 'unit', ...files];

/** Arguments of node, by adapter. */
const ADAPTERS: Readonly<Record<string, readonly string[]>> = {
  sim: unit(
    'test/node/sim-conformance.test.ts',
    'test/node/remote-conformance.test.ts',
    'test/node/sim-send-conformance.test.ts',
    'test/node/sim-remote-send.test.ts',
  ),
  'fake-lnd': unit('test/node/fake-lnd-conformance.test.ts', 'test/node/fake-lnd-send-conformance.test.ts'),
  lnd: [
    ...['--import', 'tsx', 'test/nodes/main.ts'],
    ...['test/nodes/conformance.test.ts', 'test/nodes/send-conformance.test.ts'],
  ],
};

function run(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: repositoryPath('.'), stdio: 'inherit' });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

async function main(names: readonly string[]): Promise<number> {
  const runs = names.map((name) => (Object.hasOwn(ADAPTERS, name) ? ADAPTERS[name] : undefined));
  if (names.length === 0 || runs.includes(undefined)) {
    process.stderr.write(`usage: npm run test:conformance -- ADAPTER …, of ${Object.keys(ADAPTERS).join(', ')}\n`);
    return 2;
  }
  let first = 0;
  for (const args of runs) {
    const code = await run(args!);
    first ||= code;
  }
  return first;
}

process.exitCode = await main(process.argv.slice(2));
