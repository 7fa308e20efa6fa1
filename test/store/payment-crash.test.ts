/** A process that pays is killed between any two of its writes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/index.js';

const REPOSITORY = resolve(import.meta.dirname, '../..');

let folder: string;
let url: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'manifold-payer-'));
  url = `sqlite:${join(folder, 'x.db')}`;
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Ids of payments whose parts it says are recorded. */
function killedPayer(killAfterMs: number, ...mode: string[]): Promise<string[]> {
  return new Promise((done, fail) => {
    const script = join(import.meta.dirname, 'crash-payer.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, url, ...mode], { cwd: REPOSITORY });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('close', (_, signal) => {
      if (signal !== 'SIGKILL') fail(new Error(`the payer ended by itself: ${errors}`));
      else done(output.split('\n').slice(0, -1));
    });
  });
}

interface Found {
  /** Said to be recorded, and are not. */
  readonly lost: number;
  /** Payments of which a step is there in part. */
  readonly torn: number;
  readonly claimed: number;
}

async function examine(recorded: readonly string[], heir: string): Promise<Found> {
  const store = await openStore({ url });
  const all = await store.payments.listOutgoing(100_000);
  const sent = new Set(all.filter(({ state }) => state.parts.length === 2).map(({ id }) => id));
  await store.events.sequence();
  const told = (await store.events.read(0n, 100_000)).map(({ body }) => body['message'] as string);
  const taught = await store.payments.lessonsAfter(0n, 100_000);
  const { reserved } = await store.payments.startingKnowledge();
  const isWhole = ({ id, version, state }: (typeof all)[number]): boolean =>
    state.parts.length === 2 * (version - 1) && told.includes(id) === sent.has(id);
  const torn = all.filter((payment) => !isWhole(payment)).length;
  expect([taught.length, reserved.length]).toEqual([sent.size, 2 * sent.size]);
  const claimed = await store.payments.claimPayments(heir, 100_000);
  expect(claimed.map(({ id }) => id).sort()).toEqual(all.map(({ id }) => id).sort());
  await store.close();
  return { lost: recorded.filter((id) => !sent.has(id)).length, torn, claimed: claimed.length };
}

describe('a killed payer', () => {
  it(
    'leaves whole steps, all that it relied on, and payments that the next process takes',
    { timeout: 240_000 },
    async () => {
      for (let round = 0; round < 6; round++) {
        const recorded = await killedPayer(5 + 37 * round);
        expect(recorded.length).toBeGreaterThan(0);
        const { lost, torn, claimed } = await examine(recorded, `heir-${round}`);
        expect({ lost, torn }).toEqual({ lost: 0, torn: 0 });
        expect(claimed).toBeGreaterThanOrEqual(recorded.length);
      }
    },
  );

  it('would be caught if it relied on a step before its commit', { timeout: 120_000 }, async () => {
    let lost = 0;
    for (let round = 0; round < 10 && lost === 0; round++) {
      lost += (await examine(await killedPayer(round, '--early'), `heir-${round}`)).lost;
    }
    expect(lost).toBeGreaterThan(0);
  });
});
