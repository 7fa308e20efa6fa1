/** Invoices as merchants see them: create, look up, list, settle and cancel. */
import { type Currency, decodeInvoice, type Invoice, stripLightningUri } from '../bolt11/index.js';
import { randomBytes, sha256 } from '../crypto/index.js';
import {
  createPhantomInvoice,
  type InvoiceDescription,
  type KeyRing,
  verifyPaymentSecretByRing,
} from '../phantom/index.js';
import type { Cluster } from '../receive/cluster.js';
import type { Clock } from '../receive/clock.js';
import type { Ledger } from '../receive/ledger/ledger.js';
import type { HtlcSet } from '../receive/ledger/types.js';
import type { InvoiceRecord, Store } from '../store/index.js';
import { equalBytes, fromHex, isHexOf, toHex } from '../wire/bytes.js';
import { err, ok, type Result } from '../wire/result.js';
import type { Millis, Msat } from '../wire/units.js';
import { requestEntropy } from './cluster-ring.js';
import type { InvoiceState } from './invoice-state.js';
import type { RequestOrigin } from './request-origin.js';

export interface CreateInvoice {
  /** Absent: the payer chooses. */
  readonly amountMsat?: Msat;
  readonly description?: string;
  /** 32 bytes; instead of a description. */
  readonly descriptionHash?: Uint8Array;
  readonly expirySeconds?: number;
  /** The merchant's own name for it; at most one invoice may be looked up by it at a time, newest first. */
  readonly reference?: string;
  readonly metadata?: unknown;
  /** Hold invoice: accept, then wait for the merchant's word. */
  readonly hold?: boolean;
  readonly holdSeconds?: number;
  /** The merchant's own hash, 32 bytes; implies `hold` unless its preimage is given too. */
  readonly paymentHash?: Uint8Array;
  readonly preimage?: Uint8Array;
  readonly minFinalCltv?: number;
}

/** One invoice with what has happened to it. */
export interface InvoiceView {
  readonly paymentHash: string;
  readonly state: InvoiceState;
  readonly bolt11?: string;
  readonly amountMsat?: Msat;
  readonly description?: string;
  readonly reference?: string;
  readonly metadata?: unknown;
  readonly hold: boolean;
  readonly createdAt?: Millis;
  readonly expiresAt?: Millis;
  /** The merchant asked for settlement; it happens as soon as every node that holds a part is back. */
  readonly settleRequested: boolean;
  /** What is held now for it. */
  readonly heldMsat: Msat;
  readonly receivedMsat?: Msat;
  readonly settledAt?: Millis;
  /** Told once the payment is settled. */
  readonly preimage?: string;
  readonly parts: readonly PartView[];
}

export interface PartView {
  readonly nodeId: string;
  readonly channelId: bigint;
  readonly htlcId: bigint;
  readonly amountMsat: Msat;
  readonly deadline: number;
  readonly state: 'held' | 'settling' | 'settled' | 'failed' | 'lost';
}

export interface CreatedInvoice {
  readonly view: InvoiceView;
  /** Whether the members named can receive the amount by what is known now. */
  readonly enoughInbound: boolean;
  /** Whether it may be paid in parts. */
  readonly multiPart: boolean;
  readonly hintedNodeIds: readonly string[];
}

export interface ServiceError {
  readonly code: string;
  /** What is wrong and what to do next. */
  readonly message: string;
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
    if (needsRow(request)) {
      const { created, invoice: stored } = await store.invoices.insert(record);
      const isOurs = created || (origin !== undefined && stored.createdAt === now); // an interrupted first try's
      if (!isOurs) {
        return err({
          code: 'duplicate_hash',
          message: 'there is an invoice for this payment hash already; use a fresh preimage',
        });
      }
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
    return ok(viewOf(record, account.sets, partViews(account), clock.now()));
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

  async #isKnown(paymentHash: string): Promise<boolean> {
    const { store } = this.#options;
    const [account, listed] = await Promise.all([store.readAccount(paymentHash), store.invoices.get(paymentHash)]);
    return listed !== undefined || account.parts.length > 0;
  }
}

const NOT_FOUND: ServiceError = {
  code: 'not_found',
  message: 'nothing is stored for this hash; for an unpaid plain invoice pass its text',
};

interface NamedInvoice {
  /** Hex in lower case. */
  readonly paymentHash: string;
  readonly text: string;
  /** Undefined if it was named by its hash. */
  readonly invoice?: Invoice;
}

function namedInvoice(hashOrText: string): Result<NamedInvoice, ServiceError> {
  const text = stripLightningUri(hashOrText);
  if (isHexOf(text, 32)) return ok({ paymentHash: text.toLowerCase(), text });
  const decoded = decodeInvoice(text);
  if (decoded.ok) return ok({ paymentHash: toHex(decoded.value.paymentHash), text, invoice: decoded.value });
  const message = `neither a payment hash nor an invoice: ${decoded.error.message}`;
  return err({ code: 'not_an_invoice', message });
}

