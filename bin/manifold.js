#!/usr/bin/env node
/** Starts the command line: from its sources in a checkout, from the built files in an installed package. */
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';

const source = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../dist/cli/main.js', import.meta.url);

async function loadCommandLine() {
  if (existsSync(source)) {
    const tsx = await import('tsx/esm/api').catch(() => undefined);
    if (tsx) {
      tsx.register();
      return import(source.href);
    }
    if (!existsSync(built)) {
      throw new Error('this checkout has no dependencies yet: run `npm ci` in it, then try again');
    }
  }
  if (existsSync(built)) {
    nodeModule.enableCompileCache?.();
    return import(built.href);
  }
  throw new Error('the installation is incomplete (dist/cli/main.js is missing): install the package again');
}

try {
  const { main } = await loadCommandLine();
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`manifold: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env.MANIFOLD_DEBUG && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = 1;
}
