/** `tsx test/nodes/main.ts [vitest arguments]`: builds lnd, btcd and LDK if they are not there yet, then runs the tests with them. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { repositoryPath } from '../e2e/processes.js';
import { nodeBinaries } from './binaries.js';
import { ldkBinary } from './ldk-binary.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  try {
    await nodeBinaries(say);
    await ldkBinary(say);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const args = [vitest, 'run', '--config', 'test/nodes/vitest.config.ts', ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { cwd: repositoryPath('.'), stdio: 'inherit' });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      say(error.message);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main();
