/** The start-up file of the command line: which program it finds, and what it says when it finds none. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let scratch = '';

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'manifold-bin-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** A package folder with the real start-up file and the given other files. */
async function packageWith(name: string, files: Record<string, string>): Promise<string> {
  const root = join(scratch, name);
  await mkdir(join(root, 'bin'), { recursive: true });
  await copyFile(join(ROOT, 'bin', 'manifold.js'), join(root, 'bin', 'manifold.js'));
  await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'manifold', type: 'module' }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

function start(root: string, ...args: string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile(process.execPath, [join(root, 'bin', 'manifold.js'), ...args], (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

const BUILT = "export async function main(argv) { console.log('built', argv.join(' ')); return argv.length; }\n";
const SOURCE = `export async function main(argv: readonly string[]): Promise<number> {
  console.log('source', argv.join(' '));
  return argv.length;
}
`;

describe('bin/manifold.js', () => {
  it('runs the built program with its arguments and exit code', async () => {
    const root = await packageWith('installed', { 'dist/cli/main.js': BUILT });
    expect(await start(root)).toEqual({ code: 0, stdout: 'built \n', stderr: '' });
    expect(await start(root, 'a', '--b')).toEqual({ code: 2, stdout: 'built a --b\n', stderr: '' });
  });

  it('prefers the sources in a checkout, even beside a build', async () => {
    const root = await packageWith('checkout', { 'dist/cli/main.js': BUILT, 'src/cli/main.ts': SOURCE });
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    expect(await start(root, 'x')).toEqual({ code: 1, stdout: 'source x\n', stderr: '' });
  });

  it('uses the build where sources lie but their compiler does not', async () => {
    const root = await packageWith('sources', { 'dist/cli/main.js': BUILT, 'src/cli/main.ts': SOURCE });
    expect(await start(root)).toMatchObject({ code: 0, stdout: 'built \n' });
  });

  it('says what to do in a checkout without dependencies and in a broken installation', async () => {
    const checkout = await start(await packageWith('bare', { 'src/cli/main.ts': SOURCE }));
    expect(checkout).toMatchObject({ code: 1, stdout: '' });
    expect(checkout.stderr).toMatch(/^manifold: .*npm ci.*\n$/);
    const broken = await start(await packageWith('broken', {}));
    expect(broken).toMatchObject({ code: 1, stdout: '' });
    expect(broken.stderr).toMatch(/^manifold: .*install the package again\n$/);
  });

  it('turns an exception into one line and exit code 1', async () => {
    const text = "export async function main() { throw new Error('the disk is full'); }\n";
    const root = await packageWith('throwing', { 'dist/cli/main.js': text });
    expect(await start(root)).toEqual({ code: 1, stdout: '', stderr: 'manifold: the disk is full\n' });
  });
});
