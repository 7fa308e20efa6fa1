/** Invoices of a simulated node's own, and keysend: what makes it the end of a payment instead of a relay. */
import { FailureCode } from '../../onion/failure-codes.js';
import { keysendMatches, totalMsatOf, type FinalPayload } from '../../onion/payload.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { BlockDelta, BlockHeight, Msat, PaymentHash, PaymentSecret, Preimage } from '../../wire/units.js';
import { failureMessage } from './forwarding.js';
import type { Incoming } from './incoming.js';
import { quietly, type World } from './types.js';

const MIN_FINAL_BLOCKS: BlockDelta = 18;
const MPP_TIMEOUT_MS = 60_000;

export interface TillInvoice {
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  readonly preimage: Preimage;
  readonly amountMsat: Msat;
}

export interface TillHost {
  readonly height: BlockHeight;
  settle(incoming: Incoming, preimage: Preimage): void;
  fail(incoming: Incoming, message: Uint8Array): void;
}

interface Entry {
  readonly invoice: TillInvoice;
  readonly held: Map<Incoming, Msat>;
  paid: boolean;
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
    this.#entries.set(toHex(invoice.paymentHash), { invoice, held: new Map(), paid: false });
  }

  isPaid(paymentHash: PaymentHash): boolean {
    return this.#entries.get(toHex(paymentHash))?.paid ?? false;
  }

  /** Decides about an HTLC that ends at this node. */
  receive(incoming: Incoming, payload: FinalPayload): void {
    const failure = this.#check(incoming, payload);
    if (failure) {
      this.#host.fail(incoming, failure);
      return;
    }
    const { add } = incoming.htlc;
    const entry = this.#entries.get(toHex(add.paymentHash));
    if (!entry) {
      this.#host.settle(incoming, payload.keysendPreimage!);
      return;
    }
    entry.held.set(incoming, payload.amtToForward);
    const sum = [...entry.held.values()].reduce((total, amount) => total + amount, 0n);
    if (sum >= totalMsatOf(payload)) {
      entry.paid = true;
      for (const part of entry.held.keys()) this.#host.settle(part, entry.invoice.preimage);
      entry.held.clear();
    } else if (entry.held.size === 1) {
      quietly(this.#world.clock, MPP_TIMEOUT_MS, () => this.#expire(entry));
    }
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
    const unknown = failureMessage(FailureCode.incorrectOrUnknownPaymentDetails, { htlcMsat: add.amountMsat, height });
    if (add.cltvExpiry < height + MIN_FINAL_BLOCKS) return unknown;
    const entry = this.#entries.get(toHex(add.paymentHash));
    if (!entry) return keysendMatches(payload, add.paymentHash) ? undefined : unknown;
    const { invoice } = entry;
    const { paymentData } = payload;
    if (!paymentData || !equalBytes(paymentData.paymentSecret, invoice.paymentSecret)) return unknown;
    const enough = paymentData.totalMsat >= invoice.amountMsat && paymentData.totalMsat <= 2n * invoice.amountMsat;
    return enough ? undefined : unknown;
  }

  /** A crash forgets which parts were held; they are handled anew after the restart. */
  crash(): void {
    for (const { held } of this.#entries.values()) held.clear();
  }

  #expire(entry: Entry): void {
    for (const part of entry.held.keys()) this.#host.fail(part, failureMessage(FailureCode.mppTimeout));
    entry.held.clear();
  }
}
