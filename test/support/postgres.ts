/**
 * A PostgreSQL server for tests: the one named by MANIFOLD_TEST_POSTGRES, else a private cluster started in a temporary
 * folder where server binaries are found. One cluster per process or thread; it ends with it.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const START_TIMEOUT_MS = 30_000;
/**
 * Runs the server, stops it as each line says and starts it again at the next. If whoever started it ends without a word,
 * even a killed process or a thread, its pipe closes: then the server and its folder ($0) go as well.
 */
const GUARDIAN = `
  trap '' PIPE
  while :; do
    "$@" >/dev/null 2>&1 & read mode
    case "$mode" in fast) kill -INT $!;; *) kill -QUIT $!;; esac
    wait $!
    echo stopped
    read again || break
  done
  rm -rf "$0"`;

export interface PostgresServer {
  /** Address of the server's maintenance database. */
  readonly url: string;
  /** Present if the tests own the cluster and may stop it. */
  readonly control?: { stop(mode: 'fast' | 'immediate'): Promise<void>; start(): Promise<void> };
}

let shared: Promise<PostgresServer | undefined> | undefined;

/** Address of a server to make databases on, or undefined (said aloud; an error in CI) if there is none. */
export async function postgresUrl(): Promise<string | undefined> {
  return (await sharedPostgres())?.url;
}

export function sharedPostgres(): Promise<PostgresServer | undefined> {
  shared ??= findServer();
  return shared;
}

async function findServer(): Promise<PostgresServer | undefined> {
  const given = process.env.MANIFOLD_TEST_POSTGRES;
  if (given !== undefined && given !== '') return { url: given };
  const server = await startCluster();
  if (server !== undefined) return server;
  const sentence = 'PostgreSQL is NOT tested: set MANIFOLD_TEST_POSTGRES or install server binaries (postgres, initdb)';
  if (process.env.CI !== undefined && process.env.CI !== '') throw new Error(sentence);
  process.stderr.write(`\n${sentence}\n`);
  return undefined;
}

/** A new empty database on the server; `drop` removes it with whoever is still connected. */
export async function createDatabase(
  serverUrl: string,
): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> {
  const name = `manifold_${randomUUID().replaceAll('-', '')}`;
  await administrate(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administrate(serverUrl, `drop database if exists ${name} with (force)`) };
}

async function administrate(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A private cluster of its own on loopback, or undefined if there are no server binaries. */
export async function startCluster(): Promise<PostgresServer | undefined> {
  const bin = findBinaries();
  if (bin === undefined) return undefined;
  const account = unprivileged();
  const folder = mkdtempSync(join(tmpdir(), 'manifold-postgres-'));
  chmodSync(folder, 0o700);
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const initdb = ['-D', data, '-U', 'manifold', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(bin, 'initdb'), initdb, { ...account, stdio: 'pipe', cwd: folder });

  const port = await freePort();
  const url = `postgres://manifold@127.0.0.1:${port}/postgres`;
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    fsync: 'off',
    max_connections: 200,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = [join(bin, 'postgres'), '-D', data, ...options];
  const guardian = spawn('/bin/sh', ['-c', GUARDIAN, folder, ...server], {
    ...account,
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
  });
  const { stdin, stdout } = guardian;
  // A test run does not wait for its server.
  for (const handle of [guardian, socketOf(stdin), socketOf(stdout)]) handle.unref();
  let running = true;
  const start = async (): Promise<void> => {
    if (!running) stdin.write('start\n');
    running = true;
    await untilReady(url);
  };
  const stop = async (mode: 'fast' | 'immediate'): Promise<void> => {
    if (!running) return;
    running = false;
    socketOf(stdout).ref();
    const stopped = once(stdout, 'data');
    stdin.write(`${mode}\n`);
    await stopped;
    socketOf(stdout).unref();
  };
  await untilReady(url);
  return { url, control: { stop, start } };
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await administrate(url, 'select 1');
      return;
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await sleep(50);
    }
  }
}

/** Pipes of a child process are sockets, though their type does not say so. */
function socketOf(pipe: unknown): Socket {
  if (!(pipe instanceof Socket)) throw new TypeError('the pipe of a child process is not a socket');
  return pipe;
}

/** Folder that holds `postgres` and `initdb`. */
function findBinaries(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  return folders.find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')));
}

/** The server refuses to run as root: an account to run it under instead. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const id = (flag: string): string => spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim();
    const uid = id('-u');
    if (uid !== '') return { uid: Number(uid), gid: Number(id('-g')) };
  }
  return undefined;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
