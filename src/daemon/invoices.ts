/** Invoices as merchants see them: create, look up, list, settle and cancel. */
import type { Currency, Invoice } from '../bolt11/index.js';
import { randomBytes, sha256 } from '../crypto/index.js';
import { createPhantomInvoice, type KeyRing, verifyPaymentSecretByRing } from '../phantom/index.js';
import type { Cluster } from '../receive/cluster.js';
import type { Clock } from '../receive/clock.js';
import type { Ledger } from '../receive/ledger/ledger.js';
import type { InvoiceRecord, Store } from '../store/index.js';
import { equalBytes, fromHex, toHex } from '../wire/bytes.js';
import { err, ok, type Result } from '../wire/result.js';
import { requestEntropy } from './cluster-ring.js';
import { type CreateInvoice, describe, modeOf, namedInvoice, needsRow, ownHash, termsOf } from './invoice-request.js';
import { bareRecord, completed, type InvoiceView, partViews, viewOf, withoutStatic } from './invoice-views.js';
import type { RequestOrigin } from './request-origin.js';
import type { ServiceError } from './service-error.js';

export interface CreatedInvoice {
  readonly view: InvoiceView;
  /** Whether the members named can receive the amount by what is known now. */
  readonly enoughInbound: boolean;
  /** Whether it may be paid in parts. */
  readonly multiPart: boolean;
  readonly hintedNodeIds: readonly string[];
}

export interface InvoiceServiceOptions {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly keys: () => KeyRing;
  readonly currency: Currency;
  readonly clock: Clock;
  /** 32 fresh random bytes; a simulation draws them from its seed. */
  readonly entropy?: () => Uint8Array;
  readonly defaults?: { readonly expirySeconds?: number; readonly holdSeconds?: number; readonly maxHints?: number };
}

const freshEntropy = (): Uint8Array => randomBytes(32);

const DEFAULT_HOLD_SECONDS = 3_600;

export class InvoiceService {
  readonly #options: InvoiceServiceOptions;

  constructor(options: InvoiceServiceOptions) {
    this.#options = options;
  }

  /**
   * Makes an invoice. Only one that carries more than its payment secret can say costs a row. With an `origin` the same
   * request makes the same invoice again, so that one interrupted half-way can be repeated.
   */
  async create(request: CreateInvoice, origin?: RequestOrigin): Promise<Result<CreatedInvoice, ServiceError>> {
    const about = describe(request);
    if (!about.ok) return about;
    const hash = ownHash(request);
    if (!hash.ok) return hash;
    if (request.holdSeconds !== undefined && modeOf(request) === 'auto') {
      return err({
        code: 'hold_seconds_without_hold',
        message: 'hold_seconds is for hold invoices: ask for hold too, or leave it out',
      });
    }
    const { store, cluster, keys, currency, clock, defaults, entropy = freshEntropy } = this.#options;
    const now = origin?.startedAt ?? clock.now();
    const made = createPhantomInvoice({
      ring: keys(),
      members: cluster.hintMembers(),
      currency,
      amountMsat: request.amountMsat,
      about: about.value,
      paymentHash: hash.value,
      expirySeconds: request.expirySeconds ?? defaults?.expirySeconds,
      now: Math.floor(now / 1000),
      entropy: origin ? requestEntropy(keys(), origin.identity) : entropy(),
      minFinalCltv: request.minFinalCltv,
      maxHints: defaults?.maxHints,
    });
    if (!made.ok) return made;
    const { invoice, paymentHash, expirySeconds, epochId, enoughInbound, multiPart, hintedMembers } = made.value;
    const record: InvoiceRecord = {
      ...termsOf(request, toHex(paymentHash), defaults?.holdSeconds ?? DEFAULT_HOLD_SECONDS),
      bolt11: invoice,
      amountMsat: request.amountMsat,
      description: request.description,
      descriptionHash: request.descriptionHash && toHex(request.descriptionHash),
      reference: request.reference,
      metadata: request.metadata,
      createdAt: now,
      expiresAt: now + expirySeconds * 1000,
      epochId: String(epochId),
    };
    if (hash.value && origin?.isRepeated !== true && (await this.#isSpent(toHex(hash.value))))
      return err(DUPLICATE_HASH);
    if (needsRow(request)) {
      const { created, invoice: stored } = await store.invoices.insert(record);
      const isOurs = created || (origin !== undefined && stored.createdAt === now); // an interrupted first try's
      if (!isOurs) return err(DUPLICATE_HASH);
    }
    return ok({
      view: viewOf(record, [], [], now),
      enoughInbound,
      multiPart,
      hintedNodeIds: hintedMembers.map(toHex),
    });
  }

  /**
   * An invoice by payment hash (hex) or by its own text. One without a row is known only from its text, and only if its
   * secret is ours.
   */
  async show(hashOrText: string): Promise<Result<InvoiceView, ServiceError>> {
    const named = namedInvoice(hashOrText);
    if (!named.ok) return named;
    const { paymentHash, text } = named.value;
    if (!named.value.invoice) return this.#showHash(paymentHash);
    const told = this.#told(named.value.invoice, text);
    return told.ok ? this.#showHash(paymentHash, told.value) : told;
  }

  /** What the text of an invoice says, if it was made here. */
  #told(invoice: Invoice, text: string): Result<InvoiceRecord, ServiceError> {
    const secret = verifyPaymentSecretByRing(this.#options.keys(), {
      paymentHash: invoice.paymentHash,
      paymentSecret: invoice.paymentSecret,
      totalMsat: invoice.amountMsat ?? 0n,
      now: 0,
      metadata: invoice.paymentMetadata,
    });
    if (!secret.ok)
      return err({ code: 'not_ours', message: 'this invoice was not made by this cluster; check the key epochs' });
    return ok({
      ...termsOf({}, toHex(invoice.paymentHash), 0),
      bolt11: text.toLowerCase(),
      amountMsat: invoice.amountMsat,
      description: invoice.description,
      descriptionHash: invoice.descriptionHash && toHex(invoice.descriptionHash),
      reference: undefined,
      metadata: undefined,
      createdAt: Number(invoice.timestamp) * 1000,
      expiresAt: (Number(invoice.timestamp) + Number(invoice.expirySeconds)) * 1000,
      epochId: undefined,
    });
  }

