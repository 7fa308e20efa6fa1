/**
 * Checks the package as its users get it: builds, packs, looks at what was packed, installs the archive into an empty
 * project with install scripts off and uses it there.
 *
 * `tsx scripts/check-package.ts [node…]`: also runs the installed package on the Node binaries given.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '..');
const MAX_UNPACKED_BYTES = 8_000_000;

/** Everything that may be in the archive. */
const EXPECTED_FILES = [
  /^package\.json$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^bin\/manifold\.js$/,
  /^dist\/.+\.(js|d\.ts)$/,
  /^dist\/web\/.+\.(html|css|js|svg|png|ico|woff2)$/,
  /^docs\/.+\.(md|svg|png|yaml|json)$/,
  /^ops\/(manifold\.service|prometheus-alerts\.yml|grafana-dashboard\.json)$/,
];
const UNWANTED_FILES = [/\.test\.(js|d\.ts)$/, /^(test|bench|scripts)\/|(^|\/)node_modules\//, /\.map$/, /(^|\/)\./];
const REQUIRED_FILES = ['package.json', 'README.md', 'LICENSE', 'bin/manifold.js'];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Record<string, string | Record<string, string>>;
}

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const problems: string[] = [];
const expectThat = (holds: boolean, problem: string): void => {
  if (!holds) problems.push(problem);
};

const run = async (command: string, args: readonly string[], cwd: string, node?: string): Promise<string> => {
  const path = node ? dirname(node) + delimiter + process.env['PATH']! : process.env['PATH']!;
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd,
      env: { ...process.env, PATH: path },
      maxBuffer: 64 << 20,
    });
    return stdout;
  } catch (thrown) {
    const { stdout = '', stderr = '' } = thrown as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed\n${stdout}${stderr}`, { cause: thrown });
  }
};

const modulesOf = ({ name, exports }: Manifest): string[] =>
  Object.keys(exports)
    .filter((path) => !path.endsWith('.json'))
    .map((path) => name + path.slice(1));

function checkContents({ files, unpackedSize }: Packed, manifest: Manifest): void {
  const paths = files.map(({ path }) => path);
  for (const path of paths) {
    const wanted = EXPECTED_FILES.some((form) => form.test(path)) && !UNWANTED_FILES.some((form) => form.test(path));
    expectThat(wanted, `the archive holds ${path}, which is not meant to be published`);
  }
  for (const path of REQUIRED_FILES) expectThat(paths.includes(path), `the archive lacks ${path}`);
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    for (const file of typeof target === 'string' ? [target] : Object.values(target)) {
      expectThat(paths.includes(file.slice(2)), `export ${subpath} points at ${file}, which is not in the archive`);
    }
  }
  expectThat(unpackedSize <= MAX_UNPACKED_BYTES, `the archive unpacks to ${unpackedSize} bytes, more than meant`);
}

/** A program that loads every module of the package both ways and reads an invoice of the specification. */
const consumer = (modules: readonly string[]): string => `
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
for (const name of ${JSON.stringify(modules)}) {
  const loaded = await import(name);
  assert.ok(Object.keys(loaded).length > 0, name + ' exports nothing');
  assert.ok(!('default' in loaded), name + ' has a default export');
  assert.deepEqual(Object.keys(require(name)).filter((key) => key !== '__esModule'), Object.keys(loaded), name + ' by require');
}
const { decodeInvoice } = await import('manifold/bolt11');
const invoice = 'lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql';
assert.equal(decodeInvoice(invoice).ok, true, 'an invoice of BOLT 11 does not decode');
assert.equal(decodeInvoice(invoice.replace('7', '8')).ok, false, 'a broken invoice decodes');
await assert.rejects(import('manifold/wire/bytes.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
`;

async function installedSize(project: string): Promise<string> {
  const lock = JSON.parse(await readFile(join(project, 'node_modules', '.package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>;
  };
  const names = await readdir(join(project, 'node_modules'), { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size));
  const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
  return `${Object.keys(lock.packages).length} packages, ${megabytes.toFixed(0)} MB`;
}

async function checkInstalled(archive: string, manifest: Manifest, scratch: string, nodes: string[]): Promise<void> {
  const project = join(scratch, 'project');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', archive], project);
  console.log(`package: installed as ${await installedSize(project)}`);
  await writeFile(join(project, 'consumer.js'), consumer(modulesOf(manifest)));
  for (const node of nodes) {
    const line = (await run(node, ['--version'], project)).trim();
    await run(node, ['consumer.js'], project);
    const version = (await run('npx', ['--no-install', 'manifold', '--version'], project, node)).trim();
    expectThat(version === manifest.version, `on ${line} manifold --version prints "${version}"`);
    console.log(`package: works on Node ${line}`);
  }
}

async function main(nodes: string[]): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'manifold-package-'));
  try {
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
    await rm(join(ROOT, 'dist'), { recursive: true, force: true });
    await run('npm', ['run', 'build'], ROOT);
    const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch];
    const [packed] = JSON.parse(await run('npm', packing, ROOT)) as [Packed];
    const archive = join(scratch, packed.filename);
    console.log(`package: ${packed.files.length} files, ${packed.unpackedSize} bytes unpacked`);
    checkContents(packed, manifest);
    const tool = (name: string): string => join(ROOT, 'node_modules', '.bin', name);
    await run(tool('publint'), ['run', archive, '--strict'], ROOT);
    await run(tool('attw'), [archive, '--profile', 'esm-only', '--no-emoji'], ROOT);
    await checkInstalled(archive, manifest, scratch, [process.execPath, ...nodes]);
  } catch (thrown) {
    problems.push(thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  for (const problem of problems) console.error(`package: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}

await main(process.argv.slice(2).map((node) => resolve(node)));
