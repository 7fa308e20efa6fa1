/** The cluster pays others, one payment after the other: to nodes outside of it, some of which hold the money or refuse it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import type { Answer } from './daemon.js';
import type { Cluster } from './cluster.js';

/** What the payee does: takes it, takes it after a while, gives it back after a while, knows nothing of it. */
export type ErrandKind = 'plain' | 'held-settle' | 'held-cancel' | 'unknown';

export interface Errand {
  readonly kind: ErrandKind;
  readonly payee: string;
  readonly paymentHash: string;
  readonly amountMsat: bigint;
  readonly maxFeeMsat: bigint;
}

export interface ErrandsOptions {
  readonly cluster: Cluster;
  readonly admin: RemoteSimAdmin;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Makes references unique where one database serves several runs. */
  readonly name: string;
}

const PAYEES = ['carol', 'dave'] as const;
/** Longer than any wait for a lease, a restart and the database together. */
const PATIENCE_MS = 75_000;
/** A lost request is repeated for so long, and then once more in the end. */
const BEGIN_PATIENCE_MS = 8_000;
/** Claims of dead processes to an idempotency key run out after a minute. */
const CLAIM_PATIENCE_MS = 90_000;
/** Payments are to end by what their payees do, not by the clock. */
const TIMEOUT_SECONDS = 600;
const LOOK_MS = 80;

interface OpenRequest {
  readonly paymentHash: string;
  readonly options: { readonly body: Readonly<Record<string, unknown>>; readonly idempotencyKey?: string };
}

export class Errands {
  readonly all: Errand[] = [];
  readonly problems: string[] = [];
  readonly openRequests: OpenRequest[] = [];
  /** Hashes that the API has called paid, or not paid for good. */
  readonly said = new Map<string, 'succeeded' | 'failed'>();
  readonly #options: ErrandsOptions;
  #isOpen = false;
  #count = 0;
  #payers: Promise<void>[] = [];

  constructor(options: ErrandsOptions) {
    this.#options = options;
  }

  open(payers: number): void {
    this.#isOpen = true;
    this.#payers = Array.from({ length: payers }, () => this.#payer());
  }

  /** No new ones; resolves when those under way are over, or nobody would say how they stand. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#payers);
  }

  async #payer(): Promise<void> {
    while (this.#isOpen) {
      try {
        await this.#run();
      } catch (error) {
        this.problems.push(`an errand broke: ${String(error)}`);
        return;
      }
    }
  }

  async #run(): Promise<void> {
    const { admin, random, name } = this.#options;
    const kind = kindFor(random());
    const payee = PAYEES[Math.floor(random() * PAYEES.length)]!;
    const amountMsat = BigInt(10_000 + Math.floor(random() * 5_000_000));
    const maxFeeMsat = amountMsat / 20n + 10_000n;
    const { bolt11, paymentHash } = await admin.invoice(payee, amountMsat, kind !== 'plain');
    if (kind === 'unknown') await admin.decide(payee, paymentHash, 'cancel');
    const errand: Errand = { kind, payee, paymentHash, amountMsat, maxFeeMsat };
    this.all.push(errand);
    const reference = `${name}-errand-${this.#count++}`;
    const limits = { max_fee_msat: maxFeeMsat.toString(), timeout_seconds: TIMEOUT_SECONDS };
    const body = { invoice: bolt11, reference, ...limits };
    const request = { paymentHash, options: { body, ...(random() < 0.5 && { idempotencyKey: `key-${reference}` }) } };
    if (!(await this.#begin(request, BEGIN_PATIENCE_MS))) this.openRequests.push(request);
    const decided = this.#decide(errand);
    decided.catch(() => undefined); // heard of below
    await this.#untilSaid(errand);
    await decided;
  }

  /** Asks to pay, with and without a key, until it is known that the payment is recorded. */
  async #begin({ paymentHash, options }: OpenRequest, patienceMs: number): Promise<boolean> {
    const isRecorded = ({ status, body }: Answer): boolean =>
      status === 201 || ['already_under_way', 'already_paid'].includes(String(body['code']));
    const answer = await this.#options.cluster.insist('POST', '/v1/payments', options, patienceMs, (one) => {
      if (one.status === 422) this.problems.push(`${paymentHash}: not begun: ${JSON.stringify(one.body)}`);
      return isRecorded(one) || one.status === 422;
    });
    return answer !== undefined && isRecorded(answer);
  }

  async #decide({ kind, payee, paymentHash }: Errand): Promise<void> {
    const { admin, random } = this.#options;
    if (kind === 'plain' || kind === 'unknown') return;
    while (!(await admin.till(payee, paymentHash)).isHeld) {
      if (this.said.has(paymentHash) || this.#isGivenUp(paymentHash)) return;
      await sleep(LOOK_MS);
    }
    await sleep(random() * random() * 6_000);
    await admin.decide(payee, paymentHash, kind === 'held-settle' ? 'settle' : 'cancel');
  }

  /** Its request was never answered: it may not exist. It is sent again in the end. */
  #isGivenUp(paymentHash: string): boolean {
    return !this.#isOpen && this.openRequests.some((request) => request.paymentHash === paymentHash);
  }

  async #untilSaid({ paymentHash, kind }: Errand): Promise<void> {
    if (this.openRequests.some((request) => request.paymentHash === paymentHash)) return;
    const isSaid = ({ status, body }: Answer): boolean => {
      if (status !== 200) return false;
      const state = String(body['state']);
      if (state === 'succeeded' || state === 'failed') this.said.set(paymentHash, state);
      return this.said.has(paymentHash);
    };
    const path = `/v1/payments/${paymentHash}`;
    const answer = await this.#options.cluster.insist('GET', path, {}, 2 * PATIENCE_MS, isSaid);
    if (!answer) this.problems.push(`${kind} ${paymentHash}: nobody says how it ended`);
  }

  /** Sends the requests that got no answer again; whatever they began is over then. */
  async repeatOpenRequests(): Promise<void> {
    for (const request of this.openRequests.splice(0)) {
      const { paymentHash } = request;
      const errand = this.all.find((one) => one.paymentHash === paymentHash)!;
      if (!(await this.#begin(request, CLAIM_PATIENCE_MS))) {
        this.problems.push(`${paymentHash}: the repeated request is not taken`);
        continue;
      }
      await Promise.all([this.#decide(errand), this.#untilSaid(errand)]);
    }
  }
}

function kindFor(draw: number): ErrandKind {
  if (draw < 0.5) return 'plain';
  if (draw < 0.75) return 'held-settle';
  return draw < 0.9 ? 'held-cancel' : 'unknown';
}
