/**
 * Sees what really happens: every HTLC that own nodes offer for payments of ours, what payees take, and what the database is
 * told. It knows nothing of payment machines; rules that must hold at every instant are checked at every instant.
 */
import { sha256 } from '../../../src/crypto/index.js';
import type { SimHtlc } from '../../../src/node/sim/htlc.js';
import type { SimNetwork } from '../../../src/node/sim/network.js';
import type { SimNode } from '../../../src/node/sim/node.js';
import type { OutgoingPart } from '../../../src/send/run/ports.js';
import type { StoredPayment } from '../../../src/send/run/store-port.js';
import { equalBytes, toHex } from '../../../src/wire/bytes.js';
import type { Violation } from '../checker.js';

interface Offered {
  readonly payment: string;
  readonly htlc: SimHtlc;
}

interface Called {
  readonly node: SimNode;
  readonly outgoing: OutgoingPart;
}

export class Watch {
  readonly violations: Violation[] = [];
  readonly #network: SimNetwork;
  readonly #offered: Offered[] = [];
  readonly #called = new Map<string, Called[]>();
  /** As the database had it last, by id. */
  readonly #payments = new Map<string, StoredPayment>();
  /** The newest payment of a hash. */
  readonly #current = new Map<string, string>();
  /** Greatest number of HTLCs of one payment that were out at once. */
  mostOut = 0;

  constructor(network: SimNetwork) {
    this.#network = network;
  }

  report(rule: string, what: string): void {
    this.violations.push({ rule, what: `${what} at ${this.#network.clock.now()}` });
  }

  /** Sees from now on what the node offers for itself. */
  follow(node: SimNode): void {
    const pay = node.pay.bind(node);
    node.pay = (channel, offer, returned) => {
      const htlc = pay(channel, offer, returned);
      if (typeof htlc !== 'string') this.#sent(htlc);
      return htlc;
    };
  }

  /** A process has asked a node for a part. */
  called(node: SimNode, outgoing: OutgoingPart): void {
    const hash = toHex(outgoing.paymentHash);
    const calls = this.#called.get(hash) ?? [];
    const { id, sentAt } = outgoing.part;
    if (calls.some(({ outgoing: { part } }) => part.id === id && part.sentAt === sentAt))
      this.report('sent twice', `part ${id} of ${hash}`);
    const recorded = this.#payments.get(this.#current.get(hash) ?? '')?.state.parts[id];
    if (recorded?.sentAt !== sentAt) this.report('sent before it was recorded', `part ${id} of ${hash}`);
    this.#called.set(hash, [...calls, { node, outgoing }]);
  }

