/** A payment of the real sender, as its payer sees it: always the newest state. */
import type { SimNetwork } from '../node/sim/network.js';
import type { AttemptOutcome, DecodedFailure } from '../node/sim/payment.js';
import { rowOf } from '../send/payment/failure/table.js';
import type { PaymentPart, StopReason } from '../send/payment/payment.js';
import type { StoredPayment } from '../send/run/store-port.js';
import { equalBytes, toHex } from '../wire/bytes.js';
import type { Millis, Msat } from '../wire/units.js';
import type { PayersAttempt, PayersView } from './payers-view.js';

const sum = (amounts: readonly Msat[]): Msat => amounts.reduce((total, amount) => total + amount, 0n);

export class WalletPayment implements PayersView {
  readonly #network: SimNetwork;
  #stored: StoredPayment;

  constructor(stored: StoredPayment, network: SimNetwork) {
    this.#stored = stored;
    this.#network = network;
  }

  update(stored: StoredPayment): void {
    if (stored.version >= this.#stored.version) this.#stored = stored;
  }

  get startedAt(): Millis {
    return this.#stored.createdAt;
  }

  get endedAt(): Millis | undefined {
    const { isEnded, parts } = this.#stored.state;
    if (!isEnded) return undefined;
    return Math.max(this.startedAt, ...parts.map(({ endedAt = 0 }) => endedAt));
  }

  get outcome(): AttemptOutcome {
    const { phase } = this.#stored.state;
    if (phase === 'failed') return 'failed';
    return phase === 'succeeded' ? 'settled' : 'pending';
  }

  get preimage(): string | undefined {
    const { preimage } = this.#stored.state;
    return preimage && toHex(preimage);
  }

  get paidMsat(): Msat {
    return sum(this.#settled.map(({ hops }) => hops[0]!.amountMsat));
  }

  get feeMsat(): Msat {
    return sum(this.#settled.map(({ feeMsat }) => feeMsat));
  }

  /** Why no more was sent, if it was so. */
  get stop(): StopReason | undefined {
    return this.#stored.state.stop;
  }

  /** Every try is a part of its own here. */
  get parts(): readonly { readonly outcome: AttemptOutcome; readonly attempts: readonly PayersAttempt[] }[] {
    return this.#stored.state.parts
      .filter(({ state }) => state !== 'planned')
      .map((part) => ({ outcome: outcomeOf(part), attempts: [this.#attempt(part)] }));
  }

  /** Names of the own nodes that sent something that arrived. */
  get senders(): readonly string[] {
    return [...new Set(this.#settled.map(({ source }) => this.#nameOf(source) ?? toHex(source)))].sort();
  }

  get #settled(): PaymentPart[] {
    return this.#stored.state.parts.filter(({ state }) => state === 'settled');
  }

  #attempt(part: PaymentPart): PayersAttempt {
    const { amountMsat, hops } = part;
    return {
      route: hops.flatMap(({ nodeId }) => this.#nameOf(nodeId) ?? []),
      outcome: outcomeOf(part),
      amountMsat,
      sentMsat: hops[0]!.amountMsat,
      failure: this.#failure(part),
    };
  }

  #failure({ failure, hops, source }: PaymentPart): Pick<DecodedFailure, 'code' | 'name' | 'blamed'> | undefined {
    if (failure?.kind !== 'decoded') return undefined;
    const { code, reporter } = failure;
    const blamed = this.#nameOf(reporter === 0 ? source : hops[reporter - 1]!.nodeId) ?? 'payee';
    return { code, name: rowOf(code).name, blamed };
  }

  #nameOf(id: Uint8Array): string | undefined {
    return this.#network.nodes.find(({ nodeId }) => equalBytes(nodeId, id))?.name;
  }
}

function outcomeOf({ state }: PaymentPart): AttemptOutcome {
  return state === 'settled' || state === 'failed' ? state : 'pending';
}
