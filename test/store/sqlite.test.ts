import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, StoreBusy, StoreDiskFull, StoreUnavailable } from '../../src/store/index.js';
import { SqliteConnection } from '../../src/store/sqlite/connection.js';
import { newHash, openSet, part, settledPart, settlingSet } from './rows.js';

const REPOSITORY = resolve(import.meta.dirname, '../..');

let folder: string;
let path: string;
let url: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'manifold-sqlite-'));
  path = join(folder, 'x.db');
  url = `sqlite:${path}`;
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the writer until it has acknowledged something and a little longer, kills it, and returns what it acknowledged. */
function killedWriter(killAfterMs: number, ...mode: string[]): Promise<string[]> {
  return new Promise((done, fail) => {
    const script = join(import.meta.dirname, 'crash-writer.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, url, ...mode], { cwd: REPOSITORY });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('close', (_, signal) => {
      if (signal !== 'SIGKILL') fail(new Error(`the writer ended by itself: ${errors}`));
      // A line that was cut off was never read as an acknowledgement.
      else done(output.split('\n').slice(0, -1));
    });
  });
}

async function missing(acknowledged: readonly string[]): Promise<string[]> {
  const store = await openStore({ url, inProcess: true });
  const rows = await store.transact(acknowledged, (view) =>
    acknowledged.map((hash) => {
      const { sets, parts } = view.account(hash);
      return { hash, whole: sets.length === 1 && parts.length === 1 };
    }),
  );
  await store.close();
  return rows.flatMap(({ hash, whole }) => (whole ? [] : [hash]));
}

describe('a killed process', () => {
  it('loses nothing that was acknowledged', { timeout: 240_000 }, async () => {
    let total = 0;
    for (let round = 0; round < 15; round++) {
      const acknowledged = await killedWriter(5 + 17 * round);
      expect(acknowledged.length).toBeGreaterThan(0);
      total += acknowledged.length;
      expect(await missing(acknowledged)).toEqual([]);
    }
    expect(total).toBeGreaterThan(100);
  });

  it('would be caught if it acknowledged before the commit', { timeout: 120_000 }, async () => {
    let lost = 0;
    for (let round = 0; round < 10 && lost === 0; round++)
      lost += (await missing(await killedWriter(round, '--early'))).length;
    expect(lost).toBeGreaterThan(0);
  });
});

describe('a database file', () => {
  it.each([true, false])('has one writer at a time (in process: %s)', async (inProcess) => {
    const first = await openStore({ url, inProcess });
    const second = openStore({ url, inProcess: !inProcess });
    await expect(second).rejects.toThrow(StoreBusy);
    await expect(second).rejects.toMatchObject({ nextStep: expect.stringContaining('other daemon') as string });
    await first.close();
    const third = await openStore({ url, inProcess });
    await third.close();
  });

  it('can be read by others while the daemon runs, and by its owner only', async () => {
    const store = await openStore({ url });
    const reader = new DatabaseSync(path, { readOnly: true });
    expect(reader.prepare('select count(*) as n from part').get()).toEqual({ n: 0 });
    reader.close();
    for (const file of readdirSync(folder))
      expect([file, statSync(join(folder, file)).mode & 0o077]).toEqual([file, 0]);
    await store.close();
  });

  it('is synchronised fully at every commit', () => {
    const connection = new SqliteConnection({ path });
    const read = (pragma: string): unknown =>
      connection.execute({ statements: [{ sql: `pragma ${pragma}` }], rollbackOnFailure: false })[0]!.rows[0]![0];
    expect([read('synchronous'), read('journal_mode'), read('foreign_keys')]).toEqual([2n, 'wal', 1n]);
    connection.close();
  });
});

describe('a full disk', () => {
  it.each([true, false])('fails the write, keeps the rest and heals (in process: %s)', async (inProcess) => {
    const store = await openStore({ url, inProcess, maxPages: 120 });
    const big = { statusCode: 200, responseBody: 'x'.repeat(20_000) };
    const fill = async (key: string): Promise<void> => {
      const begun = await store.idempotency.begin({ tokenId: 't', key, route: 'r', requestHash: 'h' });
      if (begun.type === 'run') await store.idempotency.finish(begun.claim, big);
    };
    const written: string[] = [];
    const pay = async (): Promise<void> => {
      const hash = newHash();
      await store.transact([hash], (view) => {
        const parts = Array.from({ length: 20 }, () => settledPart(hash));
        view.putAccount({ paymentHash: hash, terms: undefined, sets: [settlingSet(hash)], parts });
      });
      written.push(hash);
    };
    for (let i = 0; i < 4; i++) await fill(String(i));
    const filling = async (): Promise<void> => {
      for (;;) await pay();
    };
    await expect(filling()).rejects.toThrow(StoreDiskFull);
    expect(written.length).toBeGreaterThan(0);
    for (const hash of written) expect((await store.readAccount(hash)).parts).toHaveLength(20);
    expect(await store.settledSets(1_000)).toHaveLength(written.length);
    await expect(pay()).rejects.toMatchObject({ code: 'store_disk_full' });
    expect(await store.idempotency.purge(Date.now() + 60_000)).toBeGreaterThanOrEqual(4);
    await pay();
    await store.close();
    expect(await missing([])).toEqual([]);
  });
});

