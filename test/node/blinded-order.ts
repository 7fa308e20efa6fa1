/** A virtual node behind blinded paths, and parts to it as the payment machine would have them sent. */
import { ec, randomBytes } from '../../src/crypto/index.js';
import {
  aggregateRelays,
  blindHop,
  buildBlindedPath,
  decodePaymentPayload,
  encodeEncryptedData,
  peelOnion,
  type PeeledOnion,
} from '../../src/onion/index.js';
import type { InterceptedHtlc } from '../../src/receive/node-port.js';
import {
  ChannelGraph,
  FlowPlanner,
  Knowledge,
  type OutgoingPart,
  type PaymentPathLike,
  planMissing,
  preparePayment,
  type SendPort,
  termsOfStaticInvoice,
} from '../../src/send/index.js';
import { type Result, unwrap } from '../../src/wire/result.js';
import type { BlockHeight, Msat, NodeId, ShortChannelId } from '../../src/wire/units.js';

const RELAY = { feeBaseMsat: 2_000, feeProportionalMillionths: 500, cltvExpiryDelta: 80 };
const FINAL_BLOCKS = 120;

/** A node of a path, and where it leads on. */
export interface PathNode {
  readonly nodeId: NodeId;
  readonly scid: ShortChannelId;
}

export class BlindedOrder {
  readonly amountMsat: Msat = 25_000_000n;
  readonly preimage = randomBytes(32);
  readonly invoiceRequest = randomBytes(300);
  readonly #secret = randomBytes(32);
  readonly #pathSecret = randomBytes(32);

  /** To the virtual node, behind the last of the nodes. */
  over(nodes: readonly PathNode[], height: BlockHeight): PaymentPathLike {
    const relays = nodes.map(({ nodeId, scid: shortChannelId }) => {
      const paymentConstraints = { maxCltvExpiry: height + 2_000, htlcMinimumMsat: 1n };
      return { nodeId, data: encodeEncryptedData({ shortChannelId, paymentRelay: RELAY, paymentConstraints }) };
    });
    const end = { nodeId: ec.publicKey(this.#secret), data: encodeEncryptedData({ pathId: new Uint8Array(32) }) };
    const price = aggregateRelays(
      nodes.map(() => RELAY),
      FINAL_BLOCKS,
    );
    return {
      path: buildBlindedPath(this.#pathSecret, [...relays, end]),
      payInfo: {
        feeBaseMsat: Number(price.feeBaseMsat),
        feeProportionalMillionths: Number(price.feeProportionalMillionths),
        cltvExpiryDelta: price.cltvExpiryDelta,
        htlcMinimumMsat: 1n,
        htlcMaximumMsat: 10n ** 12n,
        features: [],
      },
    };
  }

  /** The first part of a plan over the paths, which start at peers of the node. */
  async part(port: SendPort, paths: readonly PaymentPathLike[], id = 0): Promise<OutgoingPart> {
    const { nodeId, height, channels } = await port.balances();
    const now = Date.now();
    const { amountMsat, preimage, invoiceRequest } = this;
    const invoice = {
      nodeId: ec.publicKey(this.#secret),
      paymentPaths: paths,
      createdAt: 0n,
      relativeExpirySeconds: now,
      features: [17],
    };
    const context = { now, currency: 'bcrt', ownNodeIds: [nodeId], endOfChannel: () => undefined } as const;
    const terms = unwrap(termsOfStaticInvoice(invoice, { amountMsat, preimage, invoiceRequest }, {}, context));
    const graph = new ChannelGraph();
    const sources = [{ nodeId, channels, maxBlindedParts: port.maxBlindedParts! }];
    const knowledge = new Knowledge(graph);
    const around = { sources, balancesReadAt: now, knowledge, height, now, chance: () => 0.9 };
    const made = preparePayment(terms, around, []);
    if (made.kind === 'refused') throw new Error(made.reason.message);
    const plan = planMissing(made.state, around, new FlowPlanner(graph), []);
    if (plan.kind !== 'plan') throw new Error(plan.message);
    const { paymentHash, amountMsat: totalMsat, records } = terms;
    const part = { ...plan.parts[0]!, id, state: 'sent' as const, records, height, sendAt: now, sentAt: now };
    return { paymentHash, totalMsat, part };
  }

  /** What the virtual node finds: whoever made the path knows the path key at its end. */
  found({ onion, paymentHash: associatedData }: InterceptedHtlc, nodes: readonly NodeId[]): unknown {
    const end = nodes.reduce((secret, id) => blindHop(secret, id, new Uint8Array()).nextPathSecret, this.#pathSecret);
    const pathKey = ec.publicKey(end);
    const peeled = peelOnion({ nodeSecret: this.#secret, onion, associatedData, pathKey }) as Result<PeeledOnion>;
    return unwrap(decodePaymentPayload(unwrap(peeled).payload, { final: true, updateAddHasPathKey: true }));
  }

  /** What it is to find. */
  get payload(): object {
    const { amountMsat, preimage: keysendPreimage, invoiceRequest } = this;
    const amounts = { amtToForward: amountMsat, totalAmountMsat: amountMsat };
    return { kind: 'blinded_final', ...amounts, keysendPreimage, invoiceRequest };
  }
}
