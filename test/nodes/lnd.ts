/** One LND process: started, killed, frozen and started anew with other settings. */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LndClient, type LndEndpoint } from '../../src/node/lnd/client.js';
import { getInfo, getState, WalletState } from '../../src/node/lnd/rpc/node.js';
import { fromHex } from '../../src/wire/bytes.js';
import { freePort } from '../e2e/processes.js';
import type { ChainAccess } from './chain.js';
import { Program, until } from './program.js';

export interface LndOptions {
  readonly name: string;
  readonly binary: string;
  readonly folder: string;
  readonly chain: ChainAccess;
  /** `--requireinterceptor` and the like, without the dashes. */
  readonly flags?: readonly string[];
}

/** How a member of a cluster has to run. */
export const MEMBER_FLAGS = ['requireinterceptor', 'store-final-htlc-resolutions'] as const;

const START_TIMEOUT_MS = 90_000;

export class Lnd {
  readonly name: string;
  readonly address: string;
  /** Where it listens for peers. */
  readonly peerPort: number;
  readonly folder: string;
  readonly #options: LndOptions;
  flags: readonly string[];
  #program: Program | undefined;
  #client: LndClient | undefined;
  #nodeId: Uint8Array | undefined;
  /** Logs of earlier runs. */
  readonly #past: string[] = [];

  private constructor(options: LndOptions, rpcPort: number, peerPort: number) {
    this.#options = options;
    this.name = options.name;
    this.folder = join(options.folder, options.name);
    this.address = `127.0.0.1:${rpcPort}`;
    this.peerPort = peerPort;
    this.flags = options.flags ?? [];
    mkdirSync(this.folder, { recursive: true });
  }

  static async prepare(options: LndOptions): Promise<Lnd> {
    return new Lnd(options, await freePort(), await freePort());
  }

  get certificatePath(): string {
    return join(this.folder, 'tls.cert');
  }

  get macaroonPath(): string {
    return join(this.folder, 'data', 'chain', 'bitcoin', 'simnet', 'admin.macaroon');
  }

  get endpoint(): LndEndpoint {
    const [certificate, macaroon] = [readFileSync(this.certificatePath), readFileSync(this.macaroonPath)];
    return { address: this.address, certificate, macaroon };
  }

  /** With all rights. */
  get client(): LndClient {
    return (this.#client ??= new LndClient(this.endpoint));
  }

  get nodeId(): Uint8Array {
    if (!this.#nodeId) throw new Error(`${this.name} has not been asked for its key yet`);
    return this.#nodeId;
  }

  get running(): boolean {
    return this.#program?.running ?? false;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get #running(): Program {
    if (!this.#program) throw new Error(`${this.name} was never started`);
    return this.#program;
  }

  /** Returns at once. */
  launch(): void {
    const { binary, chain } = this.#options;
    if (this.#program) this.#past.push(...this.#program.lines);
    this.#program = new Program(this.name, binary, [
      `--lnddir=${this.folder}`,
      `--alias=${this.name}`,
      '--noseedbackup',
      '--bitcoin.simnet',
      '--bitcoin.node=btcd',
      `--btcd.rpchost=${chain.rpcHost}`,
      `--btcd.rpcuser=${chain.user}`,
      `--btcd.rpcpass=${chain.password}`,
      `--btcd.rpccert=${chain.certificatePath}`,
      `--rpclisten=${this.address}`,
      `--listen=127.0.0.1:${this.peerPort}`,
      '--norest',
      '--nobootstrap',
      '--maxbackoff=1s',
      '--bitcoin.defaultchanconfs=1',
      '--bitcoin.defaultremotedelay=4',
      '--trickledelay=50',
      '--gossip.sub-batch-delay=5ms',
      '--db.batch-commit-interval=10ms',
      '--caches.rpc-graph-cache-duration=0',
      '--accept-keysend',
      '--protocol.wumbo-channels',
      '--grpc.server-ping-time=10s',
      '--grpc.server-ping-timeout=5s',
      '--logging.file.disable',
      '--debuglevel=info,HSWC=debug,CNCT=debug,NTFN=info',
      ...this.flags.map((flag) => `--${flag}`),
    ]);
  }

  /** Starts it and waits until it serves all calls. */
  async start(flags: readonly string[] = this.flags): Promise<void> {
    this.flags = flags;
    this.launch();
    await this.untilServing();
  }

  async untilServing(): Promise<void> {
    const onLate = (): string => this.tail();
    const timing = { onLate, timeoutMs: START_TIMEOUT_MS };
    const program = this.#running;
    const alive = (): void => {
      if (!program.running) throw new Error(`${this.name} ended`);
    };
    await until(`${this.name} to write its macaroon`, () => (alive(), statSync(this.macaroonPath).size > 0), timing);
    const isServing = async (): Promise<boolean> =>
      (await this.client.call(getState, {}, 2_000)).state === WalletState.serverActive;
    await until(`${this.name} to serve`, isServing, timing);
    this.#nodeId ??= fromHex((await this.client.call(getInfo, {})).identityPubkey);
  }

  async untilSynced(height: number): Promise<void> {
    const isSynced = async (): Promise<boolean> => {
      const { blockHeight, syncedToChain } = await this.client.call(getInfo, {}, 5_000);
      return syncedToChain && blockHeight >= height;
    };
    await until(`${this.name} to see block ${height}`, isSynced, { onLate: () => this.tail() });
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  async stop(): Promise<void> {
    this.#program?.signal('SIGTERM');
    await this.#program?.exited;
  }

  freeze(): void {
    this.#running.signal('SIGSTOP');
  }

  thaw(): void {
    this.#running.signal('SIGCONT');
  }

  async close(): Promise<void> {
    this.#client?.close();
    await this.kill();
  }

  /** Lines of its log, of all its runs. */
  grep(pattern: RegExp): string[] {
    return [...this.#past, ...(this.#program?.lines ?? [])].filter((line) => pattern.test(line));
  }

  tail(lines = 40): string {
    return `--- ${this.name}\n${this.#program?.tail(lines) ?? '(never started)'}`;
  }
}
