/**
 * Checks the import rules of `.dependency-cruiser.cjs` over `src`, and that the check itself works: it has to see every
 * source file, and each rule has to catch an import made to break it.
 */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';

const ROOT = resolve(import.meta.dirname, '..');

interface RuleFile {
  readonly forbidden: IForbiddenRuleType[];
  readonly options: ICruiseOptions;
}

const rules = createRequire(import.meta.url)(join(ROOT, '.dependency-cruiser.cjs')) as RuleFile;

/** One import per rule that the rule has to report: file → what it imports. */
const MUST_BE_REPORTED: Readonly<Record<string, readonly [file: string, imported: string]>> = {
  'wire-imports-downward-only': ['wire/a.ts', '../crypto/target.js'],
  'crypto-imports-downward-only': ['crypto/a.ts', '../onion/target.js'],
  'onion-bolt11-bolt12-bip353-imports-downward-only': ['bolt11/a.ts', '../phantom/target.js'],
  'phantom-messages-imports-downward-only': ['phantom/a.ts', '../receive/target.js'],
  'receive-send-offline-imports-downward-only': ['receive/a.ts', '../store/target.js'],
  'node-store-imports-downward-only': ['node/a.ts', '../daemon/target.js'],
  'daemon-imports-downward-only': ['daemon/a.ts', '../cli/target.js'],
  'demo-bench-imports-downward-only': ['demo/a.ts', '../cli/target.js'],
  'bolt11-not-onion-bolt12-bip353': ['bolt11/b.ts', '../onion/target.js'],
  'onion-not-bolt11-bolt12-bip353': ['onion/b.ts', '../bolt12/target.js'],
  'bolt12-not-bolt11-bip353': ['bolt12/b.ts', '../bolt11/target.js'],
  'bip353-not-onion-bolt11-bolt12': ['bip353/b.ts', '../onion/target.js'],
  'phantom-not-messages': ['phantom/b.ts', '../messages/target.js'],
  'messages-not-phantom': ['messages/b.ts', '../phantom/target.js'],
  'receive-not-send-offline': ['receive/b.ts', '../send/target.js'],
  'send-not-receive-offline': ['send/b.ts', '../receive/target.js'],
  'offline-not-receive-send': ['offline/b.ts', '../send/target.js'],
  'node-not-store': ['node/b.ts', '../store/target.js'],
  'store-not-node': ['store/b.ts', '../node/target.js'],
  'sql-in-store-only': ['daemon/c.ts', 'kysely'],
  'http-in-daemon-only': ['cli/c.ts', 'hono'],
  'ldk-in-its-adapter-only': ['node/sim/c.ts', 'lightningdevkit'],
  'protobuf-in-lnd-only': ['daemon/d.ts', '@bufbuild/protobuf/wire'],
  'grpc-js-in-tests-only': ['node/lnd/f.ts', '@grpc/grpc-js'],
  'curve-libraries-in-crypto-only': ['store/c.ts', '@noble/hashes/sha2.js'],
  'node-crypto-in-few-places': ['cli/d.ts', 'node:crypto'],
  'library-face-not-cli': ['index.ts', './cli/target.js'],
  'adapters-do-not-know-each-other': ['node/lnd/e.ts', '../cln/target.js'],
  'pure-folders-use-no-packages': ['bolt11/e.ts', 'node:fs'],
  'nothing-circular': ['wire/f.ts', './circle.js'],
  'shipped-code-imports-shipped-code': ['wire/g.ts', '../../test/target.js'],
  'no-unresolvable': ['wire/h.ts', './nowhere.js'],
};

async function cruiseSources(baseDir: string): Promise<ICruiseResult> {
  const { output } = await cruise(
    ['src'],
    { ...rules.options, baseDir, validate: true, ruleSet: { forbidden: rules.forbidden } },
    { bustTheCache: true },
    { tsConfig: undefined },
  );
  if (typeof output === 'string') throw new Error('dependency-cruiser answered with text instead of its result');
  return output;
}

const reported = (result: ICruiseResult): { rule: string; from: string; to: string }[] =>
  result.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));

async function countSourceFiles(): Promise<number> {
  const names = await readdir(join(ROOT, 'src'), { recursive: true });
  return names.filter((name) => name.endsWith('.ts')).length;
}

/** Folders of `src` that no layer rule starts from; the command line is the top and has none. */
async function foldersWithoutLayer(): Promise<string[]> {
  const entries = await readdir(join(ROOT, 'src'), { withFileTypes: true });
  const layers = rules.forbidden
    .filter(({ name }) => name?.endsWith('-imports-downward-only'))
    .map(({ from }) => new RegExp(String(from.path)));
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'cli')
    .map(({ name }) => name)
    .filter((name) => !layers.some((layer) => layer.test(`src/${name}/`)));
}

async function checkSources(): Promise<string[]> {
  const result = await cruiseSources(ROOT);
  const problems = reported(result).map(({ rule, from, to }) => `${rule}: ${from} → ${to}`);
  const seen = result.modules.filter(({ source }) => source.startsWith('src/')).length;
  const present = await countSourceFiles();
  if (seen < present || present === 0) problems.push(`only ${seen} of ${present} source files were checked`);
  for (const folder of await foldersWithoutLayer()) problems.push(`src/${folder} stands in no layer`);
  console.log(`boundaries: ${seen} source files, ${result.summary.totalDependenciesCruised ?? 0} imports`);
  return problems;
}

/** Writes a small tree that breaks every rule once. */
async function writeBrokenTree(root: string): Promise<void> {
  const files = new Map<string, string>();
  for (const folder of [
    'wire',
    'crypto',
    'onion',
    'bolt11',
    'bolt12',
    'phantom',
    'messages',
    'receive',
    'send',
    'store',
    'node',
  ]) {
    files.set(`src/${folder}/target.ts`, 'export const target = 1;\n');
  }
  for (const path of ['src/daemon', 'src/cli', 'src/node/cln', 'test']) {
    files.set(`${path}/target.ts`, 'export const target = 1;\n');
  }
  files.set('src/wire/circle.ts', "export * from './f.js';\n");
  for (const [file, imported] of Object.values(MUST_BE_REPORTED)) {
    files.set(`src/${file}`, `export * from '${imported}';\n`);
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
}

async function checkRules(): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'manifold-boundaries-'));
  try {
    await writeBrokenTree(root);
    const found = reported(await cruiseSources(root));
    const names = rules.forbidden.map(({ name }) => name ?? '(unnamed)');
    const problems = names
      .filter((name) => !(name in MUST_BE_REPORTED))
      .map((name) => `rule ${name} has no import that is known to break it: add one to this script`);
    for (const [name, [file]] of Object.entries(MUST_BE_REPORTED)) {
      if (!names.includes(name)) problems.push(`rule ${name} does not exist any more`);
      else if (!found.some(({ rule, from, to }) => rule === name && [from, to].includes(`src/${file}`))) {
        problems.push(`rule ${name} did not catch the import in src/${file} that breaks it`);
      }
    }
    if (problems.length === 0) console.log(`boundaries: ${names.length} rules, each shown to fail`);
    return problems;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const problems = [...(await checkSources()), ...(await checkRules())];
for (const problem of problems) console.error(`boundaries: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
