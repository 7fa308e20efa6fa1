/** A payment of the send port conformance suite: makes routes for its parts and remembers them. */
import { sha256 } from '../../src/crypto/index.js';
import type { LookUpAnswer, PartOutcome } from '../../src/send/payment/messages.js';
import type { FinalRecords, PaymentPart } from '../../src/send/payment/payment.js';
import type { RouteHop } from '../../src/send/plan/request.js';
import { compareBytes } from '../../src/wire/bytes.js';
import type { BlockDelta, BlockHeight, Msat, NodeId, PaymentHash, ShortChannelId } from '../../src/wire/units.js';
import type { SendInvoice, SendWorld } from './send-conformance.js';

/** Channels of the world, from sender to payee. */
export type Way = readonly ['direct'] | readonly ['first', 'second'];

/** What a route does other than it should. */
export interface RouteChanges {
  readonly feeMsat?: Msat;
  /** Blocks that the relay gets. */
  readonly relayBlocks?: BlockDelta;
  readonly second?: ShortChannelId;
  readonly direct?: ShortChannelId;
}

/** Blocks that may pass while a part is on its way. */
const SPARE_BLOCKS = 3;
const KEYSEND_BLOCKS = 40;

export class Order {
  readonly paymentHash: PaymentHash;
  readonly totalMsat: Msat;
  readonly #world: SendWorld;
  readonly #records: FinalRecords;
  readonly #finalExpiry: BlockHeight;
  readonly #height: BlockHeight;
  readonly #parts = new Map<number, PaymentPart>();

  private constructor(
    world: SendWorld,
    terms: {
      paymentHash: PaymentHash;
      totalMsat: Msat;
      records: FinalRecords;
      height: BlockHeight;
      finalBlocks: BlockDelta;
    },
  ) {
    this.#world = world;
    this.paymentHash = terms.paymentHash;
    this.totalMsat = terms.totalMsat;
    this.#records = terms.records;
    this.#height = terms.height;
    this.#finalExpiry = terms.height + terms.finalBlocks + SPARE_BLOCKS;
  }

  static async of(world: SendWorld, invoice: SendInvoice, totalMsat: Msat): Promise<Order> {
    const { paymentHash, paymentSecret, finalCltvDelta: finalBlocks } = invoice;
    const records = { paymentData: { paymentSecret, totalMsat } };
    const { height } = await world.port.balances();
    return new Order(world, { paymentHash, totalMsat, records, height, finalBlocks });
  }

  static async keysend(world: SendWorld, preimage: Uint8Array, totalMsat: Msat): Promise<Order> {
    const { height } = await world.port.balances();
    const records = { keysendPreimage: preimage };
    return new Order(world, { paymentHash: sha256(preimage), totalMsat, records, height, finalBlocks: KEYSEND_BLOCKS });
  }

  /** Records a part without handing it over. */
  plan(id: number, amountMsat: Msat, way: Way, changes: RouteChanges = {}): PaymentPart {
    const hops = way.length === 1 ? this.#directHops(amountMsat, changes) : this.#relayedHops(amountMsat, changes);
    const part: PaymentPart = {
      id,
      state: 'sent',
      records: this.#records,
      height: this.#height,
      sendAt: 0,
      source: this.#world.sender,
      amountMsat,
      feeMsat: hops[0]!.amountMsat - amountMsat,
      hops,
      successProbability: 1,
    };
    this.#parts.set(id, part);
    return part;
  }

  send(
    id: number,
    amountMsat: Msat,
    way: Way,
    accepted: () => void = () => undefined,
    changes: RouteChanges = {},
  ): Promise<PartOutcome> {
    const part = this.plan(id, amountMsat, way, changes);
    const { paymentHash, totalMsat } = this;
    return this.#world.port.send({ paymentHash, totalMsat, part }, accepted);
  }

  lookUp(id: number): Promise<LookUpAnswer> {
    const { paymentHash, totalMsat } = this;
    const siblings = [...this.#parts.values()].sort((a, b) => a.id - b.id);
    return this.#world.port.lookUp({ paymentHash, totalMsat, part: this.#parts.get(id)!, siblings });
  }

  #directHops(amountMsat: Msat, { direct = this.#world.direct }: RouteChanges): RouteHop[] {
    const { sender, payee } = this.#world;
    return [this.#hop(direct, sender, payee, amountMsat, this.#finalExpiry, 'own')];
  }

  #relayedHops(amountMsat: Msat, { feeMsat, relayBlocks, second }: RouteChanges): RouteHop[] {
    const { sender, relay, payee, relayTerms, first, second: usual } = this.#world;
    const { feeBaseMsat, feePpm, cltvDelta } = relayTerms;
    const fee = feeMsat ?? BigInt(feeBaseMsat) + (amountMsat * BigInt(feePpm)) / 1_000_000n;
    const expiry = this.#finalExpiry + (relayBlocks ?? cltvDelta);
    return [
      this.#hop(first, sender, relay, amountMsat + fee, expiry, 'own'),
      this.#hop(second ?? usual, relay, payee, amountMsat, this.#finalExpiry, 'public'),
    ];
  }

  #hop(
    scid: ShortChannelId,
    from: NodeId,
    nodeId: NodeId,
    amountMsat: Msat,
    expiry: BlockHeight,
    kind: RouteHop['kind'],
  ): RouteHop {
    return { kind, scid, direction: compareBytes(from, nodeId) < 0 ? 0 : 1, nodeId, amountMsat, expiry };
  }
}
