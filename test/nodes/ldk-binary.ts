/**
 * The program of `ldk/`, built by cargo from the crate registry; its Cargo.lock says what is genuine. Built once per
 * version into a folder outside the tree.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from './binaries.js';

const CRATE = fileURLToPath(new URL('ldk', import.meta.url));
const NAME = 'ldk-world';
/** As in Cargo.toml. */
const OLDEST_RUST = [1, 85] as const;

const run = promisify(execFile);

/**
 * The binary, built if it is not there yet (some minutes).
 * @throws {Error} saying what to install
 */
export async function ldkBinary(say: (line: string) => void = () => undefined): Promise<string> {
  const folder = join(cacheFolder(), `ldk-${await compiler()}-${digest()}`);
  const binary = join(folder, NAME);
  if (!existsSync(binary)) await build(folder, binary, say);
  return binary;
}

/** Of all the crate is made of. */
function digest(): string {
  const sources = readdirSync(join(CRATE, 'src')).sort();
  const hash = createHash('sha256');
  for (const file of ['Cargo.toml', 'Cargo.lock', ...sources.map((name) => join('src', name))]) {
    hash.update(`${file}\n`).update(readFileSync(join(CRATE, file)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** @returns version and target of the compiler */
async function compiler(): Promise<string> {
  const install = `install Rust ${OLDEST_RUST.join('.')} or newer (https://rustup.rs)`;
  const found = await run('rustc', ['-vV'], { cwd: homedir() }).catch((error: unknown) => {
    throw new Error(`the tests with LDK build it, and there is no \`rustc\` here: ${install}`, { cause: error });
  });
  const [, version, minor] = /^release: (1\.(\d+)\S*)/m.exec(found.stdout) ?? [];
  const host = /^host: (\S+)/m.exec(found.stdout)?.[1];
  if (version === undefined || host === undefined) throw new Error(`rustc says nothing of its version: ${install}`);
  if (Number(minor) < OLDEST_RUST[1]) throw new Error(`Rust ${version} is too old: ${install}`);
  return `${version}-${host}`;
}

/** Builds beside the place and moves there in one step; what of it can serve the next build stays in the cache. */
async function build(folder: string, binary: string, say: (line: string) => void): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const startedAt = Date.now();
  say(`building LDK into ${folder}; this is done once and takes some minutes`);
  const target = join(cacheFolder(), 'ldk-target');
  await compile(target);
  const beside = `${binary}.${process.pid}`;
  copyFileSync(join(target, 'release', NAME), beside);
  renameSync(beside, binary);
  say(`built in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

function compile(target: string): Promise<void> {
  const args = ['build', '--release', '--locked', '--manifest-path', join(CRATE, 'Cargo.toml')];
  const env = { ...process.env, CARGO_TARGET_DIR: target, CARGO_TERM_COLOR: 'never' };
  const cargo = spawn('cargo', args, { cwd: CRATE, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let last = '';
  cargo.stderr.setEncoding('utf8');
  cargo.stderr.on('data', (text: string) => (last = (last + text).slice(-4000)));
  return new Promise((resolve, reject) => {
    cargo.on('error', reject);
    cargo.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`cargo build failed (exit code ${String(code)}); its last words:\n${last}`));
    });
  });
}
