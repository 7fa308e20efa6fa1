/** `manifold start` over real LNDs, and its HTTP API. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, freePort, repositoryPath } from '../e2e/processes.js';
import type { Lnd } from './lnd.js';
import { until } from './program.js';

export interface DaemonOptions {
  readonly name: string;
  readonly folder: string;
  readonly databaseUrl: string;
  /** 64 hex digits. */
  readonly seed: string;
  readonly members: readonly MemberOptions[];
  /** Of a daemon of the same cluster. */
  readonly tokenPath?: string;
}

export interface MemberOptions {
  readonly node: Lnd;
  /** Where it is reached, if not at its own address. */
  readonly address: string;
  readonly macaroonPath: string;
  readonly forceClose?: boolean;
  readonly registerPreimages?: boolean;
}

export interface NodeJson {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly refusals?: readonly string[];
  readonly held_htlcs?: number;
  readonly alarms: readonly { readonly code: string; readonly message: string }[];
}

export interface InvoiceJson {
  readonly bolt11: string;
  readonly payment_hash: string;
  readonly state: string;
}

interface SendingJson {
  readonly graph?: { readonly loaded: boolean };
  readonly nodes?: readonly { readonly reachable: boolean }[];
}

export interface PaymentJson {
  readonly id: string;
  readonly state: string;
  readonly is_over: boolean;
  readonly words: string;
  readonly fee_msat: string;
  readonly preimage?: string;
  readonly parts: readonly {
    readonly from: { readonly name?: string };
    readonly state: string;
    readonly amount_msat: string;
  }[];
}

export interface EventJson {
  readonly id: string;
  readonly type: string;
  readonly payment_hash?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const LEASE_TTL_SECONDS = 2;
const ANSWER_TIMEOUT_MS = 20_000;

export class ManifoldDaemon {
  readonly name: string;
  readonly url: string;
  readonly #folder: string;
  readonly #seed: string;
  readonly #members: readonly MemberOptions[];
  readonly log: string[] = [];
  #child: Child | undefined;

  private constructor(options: DaemonOptions, port: number) {
    const { name, folder, seed, members, tokenPath } = options;
    this.name = name;
    this.#folder = join(folder, name);
    this.#seed = seed;
    this.#members = members;
    this.url = `http://127.0.0.1:${port}`;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#folder, 'manifold.toml'), configuration(options, port));
    if (tokenPath !== undefined) copyFileSync(tokenPath, this.tokenPath);
  }

  static async prepare(options: DaemonOptions): Promise<ManifoldDaemon> {
    return new ManifoldDaemon(options, await freePort());
  }

  get tokenPath(): string {
    return join(this.#folder, 'admin.token');
  }

  /** Starts it and waits until it serves those of its nodes that run. */
  async start(): Promise<void> {
    this.launch();
    await this.untilLive();
  }

  launch(): void {
    const args = [repositoryPath('bin/manifold.js'), 'start', '-c', join(this.#folder, 'manifold.toml')];
    const env = { ...process.env, NODES_SEED: this.#seed, CI: '', VITEST: '' };
    this.#child = Child.start(args, { env, onLine: (line) => this.log.push(line) });
  }

  async untilLive(names: readonly string[] = this.#running()): Promise<void> {
    const areLive = async (): Promise<boolean> => {
      if (this.#child?.exit) throw new Error(`${this.name} ended`);
      const live = new Set((await this.nodes()).filter(({ state }) => state === 'live').map(({ name }) => name));
      return names.every((name) => live.has(name));
    };
    await until(`${this.name} to serve ${names.join(' and ')}`, areLive, { onLate: () => this.tail() });
  }

  #running(): string[] {
    return this.#members.filter(({ node }) => node.running).map(({ node }) => node.name);
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** As its operator stops it. @returns the exit code */
  async stop(): Promise<number | null | undefined> {
    this.#child?.signal('SIGTERM');
    return (await this.#child?.exited)?.code;
  }

  freeze(): void {
    this.#child?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#child?.signal('SIGCONT');
  }

  async nodes(): Promise<readonly NodeJson[]> {
    return (await this.ask<{ nodes: NodeJson[] }>('GET', '/v1/nodes')).nodes;
  }

  async node(name: string): Promise<NodeJson> {
    const found = (await this.nodes()).find((node) => node.name === name);
    if (!found) throw new Error(`${this.name} has no node ${name}`);
    return found;
  }

  async invoice(request: Readonly<Record<string, unknown>>): Promise<InvoiceJson> {
    return this.ask<InvoiceJson>('POST', '/v1/invoices', request);
  }

  async stateOf(paymentHash: string): Promise<string> {
    return (await this.ask<InvoiceJson>('GET', `/v1/invoices/${paymentHash}`)).state;
  }

  async untilState(paymentHash: string, ...states: readonly string[]): Promise<void> {
    let state = '';
    const isIt = async (): Promise<boolean> => states.includes((state = await this.stateOf(paymentHash)));
    const onLate = (): string => `it is ${state}\n${this.tail()}`;
    await until(`the invoice to be ${states.join(' or ')}`, isIt, { onLate });
  }

  async payment(id: string): Promise<PaymentJson> {
    return this.ask<PaymentJson>('GET', `/v1/payments/${id}`);
  }

  /** Until all nodes can be paid from, and the graph has been read. */
  async untilPaying(): Promise<void> {
    const { length: count } = this.#members;
    const isPaying = async (): Promise<boolean> => {
      const { sending } = await this.ask<{ sending: SendingJson }>('GET', '/v1/nodes');
      const able = sending.nodes?.filter(({ reachable }) => reachable) ?? [];
      return sending.graph?.loaded === true && able.length === count;
    };
    await until(`${this.name} to be able to pay`, isPaying, { onLate: () => this.tail() });
  }

  async untilOver(id: string): Promise<PaymentJson> {
    let seen = await this.payment(id);
    const isOver = async (): Promise<boolean> => (seen = await this.payment(id)).is_over;
    await until('the payment to be over', isOver, { onLate: () => `${JSON.stringify(seen)}\n${this.tail()}` });
    return seen;
  }

  async events(): Promise<readonly EventJson[]> {
    return (await this.ask<{ events: EventJson[] }>('GET', '/v1/events?after=0&limit=500')).events;
  }

  async eventsOf(paymentHash: string): Promise<readonly EventJson[]> {
    return (await this.events()).filter(({ payment_hash: hash }) => hash === paymentHash);
  }

  get token(): string {
    return readFileSync(this.tokenPath, 'utf8').trim();
  }

  /** @throws {Error} with the problem the API answers */
  async ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        connection: 'close',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  tail(lines = 40): string {
    return `--- ${this.name}\n${this.log.slice(-lines).join('\n')}`;
  }
}

function configuration({ databaseUrl, members }: DaemonOptions, port: number): string {
  const nodes = members.map(
    ({ node, address, macaroonPath, forceClose = false, registerPreimages = true }) => `[[nodes]]
name = "${node.name}"
kind = "lnd"
address = "${address}"
tls_cert = ${JSON.stringify(node.certificatePath)}
macaroon = ${JSON.stringify(macaroonPath)}
force_close = ${forceClose}
register_preimages = ${registerPreimages}
`,
  );
  return `network = "simnet"
[cluster]
seed_env = "NODES_SEED"
[database]
url = ${JSON.stringify(databaseUrl)}
[api]
listen = "127.0.0.1:${port}"
[receive]
lease_ttl_seconds = ${LEASE_TTL_SECONDS}
[log]
level = "debug"
${nodes.join('')}`;
}
