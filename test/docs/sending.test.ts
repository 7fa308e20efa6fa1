/** The examples of docs/sending.md run as they stand there. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModifiers } from '../../src/daemon/paying/modifiers.js';
import { DEFAULT_MODIFIERS } from '../../src/send/index.js';

const root = join(import.meta.dirname, '../..');

describe('docs/sending.md', () => {
  let folder: string;
  let text: string;

  const example = (language: string): string => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(text)![1]!;

  beforeAll(async () => {
    folder = await mkdtemp(join(root, 'node_modules/.sending-'));
    text = await readFile(join(root, 'docs/sending.md'), 'utf8');
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('shows a modifier that a daemon loads: the riskiest part goes first', async () => {
    await writeFile(join(folder, 'scout-ahead.mjs'), example('js'));
    expect(example('toml')).toContain('modifiers = ["./scout-ahead.mjs"]');
    const loaded = await loadModifiers(['./scout-ahead.mjs'], join(folder, 'manifold.toml'));
    expect(loaded.slice(0, -1)).toEqual(DEFAULT_MODIFIERS);
    const own = loaded.at(-1)!;
    const parts = [0.9, 0.4].map((successProbability) => ({ successProbability }));
    expect(own.name).toBe('scout-ahead');
    expect(parts.map((part) => own.send!(1000, part as never, parts as never, {} as never))).toEqual([1300, 1000]);
    expect(example('js').trim().split('\n').length).toBeLessThanOrEqual(20);
  });

  it.each([
    ['throw new Error("no");', /cannot be loaded: no/],
    ['export const other = 1;', /exports nothing named "modifier"/],
    ['export const modifier = { plan() {} };', /has no name/],
    ['export const modifier = { name: "x", plan: 3 };', /"plan" that is no function/],
    ['export const modifier = { name: "x" };', /takes part in none of/],
  ])('a file that is none is refused with what to do: %s', async (code, words) => {
    const file = join(folder, `bad-${Math.random()}.mjs`);
    await writeFile(file, code);
    await expect(loadModifiers([file], '/nowhere/manifold.toml')).rejects.toThrow(words);
  });

  it('shows a plan made without the daemon', async () => {
    const source = pathToFileURL(join(root, 'src/send/index.ts')).href;
    const file = join(folder, 'plan.mts');
    await writeFile(file, example('ts').replace(`'manifold/send'`, `'${source}'`));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], { cwd: root });
    expect(stdout).toBe('1 part, 11000 msat\n');
  });
});
