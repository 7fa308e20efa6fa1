/** A simulated network inside the daemon, with payers: for trying Manifold out without a node. */
import { decodeInvoice } from '../bolt11/index.js';
import { randomBytes } from '../crypto/index.js';
import { EndableClock } from '../node/sim/endable-clock.js';
import { presetWorld, type PresetWorld } from '../node/sim/preset.js';
import type { PaymentRecord } from '../node/sim/payment.js';
import { issueSimInvoice } from '../node/sim/sim-invoice.js';
import { SimNodePort } from '../node/sim/sim-node-port.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import type { NodePort } from '../receive/node-port.js';
import { toHex } from '../wire/bytes.js';
import { err, ok, type Result } from '../wire/result.js';
import type { Msat } from '../wire/units.js';

const BLOCK_MS = 600_000;
const FIRST_HEIGHT = 850_000;
const FIRST_BLOCK_AT = 1_720_000_000_000;

/** Grows with real time, so that it never falls from one start of the daemon to the next. */
function heightAt(now: number): number {
  return FIRST_HEIGHT + Math.max(0, Math.floor((now - FIRST_BLOCK_AT) / BLOCK_MS));
}

export interface SimPayRequest {
  readonly invoice: string;
  /** For an invoice that leaves it to the payer. */
  readonly amountMsat?: Msat;
  /** In how many parts, spread over the hints of the invoice. */
  readonly parts: number;
  /** How long to wait for the outcome. */
  readonly waitMs: number;
}

export interface SimInvoiceRequest {
  readonly amountMsat: Msat;
  readonly description: string;
}

export class EmbeddedNetwork {
  readonly #world: PresetWorld;
  readonly #clock: EndableClock;
  #nextPayer = 0;
  #nextPayee = 0;

  constructor(clock: SimClock) {
    this.#clock = new EndableClock(clock);
    // Keys are new at every start: the HTLC ids of an earlier network would otherwise come again.
    this.#world = presetWorld({ seed: toHex(randomBytes(16)), clock: this.#clock, height: heightAt(clock.now()) });
  }

  /** Ports of the first members, under the given names. */
  ports(names: readonly string[]): NodePort[] {
    return names.map((name, i) => new SimNodePort(this.#world.network, this.#world.members[i]!, name));
  }

  start(): void {
    this.#clock.after(BLOCK_MS / 10, () => {
      this.#world.network.mine(heightAt(this.#clock.now()) - this.#world.network.height);
      this.start();
    });
  }

  stop(): void {
    this.#clock.end();
  }

  /** An invoice of a wallet outside, for whoever wants to try paying; in parts too. */
  invoice({ amountMsat, description }: SimInvoiceRequest): {
    readonly bolt11: string;
    readonly paymentHash: Uint8Array;
  } {
    const { payers } = this.#world;
    const { node } = payers[this.#nextPayee++ % payers.length]!;
    return issueSimInvoice(node, {
      amountMsat,
      description,
      now: Math.floor(this.#clock.now() / 1000),
      preimage: randomBytes(32),
      paymentSecret: randomBytes(32),
    });
  }

  /** Pays as a wallet outside would. What it resolves with is all that the payer saw; `pending` if that takes longer. */
  async pay({ invoice: text, amountMsat, parts, waitMs }: SimPayRequest): Promise<Result<PaymentRecord>> {
    const decoded = decodeInvoice(text);
    if (!decoded.ok) return decoded;
    const invoice = decoded.value;
    const total = amountMsat ?? invoice.amountMsat;
    if (total === undefined)
      return err({ code: 'amount_missing', message: 'the invoice leaves the amount to the payer: pass amount_msat' });
    if (BigInt(parts) > total) return err({ code: 'too_many_parts', message: 'a part has at least 1 msat' });
    const payer = this.#world.payers[this.#nextPayer++ % this.#world.payers.length]!;
    const { record, done } = payer.start({
      invoice,
      amountMsat: total,
      parts: splitEvenly(total, parts, invoice.routeHints.length),
    });
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.after(waitMs, resolve);
    });
    await Promise.race([done, late]);
    cancel();
    return ok(record);
  }
}

function splitEvenly(total: Msat, parts: number, hints: number): { amountMsat: Msat; hint?: number }[] {
  const share = total / BigInt(parts);
  return Array.from({ length: parts }, (_, i) => ({
    amountMsat: i === 0 ? total - share * BigInt(parts - 1) : share,
    ...(parts > 1 && hints > 0 && { hint: i % hints }),
  }));
}