  /** @param told what the text of the invoice says */
  async #showHash(paymentHash: string, told?: InvoiceRecord): Promise<Result<InvoiceView, ServiceError>> {
    const { store, clock } = this.#options;
    const [account, listed] = await Promise.all([store.readAccount(paymentHash), store.invoices.get(paymentHash)]);
    if (!listed && !told && account.parts.length === 0) return err(NOT_FOUND);
    const record = completed(listed?.invoice, told) ?? bareRecord(paymentHash);
    const own = record.bolt11 === undefined ? account : withoutStatic(account);
    return ok(viewOf(record, own.sets, partViews(own), clock.now()));
  }

  /**
   * Settles an accepted hold invoice, named by its payment hash (hex) or its text. `preimage` is needed for the
   * merchant's own hash.
   */
  async settle(hashOrText: string, preimage?: Uint8Array): Promise<Result<InvoiceView, ServiceError>> {
    const named = namedInvoice(hashOrText);
    if (!named.ok) return named;
    const { paymentHash } = named.value;
    if (preimage && !equalBytes(sha256(preimage), fromHex(paymentHash))) {
      return err({ code: 'wrong_preimage', message: 'the preimage does not hash to the payment hash of this invoice' });
    }
    const reply = await this.#options.ledger.submit({
      type: 'settle-hold',
      paymentHash,
      preimage: preimage && toHex(preimage),
    });
    return reply.type === 'refused' ? err(reply) : this.#showHash(paymentHash);
  }

  /**
   * Gives back what is held for an invoice and accepts nothing more. A bare hash must be known here: a wish about one
   * that is not would stay for ever. The text of a plain invoice shows that it is ours.
   */
  async cancel(hashOrText: string): Promise<Result<InvoiceView, ServiceError>> {
    const named = namedInvoice(hashOrText);
    if (!named.ok) return named;
    const { paymentHash, invoice, text } = named.value;
    const told = invoice && this.#told(invoice, text);
    if (!told?.ok && !(await this.#isKnown(paymentHash))) return told ?? err(NOT_FOUND);
    const reply = await this.#options.ledger.submit({ type: 'cancel', paymentHash });
    return reply.type === 'refused' ? err(reply) : this.#showHash(paymentHash, told?.ok ? told.value : undefined);
  }

  /** Its preimage has been told already, as by the payer of a static invoice: nodes on the way could keep another payment. */
  async #isSpent(paymentHash: string): Promise<boolean> {
    const { sets } = await this.#options.store.readAccount(paymentHash);
    return sets.some(({ state }) => state === 'settling' || state === 'settled');
  }

  async #isKnown(paymentHash: string): Promise<boolean> {
    const { store } = this.#options;
    const [account, listed] = await Promise.all([store.readAccount(paymentHash), store.invoices.get(paymentHash)]);
    return listed !== undefined || account.parts.length > 0;
  }
}

const DUPLICATE_HASH: ServiceError = {
  code: 'duplicate_hash',
  message: 'there is an invoice or a payment for this payment hash already; use a fresh preimage',
};

const NOT_FOUND: ServiceError = {
  code: 'not_found',
  message: 'nothing is stored for this hash; for an unpaid plain invoice pass its text',
};
