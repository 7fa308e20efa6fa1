/**
 * lnd and btcd for tests, built from the Go module registry by the go.mod beside this file, whose go.sum says what is
 * genuine. Built once per version into a folder outside the tree.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface NodeBinaries {
  readonly lnd: string;
  readonly btcd: string;
}

const MODULE = fileURLToPath(new URL('go', import.meta.url));
const PACKAGES = ['github.com/lightningnetwork/lnd/cmd/lnd', 'github.com/btcsuite/btcd'];
/** Those of LND's releases that the tests need; `lowscrypt` opens wallets at once. */
const TAGS = ['chainrpc', 'invoicesrpc', 'signrpc', 'walletrpc', 'kvdb_sqlite', 'lowscrypt'];
/** A go.mod's `tool` lines and fetching the compiler it names came later than this, but by itself. */
const OLDEST_GO = [1, 21] as const;
const GO_ENV = { ...process.env, GOFLAGS: '-mod=readonly', CGO_ENABLED: '0', GOWORK: 'off' };

const run = promisify(execFile);

/**
 * The binaries, built if they are not there yet (some minutes).
 * @throws {Error} saying what to install
 */
export async function nodeBinaries(say: (line: string) => void = () => undefined): Promise<NodeBinaries> {
  const folder = join(cacheFolder(), await cacheKey());
  const binaries = { lnd: join(folder, 'lnd'), btcd: join(folder, 'btcd') };
  if (!isComplete(binaries)) await build(folder, say);
  if (!isComplete(binaries)) throw new Error(`${folder} has no lnd and btcd; remove it and run again`);
  return binaries;
}

function isComplete({ lnd, btcd }: NodeBinaries): boolean {
  return existsSync(lnd) && existsSync(btcd);
}

export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['MANIFOLD_CACHE']) return join(env['MANIFOLD_CACHE'], 'nodes');
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'manifold-nodes');
}

/** Names the folder of one build: what LND, made by which compiler, for which machine. */
async function cacheKey(): Promise<string> {
  const [mod, sum] = ['go.mod', 'go.sum'].map((name) => readFileSync(join(MODULE, name), 'utf8')) as [string, string];
  const version = /lightningnetwork\/lnd (v\S+)/.exec(mod)?.[1];
  if (version === undefined) throw new Error(`${join(MODULE, 'go.mod')} requires no LND`);
  const digest = createHash('sha256')
    .update([mod, sum, ...TAGS].join('\n'))
    .digest('hex');
  return ['lnd', version, ...(await compiler()), digest.slice(0, 12)].join('-');
}

/** @returns version, operating system and architecture of the compiler that the module selects */
async function compiler(): Promise<string[]> {
  const env = async (...names: string[]): Promise<string[]> => {
    const { stdout } = await run('go', ['env', ...names], { cwd: MODULE, env: GO_ENV });
    return stdout.trim().split('\n');
  };
  try {
    return await env('GOVERSION', 'GOOS', 'GOARCH');
  } catch (error) {
    throw new Error(await whatIsMissing(error), { cause: error });
  }
}

async function whatIsMissing(error: unknown): Promise<string> {
  const install = 'install Go 1.21 or newer (https://go.dev/dl); it fetches the compiler that LND needs by itself';
  // Outside the module: an old go cannot read its go.mod.
  const local = await run('go', ['version'], { cwd: homedir() }).catch(() => undefined);
  if (!local) return `the tests with real nodes build LND, and there is no \`go\` here: ${install}`;
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(local.stdout) ?? [];
  const isOld = Number(major) === OLDEST_GO[0] && Number(minor) < OLDEST_GO[1];
  return isOld ? `${local.stdout.trim()} is too old: ${install}` : `go cannot read ${MODULE}: ${String(error)}`;
}

/** Builds beside the place and moves there in one step: of two builders one wins, and nobody sees half a build. */
async function build(folder: string, say: (line: string) => void): Promise<void> {
  mkdirSync(cacheFolder(), { recursive: true });
  const place = mkdtempSync(`${folder}.build-`);
  const startedAt = Date.now();
  say(`building lnd and btcd into ${folder}; this is done once and takes some minutes`);
  try {
    await compile(place, say);
    try {
      renameSync(place, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
      // Another one was faster, or a build there lost a file.
      if (!isComplete({ lnd: join(folder, 'lnd'), btcd: join(folder, 'btcd') })) {
        rmSync(folder, { recursive: true, force: true });
        renameSync(place, folder);
      }
    }
    say(`built in ${Math.round((Date.now() - startedAt) / 1000)} s`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function compile(place: string, say: (line: string) => void): Promise<void> {
  const args = ['build', '-trimpath', '-v', '-tags', TAGS.join(' '), '-o', `${place}/`, ...PACKAGES];
  const go = spawn('go', args, { cwd: MODULE, env: GO_ENV, stdio: ['ignore', 'ignore', 'pipe'] });
  let [lines, rest, last] = [0, '', ''];
  go.stderr.setEncoding('utf8');
  go.stderr.on('data', (text: string) => {
    const complete = (rest + text).split('\n');
    rest = complete.pop() ?? '';
    for (const line of complete) {
      last = `${last}${line}\n`.slice(-4000);
      if (++lines % 100 === 0) say(`${lines} packages`);
    }
  });
  return new Promise((resolve, reject) => {
    go.on('error', reject);
    go.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go build failed (exit code ${String(code)}); its last words:\n${last}${rest}`));
    });
  });
}
