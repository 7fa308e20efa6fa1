import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFolder } from './folder.js';
import { runVectorFile } from './runner.js';

const FOLDER = fileURLToPath(new URL('../vectors/', import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(`${FOLDER}${name}.json`, 'utf8'));

describe('what a file is, its content says', () => {
  const schema = 'manifold-vectors/1';
  const runs = (json: unknown, name: string) => runVectorFile(json, name);

  it('refuses a file without any case', () => {
    for (const json of [{ schema, cases: [] }, { key_derivation: { vectors: [] } }]) {
      expect(runs(json, 'x')).toMatchObject({ passed: 0, failures: ['x: no case in this file'] });
    }
  });

  it.each(['bolt12-x', 'static-invoice-x', 'bolt07-x', 'bip353'])('gives %s no leave to hold anything', (name) => {
    for (const json of [
      {},
      [],
      { about: {} },
      { about: {}, wire: {} },
      { about: {}, wire: [1], more: [1] },
      { cases: [{}] },
    ]) {
      expect(runs(json, name)).toMatchObject({ passed: 0, failures: [`${name}: a file of unknown form`], skipped: [] });
    }
    for (const testCase of [{ id: 'a', kind: 'never-seen' }, { id: 'b', kind: 'offer' }, { id: 'c' }]) {
      const report = runs({ schema, name, cases: [testCase] }, name);
      expect(report).toMatchObject({ passed: 0, skipped: [] });
      expect(report.failures).toHaveLength(1);
    }
  });

  it('runs invoices in a file named after another family', () => {
    const report = runs({ ...(read('bolt11') as object), name: 'bolt12-x' }, 'bolt12-x');
    expect(report).toMatchObject({ passed: 26, failures: [], skipped: [] });
  });

  it('has nothing of the phantom scheme left for later', () => {
    const { key_derivation: keys } = read('ldk-phantom') as Record<string, unknown>;
    const report = runs({ key_derivation: keys, phantom_rockets: { vectors: [{}] } }, 'x');
    expect(report.passed).toBeGreaterThan(0);
    expect(report).toMatchObject({ failures: ['unsupported (section phantom_rockets), 1 of them'], skipped: [] });
  });
});

describe('a folder of vectors', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'manifold-vectors-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is read to its depth, and fails aloud', () => {
    const bigsize = readFileSync(`${FOLDER}bolt01-bigsize.json`);
    mkdirSync(join(folder, 'full/deeper.json'), { recursive: true });
    writeFileSync(join(folder, 'full/README.md'), 'not a vector');
    writeFileSync(join(folder, 'full/A.JSON'), bigsize);
    writeFileSync(join(folder, 'full/deeper.json/b.Json'), bigsize);
    symlinkSync('..', join(folder, 'full/deeper.json/round'));
    symlinkSync('nowhere', join(folder, 'full/lost.json'));
    const reports = runFolder(join(folder, 'full'));
    expect(reports.map(({ name, report }) => [name, report.passed, report.failures.length])).toEqual([
      ['A.JSON', 26, 0],
      ['deeper.json/b.Json', 26, 0],
      ['lost.json', 0, 1],
    ]);
    for (const missing of ['empty', 'absent']) {
      if (missing === 'empty') mkdirSync(join(folder, missing));
      expect(runFolder(join(folder, missing)).map(({ report }) => report.failures.length)).toEqual([1]);
    }
  });

  it('with a file without cases ends the command with an error', () => {
    mkdirSync(join(folder, 'hollow'));
    writeFileSync(join(folder, 'hollow/x.json'), JSON.stringify({ schema: 'manifold-vectors/1', cases: [] }));
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const env = { ...process.env, MANIFOLD_VECTORS: join(folder, 'hollow') };
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', main], { env, encoding: 'utf8' });
    expect(stdout).toContain('FAILED x.json: x: no case in this file');
    expect(status).toBe(1);
  }, 30_000);
});
