/** Somebody who pays with Manifold itself: the real sender over nodes of the simulated network, with a database of its own. */
import type { Invoice } from '../bolt11/index.js';
import { verifySimUpdate } from '../node/sim/channel-update.js';
import type { SimNetwork } from '../node/sim/network.js';
import { SimNodePort } from '../node/sim/sim-node-port.js';
import type { Random } from '../node/sim/random.js';
import type { BadOrder, KeysendOrder, PayOptions } from '../send/index.js';
import { probeTerms, termsOfInvoice, termsOfKeysend, type ProbeTarget } from '../send/index.js';
import type { PaymentTerms, StopReason } from '../send/payment/payment.js';
import { Sender } from '../send/run/sender.js';
import type { PaymentRequest, StoredPayment } from '../send/run/store-port.js';
import type { DryRunAnswer, PayAnswer, Paying, PayOrder, ProbeAnswer } from '../send/run/types.js';
import { openStore, type Store } from '../store/index.js';
import type { Result } from '../wire/result.js';
import { ClaimFailed } from './claim.js';
import { WalletPayment } from './wallet-payment.js';

export interface DemoWalletOptions {
  /** Unique in its world. */
  readonly name: string;
  /** Names of the nodes that it sends from. */
  readonly nodes: readonly string[];
  readonly network: SimNetwork;
  readonly random: Random;
  /** Default: a database of its own. */
  readonly store?: Store;
}

export interface WalletPayOptions extends PayOptions {
  /** Names of the nodes that may send; default: all. */
  readonly from?: readonly string[];
}

/** How a payment begins. */
export type Begun =
  | { readonly kind: 'started'; readonly payment: WalletPayment }
  | { readonly kind: 'exists'; readonly payment: WalletPayment }
  | { readonly kind: 'refused'; readonly reason: StopReason };

export class DemoWallet {
  readonly #options: DemoWalletOptions;
  readonly #store: Store;
  readonly #sender: Sender;
  readonly #payments = new Map<string, WalletPayment>();

  private constructor(options: DemoWalletOptions, store: Store) {
    const { name, nodes, network, random } = options;
    this.#options = options;
    this.#store = store;
    this.#sender = new Sender({
      nodes: nodes.map((node) => {
        const { send, graph } = new SimNodePort(network, network.node(node));
        return { name: node, send, graph };
      }),
      store: store.payments,
      clock: network.clock,
      random: () => random.fraction(),
      owner: `wallet of ${name}`,
      verifyUpdate: verifySimUpdate,
      onReport: (payment) => this.#follow(payment),
    });
  }

  static async open(options: DemoWalletOptions): Promise<DemoWallet> {
    const { network, store } = options;
    const own = (): Promise<Store> => openStore({ url: 'sqlite::memory:', inProcess: true, clock: network.clock });
    const wallet = new DemoWallet(options, store ?? (await own()));
    await wallet.#sender.start();
    return wallet;
  }

  /** What sends for it. */
  get paying(): Paying {
    return this.#sender;
  }

  async close(): Promise<void> {
    await this.#sender.stop();
    if (!this.#options.store) await this.#store.close();
  }

  /** Begins to pay and does not wait. @throws {ClaimFailed} if the payment is refused */
  async start(invoice: Invoice, options?: WalletPayOptions): Promise<WalletPayment> {
    return started(await this.begin(invoice, options));
  }

  async begin(invoice: Invoice, { from, ...options }: WalletPayOptions = {}): Promise<Begun> {
    return this.#begin({ kind: 'invoice', ...(from && { from }) }, this.#terms(termsOfInvoice, invoice, options));
  }

  /** The plan that a payment would begin with. */
  dryRun(invoice: Invoice, { from, ...options }: WalletPayOptions = {}): Promise<DryRunAnswer> {
    const terms = this.#terms(termsOfInvoice, invoice, options);
    return this.#sender.dryRun({ request: { kind: 'invoice', ...(from && { from }) }, terms });
  }

  async keysend(order: KeysendOrder): Promise<WalletPayment> {
    return started(await this.#begin({ kind: 'keysend' }, this.#terms(termsOfKeysend, order, {})));
  }

  probe(target: ProbeTarget, options: PayOptions = {}): Promise<ProbeAnswer> {
    return this.#sender.probe({ terms: this.#terms(probeTerms, target, options) });
  }

  async #begin(request: PaymentRequest, terms: PaymentTerms): Promise<Begun> {
    const order: PayOrder = { request, terms };
    const answer: PayAnswer = await this.#sender.pay(order);
    return answer.kind === 'refused' ? answer : { kind: answer.kind, payment: this.#follow(answer.payment) };
  }

  /** Keeps the newest state of a payment where its followers see it. */
  #follow(stored: StoredPayment): WalletPayment {
    const known = this.#payments.get(stored.id);
    if (known) {
      known.update(stored);
      return known;
    }
    const { network } = this.#options;
    const payment = new WalletPayment(stored, network);
    this.#payments.set(stored.id, payment);
    return payment;
  }

  #terms<Target>(
    termsOf: (
      target: Target,
      options: PayOptions,
      context: Parameters<typeof termsOfInvoice>[2],
    ) => Result<PaymentTerms, BadOrder>,
    target: Target,
    options: PayOptions,
  ): PaymentTerms {
    const now = this.#options.network.clock.now();
    const made = termsOf(target, options, { now, currency: 'bcrt', ownNodeIds: this.#sender.nodeIds() });
    if (!made.ok) throw new ClaimFailed(`no payment: ${made.error.message}`);
    return made.value;
  }
}

function started(begun: Begun): WalletPayment {
  if (begun.kind === 'started') return begun.payment;
  throw new ClaimFailed(begun.kind === 'refused' ? `refused: ${begun.reason.message}` : 'the payment exists already');
}
