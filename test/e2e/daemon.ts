/** One daemon as its operator runs it: `manifold start` with a configuration file, and its HTTP API. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, type Exit, freePort, repositoryPath } from './processes.js';

export interface DaemonSettings {
  readonly name: string;
  readonly folder: string;
  readonly databaseUrl: string;
  /** `[[nodes]]` of its configuration. */
  readonly nodeTables: string;
  readonly seed: string;
  readonly leaseTtlSeconds: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

const READY_TIMEOUT_MS = 45_000;
const ASK_TIMEOUT_MS = 25_000;

/** Nobody at home: the daemon is dead, frozen or just being started. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export class Daemon {
  readonly name: string;
  readonly url: string;
  /** Ends that nobody asked for. */
  readonly deaths: string[] = [];
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #child: Child | undefined;
  #wanted = false;
  #frozen = false;
  #token: string | undefined;

  private constructor(settings: DaemonSettings, port: number) {
    const { name, folder, seed } = settings;
    this.name = name;
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = { ...process.env, E2E_SEED: seed, CI: '', VITEST: '' };
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 'manifold.toml'), configuration(settings, port));
  }

  static async prepare(settings: DaemonSettings): Promise<Daemon> {
    return new Daemon(settings, await freePort());
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exit === undefined;
  }

  /** Running and not frozen. */
  get awake(): boolean {
    return this.running && !this.#frozen;
  }

  get pid(): number {
    if (!this.#child) throw new Error(`${this.name} was never started`);
    return this.#child.pid;
  }

  get log(): string {
    return this.#child?.output ?? '';
  }

  /** Returns at once: it may be killed before it is up. */
  start(): void {
    const child = Child.start([repositoryPath('bin/manifold.js'), 'start', '-c', join(this.#folder, 'manifold.toml')], {
      env: this.#env,
    });
    this.#child = child;
    this.#wanted = true;
    void child.exited.then((exit) => {
      if (this.#wanted && this.#child === child) this.deaths.push(describeDeath(this.name, exit, child.output));
    });
  }

  async kill(): Promise<void> {
    this.#wanted = false;
    this.#frozen = false;
    await this.#child?.kill();
  }

  /** Stops it between two instructions, until it thaws. */
  freeze(): void {
    this.#frozen = true;
    this.#child?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#child?.signal('SIGCONT');
    this.#frozen = false;
  }

  async stop(): Promise<Exit | undefined> {
    this.#wanted = false;
    this.#child?.signal('SIGTERM');
    return this.#child?.exited;
  }

  /** Waits until it says that it is ready. */
  async ready(): Promise<void> {
    await this.until(async () => (await this.probe()).status === 200, 'to be ready');
  }

  /** Waits until it serves at least one member itself. */
  async live(): Promise<void> {
    await this.until(async () => (await this.memberStates()).includes('live'), 'to serve a member');
  }

  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await condition().catch(() => false))) {
      const isLate = Date.now() > deadline;
      if (isLate || !this.running) {
        throw new Error(`waited for ${this.name} ${what}, but ${isLate ? 'too long' : 'it ended'}:\n${this.log}`);
      }
      await sleep(50);
    }
  }

  /** `/readyz` as a load balancer asks it. */
  probe(): Promise<Answer> {
    return this.#fetch('GET', '/readyz', {}, { timeoutMs: 5_000 });
  }

  async memberStates(): Promise<string[]> {
    const { body } = await this.ask('GET', '/v1/nodes', { timeoutMs: 2_000 });
    return ((body['nodes'] ?? []) as { state: string }[]).map(({ state }) => state);
  }

  /** @throws {Unreachable} if no answer came */
  ask(method: 'GET' | 'POST', path: string, options: AskOptions = {}): Promise<Answer> {
    const key = options.idempotencyKey;
    const headers = { authorization: `Bearer ${this.token()}`, ...(key !== undefined && { 'idempotency-key': key }) };
    return this.#fetch(method, path, headers, options);
  }

  async #fetch(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    { body, timeoutMs = ASK_TIMEOUT_MS }: AskOptions,
  ): Promise<Answer> {
    try {
      const response = await fetch(this.url + path, {
        method,
        headers: { ...headers, connection: 'close', ...(body !== undefined && { 'content-type': 'application/json' }) },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: JSON.parse(text) as Answer['body'] };
    } catch (error) {
      throw new Unreachable(`${this.name} does not answer ${method} ${path}: ${String(error)}`);
    }
  }

  /** @throws {Unreachable} before the first start has written it */
  token(): string {
    try {
      this.#token ??= nonEmpty(readFileSync(this.tokenPath, 'utf8').trim());
      return this.#token;
    } catch {
      throw new Unreachable(`${this.name} has no token yet`);
    }
  }

  get tokenPath(): string {
    return join(this.#folder, 'admin.token');
  }

  get folder(): string {
    return this.#folder;
  }
}

function nonEmpty(text: string): string {
  if (text === '') throw new Error('empty');
  return text;
}

function describeDeath(name: string, { code, signal }: Exit, output: string): string {
  return `${name} ended by itself (code ${String(code)}, signal ${String(signal)}):\n${output}`;
}

function configuration({ databaseUrl, nodeTables, leaseTtlSeconds, name }: DaemonSettings, port: number): string {
  return `network = "regtest"
[cluster]
seed_env = "E2E_SEED"
[database]
url = ${JSON.stringify(databaseUrl)}
[api]
listen = "127.0.0.1:${port}"
[daemon]
name = "${name}"
[receive]
lease_ttl_seconds = ${leaseTtlSeconds}
${nodeTables}`;
}
