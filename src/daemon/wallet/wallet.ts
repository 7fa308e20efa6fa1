/**
 * A wallet that is mostly off, while it is on: the parts of a daemon with one node, for one errand, without an API. What is not
 * finished when it is closed is kept, and goes on when it is opened again.
 */
import { isRetryable } from '../../receive/ledger/store-port.js';
import { openStore, type Store } from '../../store/index.js';
import { fromHex } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis } from '../../wire/units.js';
import { assembleDaemon, type AssemblyOptions, type DaemonParts } from '../assemble.js';
import type { Config } from '../config/load.js';
import type { WalletConfig } from '../config/schema.js';
import { checkCluster } from '../fingerprint.js';
import { openNodes, type OpenedNodes } from '../nodes.js';
import { loadModifiers } from '../paying/modifiers.js';
import type { ServiceError } from '../service-error.js';
import { LspLink } from './lsp-link.js';
import type { RecipientService } from './recipient.js';

export interface WalletOptions extends AssemblyOptions {
  readonly config: Config;
}

const POLL_MS: Millis = 100;

const NO_WALLET: ServiceError = {
  code: 'not_a_wallet',
  message:
    'the configuration has no [wallet]: `manifold wallet init` writes one; for a cluster there is `manifold start`',
};

export class Wallet {
  readonly parts: DaemonParts;
  readonly recipient: RecipientService;
  readonly lsp: LspLink;
  readonly store: Store;
  readonly config: WalletConfig;
  readonly startedAt: Millis;
  readonly #options: WalletOptions;
  readonly #opened: { stop(): unknown }[];

  private constructor(
    options: WalletOptions,
    config: WalletConfig,
    store: Store,
    nodes: OpenedNodes,
    parts: DaemonParts,
    opened: { stop(): unknown }[],
  ) {
    const { clock, log } = options;
    this.#options = options;
    this.#opened = opened;
    this.config = config;
    this.store = store;
    this.parts = parts;
    this.recipient = parts.recipient!;
    this.startedAt = clock.now();
    const port = nodes.nodes[0]?.port.peerMessages;
    this.lsp = new LspLink({ port, lsp: fromHex(config.lsp.toLowerCase()), clock, log });
  }

  /** Everything runs when it resolves. Rejects with a `StoreError` or `SeedError`, having closed what was open. */
  static async open(options: WalletOptions): Promise<Result<Wallet, ServiceError>> {
    const { config, ring, clock, log } = options;
    if (!config.wallet) return err(NO_WALLET);
    const store = await openStore({ url: config.database.url, clock });
    const opened: { stop(): unknown }[] = [{ stop: () => store.close() }];
    try {
      await checkCluster(store.meta, ring);
      const warn = (message: string): void => {
        log.warn(message);
      };
      const nodes = await openNodes(config.nodes, { clock, warn, network: config.network });
      opened.push({ stop: () => nodes.close() });
      const modifiers = await loadModifiers(config.send.modifiers, config.path);
      const parts = assembleDaemon({ ...options, modifiers }, store, nodes);
      const wallet = new Wallet(options, config.wallet, store, nodes, parts, opened);
      for (const part of [...parts.startable, wallet.lsp]) {
        opened.push(part); // also one whose start fails may have begun something
        await part.start();
      }
      return ok(wallet);
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
  }

  async close(): Promise<void> {
    await closeAll(this.#opened);
  }

  get isConnected(): boolean {
    return this.parts.messages.messenger.isConnected(fromHex(this.config.lsp.toLowerCase()));
  }

  /** The node is served, its peer is there, and what begins at the start has begun. */
  get isReady(): boolean {
    const { receiver, paying } = this.parts.api;
    const isServed = receiver.status().some(({ state }) => state === 'live');
    return (
      isServed && this.isConnected && (!this.#options.config.send.enabled || paying?.status()?.graph.loaded === true)
    );
  }

  /** Why it is not ready, as far as it can be told. */
  get obstacle(): ServiceError {
    const members = this.parts.api.receiver.status();
    const down = members.find(({ state }) => state !== 'live');
    if (down) {
      const reason = down.reason ?? `it is ${down.state}`;
      return { code: 'node_away', message: `the node ${down.name} is not served: ${reason}; start it and try again` };
    }
    if (!this.isConnected) {
      const message = 'the node is not connected to the LSP: look at its connection, and at lsp in [wallet]';
      return { code: 'lsp_away', message };
    }
    return { code: 'not_ready', message: 'paying cannot begin yet: try again in a moment' };
  }

  /** Waits until it is ready, and says hello to the LSP. False: not within `waitMs`. */
  async ready(waitMs: Millis): Promise<boolean> {
    if (!(await this.until(() => this.isReady, waitMs))) return false;
    // An LSP that does not speak LSPS0 does not answer, and nothing depends on it.
    void this.lsp.hello();
    await this.parts.api.receiver.cluster.refresh();
    return true;
  }

  /** Looks again and again. False: not within `waitMs`. */
  async until(condition: () => boolean | Promise<boolean>, waitMs: Millis): Promise<boolean> {
    const { clock } = this.#options;
    const end = clock.now() + waitMs;
    for (;;) {
      if (await passing(condition)) return true;
      const left = end - clock.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        clock.after(Math.min(POLL_MS, left), resolve);
      });
    }
  }

  /** Something is under way that will end soon: not what waits for others to wake up. */
  async isBusy(): Promise<boolean> {
    const { receiver, offerPayments, paying } = this.parts.api;
    if (receiver.status().some(({ heldHtlcs }) => heldHtlcs > 0) || this.recipient.core.waiting > 0) return true;
    const offers = (await offerPayments?.list(50)) ?? [];
    if (
      offers.some(
        ({ body: { payment } }) => payment.phase === 'asking' || (payment.phase === 'paying' && !payment.isHeld),
      )
    )
      return true;
    const payments = (await paying?.payments.list(50)) ?? [];
    if (payments.some(({ state: { isEnded, terms } }) => !isEnded && terms.isHeld !== true)) return true;
    const { offers: cached } = await this.recipient.core.cache();
    return cached.some(({ state }) => state === 'pending');
  }

  /**
   * Runs until nothing is under way for `quietMs`, at most for `mostMs`. To be asked once it is {@link isReady}.
   */
  async settleDown(quietMs: Millis, mostMs: Millis): Promise<void> {
    const { clock } = this.#options;
    let [quietSince, released] = [clock.now(), this.recipient.released];
    await this.until(async () => {
      const told = this.recipient.released;
      // Whoever was told to send sends now.
      if (told !== released || (await this.isBusy())) quietSince = clock.now();
      released = told;
      return clock.now() - quietSince >= quietMs;
    }, mostMs);
  }
}

/** A database that is away for a moment decides nothing. */
async function passing(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await condition();
  } catch (error) {
    if (isRetryable(error)) return false;
    throw error;
  }
}

async function closeAll(opened: { stop(): unknown }[]): Promise<void> {
  for (const part of opened.splice(0).reverse()) await part.stop();
}
