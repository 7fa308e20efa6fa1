/** Invoices of a simulated node's own, and keysend: what makes it the end of a payment instead of a relay. */
import { FailureCode } from '../../onion/failure-codes.js';
import { keysendMatches, totalMsatOf, type FinalPayload } from '../../onion/payload.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { BlockDelta, BlockHeight, Msat, PaymentHash, PaymentSecret, Preimage } from '../../wire/units.js';
import { failureMessage } from './forwarding.js';
import type { SimHtlc } from './htlc.js';
import type { Incoming } from './incoming.js';
import { quietly, type World } from './types.js';

const MIN_FINAL_BLOCKS: BlockDelta = 18;
const MPP_TIMEOUT_MS = 60_000;

export interface TillInvoice {
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  readonly preimage: Preimage;
  readonly amountMsat: Msat;
  /** What has arrived waits until {@link Till.settle} or {@link Till.cancel}. */
  readonly hold?: boolean;
}

export interface TillHost {
  readonly height: BlockHeight;
  settle(incoming: Incoming, preimage: Preimage): void;
  fail(incoming: Incoming, message: Uint8Array): void;
}

interface Entry {
  readonly invoice: TillInvoice;
  readonly held: Map<SimHtlc, Held>;
  /** Decided for, to be decided so again if they are handled anew. */
  readonly taken: Set<SimHtlc>;
  /** Together they are enough. */
  isComplete: boolean;
  /** By the merchant, of what is held for him. */
  decision: 'settle' | 'cancel' | undefined;
}

interface Held {
  readonly incoming: Incoming;
  readonly amountMsat: Msat;
}

export class Till {
  readonly #world: World;
  readonly #host: TillHost;
  readonly #entries = new Map<string, Entry>();

  constructor(world: World, host: TillHost) {
    this.#world = world;
    this.#host = host;
  }

  add(invoice: TillInvoice): void {
    const entry: Entry = { invoice, held: new Map(), taken: new Set(), isComplete: false, decision: undefined };
    this.#entries.set(toHex(invoice.paymentHash), entry);
  }

  isPaid(paymentHash: PaymentHash): boolean {
    return (this.#entries.get(toHex(paymentHash))?.taken.size ?? 0) > 0;
  }

  /** All parts are there, and wait for the merchant. */
  isHeld(paymentHash: PaymentHash): boolean {
    const entry = this.#entries.get(toHex(paymentHash));
    return entry !== undefined && entry.isComplete && entry.held.size > 0;
  }

  /** The merchant takes what is held for him, now and where it comes again. @throws {RangeError} for an unknown hash */
  settle(paymentHash: PaymentHash): void {
    const entry = this.#entry(paymentHash);
    entry.decision = 'settle';
    if (entry.isComplete) this.#take(entry);
  }

  /** The merchant gives everything back. @throws {RangeError} for an unknown hash */
  cancel(paymentHash: PaymentHash): void {
    const entry = this.#entry(paymentHash);
    entry.decision = 'cancel';
    for (const { incoming } of entry.held.values()) this.#host.fail(incoming, this.#unknown(incoming));
    entry.held.clear();
    entry.isComplete = false;
  }

  #entry(paymentHash: PaymentHash): Entry {
    const entry = this.#entries.get(toHex(paymentHash));
    if (!entry) throw new RangeError('no invoice has this payment hash');
    return entry;
  }

  /** Decides about an HTLC that ends at this node. */
  receive(incoming: Incoming, payload: FinalPayload): void {
    const { htlc } = incoming;
    const entry = this.#entries.get(toHex(htlc.add.paymentHash));
    if (entry?.taken.has(htlc)) {
      this.#host.settle(incoming, entry.invoice.preimage);
      return;
    }
    const failure = this.#check(incoming, payload);
    if (failure) {
      this.#host.fail(incoming, failure);
      return;
    }
    if (!entry) {
      this.#host.settle(incoming, payload.keysendPreimage!);
      return;
    }
    entry.held.set(htlc, { incoming, amountMsat: payload.amtToForward });
    const sum = [...entry.held.values()].reduce((total, { amountMsat }) => total + amountMsat, 0n);
    entry.isComplete = sum >= totalMsatOf(payload);
    if (entry.isComplete) {
      if (!entry.invoice.hold || entry.decision === 'settle') this.#take(entry);
    } else if (entry.held.size === 1) {
      quietly(this.#world.clock, MPP_TIMEOUT_MS, () => this.#expire(entry));
    }
  }

  #take(entry: Entry): void {
    for (const [htlc, { incoming }] of entry.held) {
      entry.taken.add(htlc);
      this.#host.settle(incoming, entry.invoice.preimage);
    }
    entry.held.clear();
  }

  #unknown({ htlc }: Incoming): Uint8Array {
    const { height } = this.#host;
    return failureMessage(FailureCode.incorrectOrUnknownPaymentDetails, { htlcMsat: htlc.add.amountMsat, height });
  }

  #check(incoming: Incoming, payload: FinalPayload): Uint8Array | undefined {
    const { add } = incoming.htlc;
    const { height } = this.#host;
    if (add.amountMsat < payload.amtToForward) {
      return failureMessage(FailureCode.finalIncorrectHtlcAmount, { incomingHtlcAmt: add.amountMsat });
    }
    if (add.cltvExpiry < payload.outgoingCltvValue) {
      return failureMessage(FailureCode.finalIncorrectCltvExpiry, { cltvExpiry: add.cltvExpiry });
    }
    const unknown = this.#unknown(incoming);
    if (add.cltvExpiry < height + MIN_FINAL_BLOCKS) return unknown;
    const entry = this.#entries.get(toHex(add.paymentHash));
    if (!entry) return keysendMatches(payload, add.paymentHash) ? undefined : unknown;
    // Paid invoices are not paid again.
    if (entry.taken.size > 0 || entry.decision === 'cancel') return unknown;
    const { invoice } = entry;
    const { paymentData } = payload;
    if (!paymentData || !equalBytes(paymentData.paymentSecret, invoice.paymentSecret)) return unknown;
    const enough = paymentData.totalMsat >= invoice.amountMsat && paymentData.totalMsat <= 2n * invoice.amountMsat;
    return enough ? undefined : unknown;
  }

  /** A crash forgets which parts were held; they are handled anew after the restart. */
  crash(): void {
    for (const entry of this.#entries.values()) {
      entry.held.clear();
      entry.isComplete = false;
    }
  }

  #expire(entry: Entry): void {
    if (entry.isComplete) return;
    for (const { incoming } of entry.held.values()) {
      this.#host.fail(incoming, failureMessage(FailureCode.mppTimeout));
    }
    entry.held.clear();
  }
}
