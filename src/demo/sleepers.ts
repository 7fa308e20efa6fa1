/**
 * Two wallets that are mostly off, each with an LSP that serves it, and a payer who is always on.
 *
 * ```
 * alice ··· westlsp ── hub ── eastlsp ··· bob
 *                      │
 *                    carol
 * ```
 */
import type { Millis } from '../wire/units.js';
import { toHex } from '../wire/bytes.js';
import { unwrap } from '../wire/result.js';
import { claim } from './claim.js';
import type { Party } from './party.js';
import type { Stage } from './stage.js';

export type WalletName = 'alice' | 'bob';
export type LspName = 'westlsp' | 'eastlsp';

const LSP_OF: Readonly<Record<WalletName, LspName>> = { alice: 'westlsp', bob: 'eastlsp' };

export interface SleepersOptions {
  readonly onLine?: (who: string, line: string) => void;
  readonly onCall?: (who: string, name: string, moment: 'before' | 'after') => void;
  /** Configuration of the LSPs beside the service itself. */
  readonly lsp?: Readonly<Record<string, unknown>>;
}

const HALF = 5_000_000_000n;
const BLOCK_MS: Millis = 1_000;

export class Sleepers {
  readonly stage: Stage;
  readonly wallets = new Map<WalletName, Party>();
  readonly lsps = new Map<LspName, Party>();
  readonly #options: SleepersOptions;
  #carol: Party | undefined;

  private constructor(stage: Stage, options: SleepersOptions) {
    this.stage = stage;
    this.#options = options;
  }

  /** Everybody is awake, the wallets are enrolled and have an offer. */
  static async enter(stage: Stage, options: SleepersOptions = {}): Promise<Sleepers> {
    const sleepers = new Sleepers(stage, options);
    await sleepers.#open();
    return sleepers;
  }

  async #open(): Promise<void> {
    const network = this.stage.empty();
    network.addNode('hub');
    network.addNode('carol', { interceptor: true });
    for (const lsp of ['westlsp', 'eastlsp']) network.addNode(lsp, { interceptor: true, hold: true });
    for (const wallet of ['alice', 'bob']) network.addNode(wallet, { interceptor: true, private: true });
    const pairs = [
      ['carol', 'hub'],
      ['westlsp', 'hub'],
      ['hub', 'eastlsp'],
      ['westlsp', 'alice'],
      ['eastlsp', 'bob'],
    ] as const;
    for (const [first, second] of pairs)
      network.openChannel(network.node(first), network.node(second), { balances: [HALF, HALF] });
    this.#carol = await this.#party('carol', {});
    for (const lsp of ['westlsp', 'eastlsp'] as const)
      this.lsps.set(lsp, await this.#party(lsp, { offline: { enabled: true }, ...this.#options.lsp }));
    await this.stage.settleIn();
    for (const wallet of ['alice', 'bob'] as const) await this.#enrol(wallet);
    await this.stage.until(() => this.isReady('bob'), 'an offer of bob being served', {
      timeoutMs: 120_000,
      everyMs: 100,
    });
    await this.stage.until(() => this.isReady('alice'), 'an offer of alice being served', {
      timeoutMs: 120_000,
      everyMs: 100,
    });
  }

  async #enrol(name: WalletName): Promise<void> {
    const lsp = this.lsps.get(LSP_OF[name])!;
    const { nodeId } = this.stage.network.node(name);
    unwrap(await lsp.parts.api.offline!.enrol({ nodeId, name }));
    const { server_paths } = unwrap(await lsp.parts.api.offline!.paths(name));
    const wallet = {
      lsp: toHex(this.stage.network.node(LSP_OF[name]).nodeId),
      server_paths: [...server_paths],
      hold: true,
    };
    this.wallets.set(name, await this.#party(name, { wallet }));
  }

  #party(name: string, config: Readonly<Record<string, unknown>>): Promise<Party> {
    const { onLine, onCall } = this.#options;
    return this.stage.enter({
      nodes: [name],
      config,
      ...(onLine && { onLine: (line: string) => onLine(name, line) }),
      ...(onCall && { onCall: (call: string, moment: 'before' | 'after') => onCall(name, call, moment) }),
    });
  }

  /** The payer who never sleeps. */
  get carol(): Party {
    return this.#carol!;
  }

  wallet(name: WalletName): Party {
    return this.wallets.get(name)!;
  }

  lspOf(name: WalletName): Party {
    return this.lsps.get(LSP_OF[name])!;
  }

  async isReady(name: WalletName): Promise<boolean> {
    const { offers } = await this.wallet(name).parts.recipient!.core.cache();
    return offers.some(({ state }) => state === 'ready' || state === 'used');
  }

  /** What the wallet hands out. */
  async offerOf(name: WalletName): Promise<string> {
    const offer = await this.wallet(name).parts.recipient!.offer(60_000);
    claim(offer !== undefined, `${name} has an offer`);
    return offer.text;
  }

  /** The wallet's program ends in good order and its phone is off. */
  async sleep(name: WalletName): Promise<void> {
    await this.wallet(name).stop();
    this.stage.faults.crashNode(name);
  }

  async wake(name: WalletName): Promise<void> {
    this.stage.faults.restartNode(name);
    const party = this.wallet(name);
    await party.start();
    const isServed = (): boolean => party.parts.api.receiver.status().some(({ state }) => state === 'live');
    const lsp = this.stage.network.node(LSP_OF[name]).nodeId;
    await this.stage.until(
      () => isServed() && party.parts.messages.messenger.isConnected(lsp),
      `${name} being connected to its LSP`,
      { timeoutMs: 60_000 },
    );
    await party.hello();
  }

  /** So many blocks come, in a hurry: what waits here is counted in blocks. */
  async pass(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      this.stage.network.mine(1);
      await this.stage.sleep(BLOCK_MS);
    }
  }

  /** Messages that an LSP keeps for its wallet. */
  async mailOf(name: WalletName): Promise<number> {
    const { mailbox } = await this.lspOf(name).parts.api.offline!.list(10);
    return mailbox.messages;
  }

  /** HTLCs that an LSP holds. */
  async heldFor(name: WalletName) {
    return this.lspOf(name).parts.api.offline!.held(20, false);
  }
}
