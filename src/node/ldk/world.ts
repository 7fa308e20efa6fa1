/** A small Lightning network of real LDK nodes in this process: one synthetic chain, loopback TCP, one pump for all. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger, NetworkGraph } from 'lightningdevkit';
import { SyntheticChain } from './chain.js';
import { type Ldk, type LdkLibrary, loadLdk } from './library.js';

export interface LdkWorldOptions {
  /** Height of the chain at the start; 200 by default. */
  readonly height?: number;
}

/** What the world does with its nodes. */
export interface WorldMember {
  /** One round of background work. */
  pump(): void;
  stop(): void;
}

/** What was awaited did not happen in time. */
export class LdkTimeout extends Error {
  override readonly name = 'LdkTimeout';
  readonly code = 'ldk_timeout';
}

const PUMP_INTERVAL_MS = 2;

export class LdkWorld {
  readonly ldk: Ldk;
  readonly library: LdkLibrary;
  readonly chain: SyntheticChain;
  /** Shared by all nodes: each graph reserves about 155 MB of the at most 2 GB that LDK's memory can address. */
  readonly graph: NetworkGraph;
  readonly #logger: Logger;
  readonly #members = new Set<WorldMember>();
  readonly #pump: NodeJS.Timeout;
  #trouble: { readonly cause: unknown } | undefined;

  private constructor(library: LdkLibrary, height: number) {
    const { ldk } = library;
    this.library = library;
    this.ldk = ldk;
    this.chain = new SyntheticChain(height, Math.floor(Date.now() / 1000) - 3600);
    this.#logger = ldk.Logger.new_impl({ log: () => undefined });
    this.graph = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Regtest, this.#logger);
    this.#pump = setInterval(() => this.#pumpAll(), PUMP_INTERVAL_MS);
  }

  /** @throws {LdkMissing} if the packages are not installed */
  static async create({ height = 200 }: LdkWorldOptions = {}): Promise<LdkWorld> {
    return new LdkWorld(await loadLdk(), height);
  }

  /** Called by a node that starts. */
  join(member: WorldMember): void {
    this.#members.add(member);
  }

  /** Called by a node that stops. */
  leave(member: WorldMember): void {
    this.#members.delete(member);
  }

  /**
   * Waits until `probe` gives something true.
   * @throws {LdkTimeout} naming `what`; rethrows what went wrong in a node's background work
   */
  async until<T>(probe: () => T | undefined | false, what: string, timeoutMs = 20_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#trouble) throw this.#trouble.cause;
      const found = probe();
      if (found) return found;
      if (performance.now() > deadline) throw new LdkTimeout(`waited ${timeoutMs} ms in vain for ${what}`);
      await sleep(PUMP_INTERVAL_MS);
    }
  }

  /** Makes every wait of this world fail with `cause`: for work that nobody awaits. */
  report(cause: unknown): void {
    this.#trouble ??= { cause };
  }

  /** Stops every node and timer. Calling it twice does nothing; LDK's memory is freed by the garbage collector. */
  stop(): void {
    clearInterval(this.#pump);
    for (const member of [...this.#members]) member.stop();
  }

  #pumpAll(): void {
    try {
      for (const member of [...this.#members]) member.pump();
    } catch (cause) {
      this.report(cause);
    }
  }
}