function needsRow({ reference, metadata, hold, paymentHash, preimage }: CreateInvoice): boolean {
  return [reference, metadata, paymentHash, preimage].some((value) => value !== undefined) || hold === true;
}

function describe({ description, descriptionHash }: CreateInvoice): Result<InvoiceDescription, ServiceError> {
  if (description !== undefined && descriptionHash !== undefined) {
    return err({ code: 'two_descriptions', message: 'give a description or the hash of one, not both' });
  }
  return ok(descriptionHash ? { descriptionHash } : { description: description ?? '' });
}

/** The hash the merchant brought: given, or of his own preimage. */
function ownHash({ paymentHash, preimage }: CreateInvoice): Result<Uint8Array | undefined, ServiceError> {
  if (!preimage) return ok(paymentHash);
  const hash = sha256(preimage);
  if (paymentHash && !equalBytes(hash, paymentHash)) {
    return err({ code: 'wrong_preimage', message: 'the preimage does not hash to the payment hash; give one of them' });
  }
  return ok(hash);
}

function termsOf(
  request: CreateInvoice,
  paymentHash: string,
  defaultHoldSeconds: number,
): Pick<InvoiceRecord, 'paymentHash' | 'mode' | 'wish' | 'preimage' | 'holdMs'> {
  return {
    paymentHash,
    mode: modeOf(request),
    wish: 'none',
    preimage: request.preimage && toHex(request.preimage),
    holdMs: (request.holdSeconds ?? defaultHoldSeconds) * 1000,
  };
}

function modeOf({ hold, paymentHash, preimage }: CreateInvoice): InvoiceRecord['mode'] {
  const unknownPreimage = paymentHash !== undefined && preimage === undefined;
  return hold === true || unknownPreimage ? 'hold' : 'auto';
}

/** A wish about a plain invoice has a row that knows the wish only; the rest is in the text. */
function completed(stored: InvoiceRecord | undefined, told: InvoiceRecord | undefined): InvoiceRecord | undefined {
  if (!stored || !told || stored.bolt11 !== undefined) return stored ?? told;
  const { mode, wish, preimage, holdMs } = stored;
  return { ...told, mode, wish, preimage, holdMs };
}

function bareRecord(paymentHash: string): InvoiceRecord {
  return {
    ...termsOf({}, paymentHash, 0),
    bolt11: undefined,
    amountMsat: undefined,
    description: undefined,
    descriptionHash: undefined,
    reference: undefined,
    metadata: undefined,
    createdAt: 0,
    expiresAt: undefined,
    epochId: undefined,
  };
}

type AccountRows = Awaited<ReturnType<Store['readAccount']>>;

function partViews({ parts }: AccountRows): PartView[] {
  return parts
    .filter(({ setId }) => setId !== undefined)
    .map(({ key, amountMsat, deadline, decision, final }) => ({
      nodeId: key.nodeId,
      channelId: key.channelId,
      htlcId: key.htlcId,
      amountMsat,
      deadline,
      state: final === 'none' ? ({ none: 'held', settle: 'settling', fail: 'failed' } as const)[decision.type] : final,
    }));
}

/** Puts together what was promised and what has happened. */
export function viewOf(
  record: InvoiceRecord,
  sets: readonly HtlcSet[],
  parts: readonly PartView[],
  now: Millis,
): InvoiceView {
  const paid = sets.find(({ state }) => state === 'settling' || state === 'settled');
  const held = parts.filter(({ state }) => state === 'held').reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  return {
    paymentHash: record.paymentHash,
    state: stateOf(record, sets, now),
    hold: record.mode === 'hold',
    settleRequested: record.wish === 'settle',
    heldMsat: held,
    parts,
    ...defined({
      bolt11: record.bolt11,
      amountMsat: record.amountMsat,
      description: record.description,
      reference: record.reference,
      metadata: record.metadata,
      createdAt: record.createdAt || undefined,
      expiresAt: record.expiresAt,
      receivedMsat: paid?.settledMsat,
      settledAt: paid?.decidedAt,
      preimage: paid?.preimage,
    }),
  };
}

function stateOf(record: InvoiceRecord, sets: readonly HtlcSet[], now: Millis): InvoiceState {
  if (sets.some(({ state }) => state === 'settled')) return 'settled';
  if (sets.some(({ state }) => state === 'settling')) return 'settling';
  if (record.wish === 'cancel') return 'canceled';
  if (sets.some(({ state, acceptedAt }) => state === 'open' && acceptedAt !== undefined)) return 'accepted';
  return record.expiresAt !== undefined && record.expiresAt < now ? 'expired' : 'open';
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
