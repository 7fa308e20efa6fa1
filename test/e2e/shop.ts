/** A merchant and its customers: invoices over the HTTP API, payments by fake payers, one purchase after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PaymentRecord } from '../../src/node/sim/payment.js';
import type { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import type { PlainJson, RemotePayRequest } from '../../src/node/sim/remote-wire.js';
import type { Answer } from './daemon.js';
import type { Cluster } from './cluster.js';
import type { Follower } from './follower.js';
import { payPersistently } from './wallet.js';

export type PurchaseKind = 'plain' | 'kept' | 'hold-settle' | 'hold-cancel';

export interface Purchase {
  readonly kind: PurchaseKind;
  readonly paymentHash: string;
  readonly amountMsat: bigint;
  readonly reference: string | undefined;
  readonly parts: number;
  record: PlainJson<PaymentRecord> | undefined;
}

/** A request with an idempotency key that got no answer while its sender was patient. */
export interface OpenRequest {
  readonly reference: string;
  readonly idempotencyKey: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ShopOptions {
  readonly cluster: Cluster;
  readonly admin: RemoteSimAdmin;
  readonly follower: Follower;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Makes references unique where one database serves several shops. */
  readonly name: string;
  /** Failed parts are sent again: for worlds where nodes refuse payments now and then. */
  readonly retries: boolean;
}

const PAYERS = ['carol', 'dave'] as const;
/** Longer than any wait for a lease, a restart and the database together. */
const PATIENCE_MS = 75_000;
/** A set that lost a part waits for a minute until all of it fails and can be paid anew. */
const RETRY_MS = 150_000;
/** A key whose process died stays taken for a minute; the merchant goes on with other things. */
const CREATE_PATIENCE_MS = 6_000;
/** Claims of dead processes run out after a minute. */
const CLAIM_PATIENCE_MS = 90_000;

export class Shop {
  readonly purchases: Purchase[] = [];
  readonly openRequests: OpenRequest[] = [];
  readonly problems: string[] = [];
  /** References that were used, with answers or without. */
  readonly references: string[] = [];
  readonly #options: ShopOptions;
  readonly #acknowledged = new Set<string>();
  #count = 0;
  #isOpen = true;
  #customers: Promise<void>[] = [];

  constructor(options: ShopOptions) {
    this.#options = options;
  }

  /** Hashes that the API or the event stream has called settled. */
  get acknowledged(): ReadonlySet<string> {
    for (const { type, paymentHash } of this.#options.follower.events) {
      if (type === 'invoice.settled' && paymentHash !== undefined) this.#acknowledged.add(paymentHash);
    }
    return this.#acknowledged;
  }

  /** Lets so many customers in, each of whom buys again and again. */
  open(customers: number): void {
    this.#isOpen = true;
    this.#customers = Array.from({ length: customers }, () => this.#customer());
  }

  /** No new purchases; resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#customers);
  }

  async #customer(): Promise<void> {
    while (this.#isOpen) {
      try {
        await this.#buy();
      } catch (error) {
        this.problems.push(`a purchase broke: ${String(error)}`);
        return;
      }
    }
  }

  async #buy(): Promise<void> {
    const { random } = this.#options;
    const kind = kindFor(random());
    const amountMsat = BigInt(10_000 + Math.floor(random() * 5_000_000));
    const created = await this.#create(kind, amountMsat);
    if (!created) return;
    const { bolt11, payment_hash: paymentHash, reference, hinted_node_ids: hinted } = created.body;
    const parts = [1, 1, 2, 2, 3][Math.floor(random() * 5)]!;
    const purchase: Purchase = {
      kind,
      paymentHash: String(paymentHash),
      amountMsat,
      reference: reference as string | undefined,
      parts,
      record: undefined,
    };
    this.purchases.push(purchase);
    const payer = PAYERS[Math.floor(random() * PAYERS.length)]!;
    const request = payRequest(String(bolt11), amountMsat, parts, (hinted as string[]).length, random);
    const state = { isDecided: false };
    const paying = this.#pay(payer, request, amountMsat, () => kind === 'hold-cancel' && state.isDecided);
    paying.catch(() => undefined); // heard of below
    if (kind === 'hold-settle' || kind === 'hold-cancel') await this.#decide(purchase, state);
    purchase.record = await paying;
    if (random() < 0.3) await this.#look(purchase);
  }

  /** Creates an invoice. With a key the same request is sent until it is answered. */
  async #create(kind: PurchaseKind, amountMsat: bigint): Promise<Answer | undefined> {
    const { cluster, name } = this.#options;
    const amount = { amount_msat: amountMsat.toString() };
    const isCreated = ({ status }: Answer): boolean => status === 201;
    if (kind === 'plain')
      return cluster.insist('POST', '/v1/invoices', { body: amount }, CREATE_PATIENCE_MS, isCreated);
    const reference = `${name}-${this.#count++}`;
    const body = { ...amount, reference, metadata: { order: reference }, ...(kind !== 'kept' && { hold: true }) };
    this.references.push(reference);
    const options = { body, idempotencyKey: `key-${reference}` };
    const answer = await cluster.insist('POST', '/v1/invoices', options, CREATE_PATIENCE_MS, isCreated);
    if (!answer) this.openRequests.push({ reference, ...options });
    return answer;
  }