describe('the thread of the database', () => {
  it('leaves the event loop free while a commit runs', async () => {
    const store = await openStore({ url });
    const turnsOfCommit = async (): Promise<number> => {
      const hashes = Array.from({ length: 2_000 }, newHash);
      let turns = 0;
      let running = true;
      const count = (): void => {
        turns++;
        if (running) setImmediate(count);
      };
      await store.transact(hashes, (view) => {
        for (const hash of hashes)
          view.putAccount({ paymentHash: hash, terms: undefined, sets: [openSet(hash)], parts: [part(hash)] });
        setImmediate(count);
      });
      running = false;
      return turns;
    };
    // A busy machine may give the thread a whole commit before it gives the event loop its next turn.
    let most = 0;
    for (let commits = 0; commits < 20 && most <= 10; commits++) most = Math.max(most, await turnsOfCommit());
    expect(most).toBeGreaterThan(10);
    await store.close();
  });

  it('answers every call after the store is closed', async () => {
    for (const inProcess of [true, false]) {
      const store = await openStore({ url, inProcess });
      const last = store.leases();
      await Promise.all([store.close(), store.close()]);
      expect(await last).toEqual([]);
      await expect(store.leases()).rejects.toThrow(StoreUnavailable);
      await expect(store.transact([], () => 0)).rejects.toThrow(StoreUnavailable);
    }
  });

  it('starts from compiled files', { timeout: 120_000 }, async () => {
    // What a build does to the modules the store needs, beside the same packages.
    symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    for (const name of ['store', 'receive', 'send', 'offline', 'phantom', 'bolt11', 'onion', 'crypto', 'wire']) {
      const entries = readdirSync(join(REPOSITORY, 'src', name), { recursive: true, encoding: 'utf8' });
      for (const file of entries.filter((entry) => entry.endsWith('.ts'))) {
        const source = readFileSync(join(REPOSITORY, 'src', name, file), 'utf8');
        const target = join(folder, 'dist', name, file.replace(/\.ts$/, '.js'));
        mkdirSync(dirname(target), { recursive: true });
        const compilerOptions = {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ES2022,
          verbatimModuleSyntax: true,
        };
        writeFileSync(target, ts.transpileModule(source, { compilerOptions }).outputText);
      }
    }
    const program = `
      import { openStore } from './dist/store/index.js';
      const store = await openStore({ url: ${JSON.stringify(url)} });
      console.log(store.kind, (await store.leases()).length);
      await store.close();`;
    writeFileSync(join(folder, 'main.js'), program);
    const output = await new Promise<string>((done) => {
      const child = spawn(process.execPath, [join(folder, 'main.js')]);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
      }
      child.once('close', (code) => {
        done(`${text}${code ?? 'killed'}`);
      });
    });
    expect(output).toBe('sqlite 0\n0');
  });
});

describe('the store in process', () => {
  it('takes microtasks only', async () => {
    const store = await openStore({ url, inProcess: true, clock: { now: () => 42 } });
    let elsewhere = false;
    const immediate = setImmediate(() => {
      elsewhere = true;
    });
    const hash = newHash();
    await Promise.all([
      store.transact([hash], (view) => {
        view.putAccount({ paymentHash: hash, terms: undefined, sets: [settlingSet(hash)], parts: [settledPart(hash)] });
        view.emit({ type: 'invoice.canceled', paymentHash: hash });
      }),
      store.transact([], (view) => {
        expect(view.now).toBe(42);
      }),
    ]);
    await store.events.sequence();
    expect(await store.events.read(0n, 5)).toHaveLength(1);
    await store.webhooks.claim(5, 5);
    await store.invoices.listPayments({ limit: 5 });
    await store.dueHashes(1, 1, 1);
    await store.close();
    expect(elsewhere).toBe(false);
    clearImmediate(immediate);
  });
});