  #sent(htlc: SimHtlc): void {
    const hash = toHex(htlc.sent.paymentHash);
    const id = this.#current.get(hash);
    const payment = id === undefined ? undefined : this.#payments.get(id);
    if (!payment) {
      this.report('sent before it was recorded', hash);
      return;
    }
    this.#offered.push({ payment: payment.id, htlc });
    if (payment.state.phase === 'failed') this.report('sent after failure was told', hash);
    this.#checkSums(hash, payment);
  }

  /** R8: what is out and what has settled, over all nodes, is never more than the payment. */
  #checkSums(hash: string, { id, state }: StoredPayment): void {
    const { amountMsat, budgetMsat } = state.terms;
    const counting = this.#of(id).filter(({ outcome }) => outcome !== 'failed');
    this.mostOut = Math.max(this.mostOut, counting.length);
    const offered = counting.reduce((sum, { sent }) => sum + sent.amountMsat, 0n);
    if (offered > amountMsat + budgetMsat)
      this.report('too much in flight', `${hash}: ${offered} of ${amountMsat} and ${budgetMsat}`);
    let delivering = 0n;
    for (const { node, outgoing } of this.#called.get(hash) ?? []) {
      const standing = node.ownParts.standing(outgoing);
      const counts = standing === 'in_flight' || (typeof standing === 'object' && standing.kind === 'settled');
      if (counts) delivering += outgoing.part.amountMsat;
    }
    if (delivering > amountMsat) this.report('too much in flight', `${hash}: ${delivering} of ${amountMsat} delivered`);
  }

  #of(id: string): SimHtlc[] {
    return this.#offered.filter(({ payment }) => payment === id).map(({ htlc }) => htlc);
  }

  /** The database has this payment now. */
  recorded(payment: StoredPayment): void {
    const { id, state } = payment;
    const before = this.#payments.get(id);
    if (before && before.version >= payment.version) return;
    const hash = toHex(state.terms.paymentHash);
    this.#payments.set(id, payment);
    if (!before) this.#begun(hash, id);
    if (before?.state.phase !== state.phase) this.#phaseChanged(hash, payment);
  }

  #begun(hash: string, id: string): void {
    const former = this.#payments.get(this.#current.get(hash) ?? '');
    if (former && former.state.phase !== 'failed') this.report('two payments of one hash', hash);
    this.#current.set(hash, id);
  }

  /** R9. */
  #phaseChanged(hash: string, { id, state }: StoredPayment): void {
    const htlcs = this.#of(id);
    if (state.phase === 'failed' && htlcs.some(({ outcome }) => outcome !== 'failed'))
      this.report('failed while money is out', hash);
    if (state.phase !== 'succeeded') return;
    const { preimage = new Uint8Array() } = state;
    if (!equalBytes(sha256(preimage), state.terms.paymentHash)) this.report('success without proof', hash);
    if (!htlcs.some(({ returned }) => returned?.kind === 'fulfill')) this.report('success that nobody took', hash);
  }

  get payments(): readonly StoredPayment[] {
    return [...this.#payments.values()];
  }

  /**
   * When everything has long been well again: the end of each payment is the truth, and all books agree.
   * @param payeeOf name of the payee by payment hash
   */
  finish(payeeOf: ReadonlyMap<string, string>): void {
    for (const payment of this.#payments.values()) this.#checkEnd(payment);
    const { htlcs } = this.#network.observations();
    for (const [hash, id] of this.#current) {
      const { amountMsat } = this.#payments.get(id)!.state.terms;
      const claimed = htlcs
        .filter((htlc) => htlc.to === payeeOf.get(hash) && htlc.paymentHash === hash && htlc.outcome === 'settled')
        .reduce((sum, htlc) => sum + htlc.amountMsat, 0n);
      if (claimed > amountMsat) this.report('paid more than once', `${hash}: ${claimed} of ${amountMsat}`);
    }
    for (const channel of this.#network.channels) {
      const live = [...channel.live].reduce((sum, { sent }) => sum + sent.amountMsat, 0n);
      if (channel.balance(0) + channel.balance(1) + live !== channel.capacityMsat)
        this.report('money is not conserved', channel.name);
    }
  }

  #checkEnd({ id, state }: StoredPayment): void {
    const hash = toHex(state.terms.paymentHash);
    const htlcs = this.#of(id);
    if (!state.isEnded) {
      this.report('no end', `${hash} is ${state.phase}`);
      return;
    }
    if (htlcs.some(({ outcome }) => outcome === undefined)) this.report('ended while money is out', hash);
    const paid = htlcs.filter(({ outcome }) => outcome === 'settled');
    if (paid.length > 0 !== (state.phase === 'succeeded'))
      this.report('the end is not the truth', `${hash} is ${state.phase}`);
    const really = paid.reduce((sum, { sent }) => sum + sent.amountMsat, 0n);
    const booked = state.parts
      .filter((part) => part.state === 'settled')
      .reduce((sum, { hops }) => sum + hops[0]!.amountMsat, 0n);
    if (really !== booked) this.report('the books are wrong', `${hash}: ${booked} booked, ${really} paid`);
  }
}
