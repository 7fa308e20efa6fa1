/** The examples of the README are compiled and run as they stand there. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** What each example prints, by the subpath it shows. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  bolt11: /^Please consider supporting this project\n$/,
  onion: /^true\n$/,
  phantom: /^lnbcrt500u1[02-9ac-hj-np-z]+\n$/,
};

describe('README', () => {
  let folder: string;
  let examples: readonly string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(root, 'node_modules/.readme-'));
    const text = await readFile(join(root, 'README.md'), 'utf8');
    examples = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('has one example for each library', () => {
    expect(examples.map((code) => /'manifold\/(\w+)'/.exec(code)?.[1]).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(Object.entries(EXPECTED))('its example of manifold/%s runs', async (name, expected) => {
    const example = examples.find((code) => code.includes(`'manifold/${name}'`))!;
    const source = pathToFileURL(join(root, 'src', name, 'index.ts')).href;
    const file = join(folder, `${name}.mts`);
    await writeFile(file, example.replace(`'manifold/${name}'`, `'${source}'`));
    const { stdout } = await run(process.execPath, ['--import', 'tsx', file], { cwd: root });
    expect(stdout).toMatch(expected);
  });
});