  /** Pays until all parts have ended. */
  async #pay(
    payer: string,
    request: RemotePayRequest,
    totalMsat: bigint,
    isUnwanted: () => boolean,
  ): Promise<PlainJson<PaymentRecord>> {
    const { admin, retries } = this.#options;
    const retryMs = retries ? RETRY_MS : 0;
    const patienceMs = retryMs + PATIENCE_MS;
    const record = await payPersistently(request, { admin, payer, totalMsat, retryMs, patienceMs, isUnwanted });
    if (record.endedAt === undefined)
      this.problems.push(`payment of ${record.paymentHash} has no end: ${JSON.stringify(record)}`);
    return record;
  }

  /** Waits for the money, then keeps it or gives it back, until the API confirms that. */
  async #decide({ kind, paymentHash }: Purchase, progress: { isDecided: boolean }): Promise<void> {
    const { cluster, random } = this.#options;
    const path = `/v1/invoices/${paymentHash}`;
    const isHeld = ({ body }: Answer): boolean => body['state'] === 'accepted';
    const patienceMs = PATIENCE_MS + (this.#options.retries ? RETRY_MS : 0);
    if (!(await cluster.insist('GET', path, {}, patienceMs, isHeld))) {
      this.problems.push(`${paymentHash} was paid, but never became accepted`);
      return;
    }
    await sleep(random() * 500);
    progress.isDecided = true;
    const [verb, states] =
      kind === 'hold-settle' ? ['settle', ['accepted', 'settling', 'settled']] : ['cancel', ['canceled']];
    // The answer to a first request may have been lost with its process; then the repetition is refused.
    const isDone = ({ status }: Answer): boolean => status === 200 || status === 409;
    const answer = await cluster.insist('POST', `${path}/${verb}`, {}, PATIENCE_MS, isDone);
    const shown = answer?.status === 200 ? answer : await cluster.insist('GET', path, {}, PATIENCE_MS);
    const state = String(shown?.body['state']);
    if (!states.includes(state)) {
      this.problems.push(`${paymentHash}: ${verb} was answered ${JSON.stringify(answer?.body)}, and it is ${state}`);
    } else if (state === 'settling' || state === 'settled') this.#acknowledged.add(paymentHash);
    // Still accepted: the wish is kept until all parts are on live streams; the payer's receipt proves it later.
  }

  async #look({ kind, paymentHash }: Purchase): Promise<void> {
    const answer = await this.#options.cluster.insist('GET', `/v1/invoices/${paymentHash}`, {}, PATIENCE_MS);
    const state = String(answer?.body['state']);
    if (state === 'settled' || state === 'settling') this.#acknowledged.add(paymentHash);
    else if (kind !== 'hold-cancel')
      this.problems.push(`${paymentHash}: its payer has the receipt, the API says ${state}`);
  }

  /** Sends the requests that got no answer again, long enough for the claims of dead processes to run out. */
  async repeatOpenRequests(): Promise<void> {
    const isCreated = ({ status }: Answer): boolean => status === 201;
    for (const request of this.openRequests.splice(0)) {
      const answer = await this.#options.cluster.insist('POST', '/v1/invoices', request, CLAIM_PATIENCE_MS, isCreated);
      if (answer?.body['reference'] !== request.reference) {
        this.problems.push(`${request.reference}: the repeated request is answered ${JSON.stringify(answer?.body)}`);
      }
    }
  }

  /** Asks about some of what was acknowledged; what has been said once stays true. */
  async recheck(count: number): Promise<void> {
    const { cluster, random } = this.#options;
    const all = [...this.acknowledged];
    const recent = all.slice(-Math.ceil(count / 2));
    const older = Array.from(
      { length: Math.min(all.length, Math.floor(count / 2)) },
      () => all[Math.floor(random() * all.length)]!,
    );
    for (const paymentHash of new Set([...recent, ...older])) {
      const answer = await cluster.insist('GET', `/v1/invoices/${paymentHash}`, {}, PATIENCE_MS);
      const state = String(answer?.body['state']);
      if (state !== 'settled' && state !== 'settling')
        this.problems.push(`${paymentHash} was acknowledged as settled, now it is ${state}`);
    }
  }
}

function kindFor(draw: number): PurchaseKind {
  if (draw < 0.45) return 'plain';
  if (draw < 0.75) return 'kept';
  return draw < 0.92 ? 'hold-settle' : 'hold-cancel';
}

/** Parts of unequal size, each over another member as far as there are any. */
function payRequest(
  invoice: string,
  amountMsat: bigint,
  parts: number,
  hints: number,
  random: () => number,
): RemotePayRequest {
  if (parts === 1) return { invoice };
  const share = amountMsat / BigInt(parts + 1);
  return {
    invoice,
    parts: Array.from({ length: parts }, (_, i) => ({
      amountMsat: i === 0 ? amountMsat - share * BigInt(parts - 1) : share,
      hint: i % hints,
      delayMs: Math.floor(random() * 400),
    })),
  };
}
