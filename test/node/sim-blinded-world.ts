/** A line of nodes whose last one intercepts, and payments over blinded paths to a node that only we know behind it. */
import { ec, sha256 } from '../../src/crypto/index.js';
import { Faults } from '../../src/node/sim/faults.js';
import type { SimHtlc } from '../../src/node/sim/htlc.js';
import { SimNetwork, type AddNodeOptions } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import type { Removal } from '../../src/node/sim/types.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import {
  blindHop,
  type BlindedPath,
  buildBlindedPath,
  buildOnion,
  type EncryptedData,
  encodeEncryptedData,
  encodePaymentPayload,
  peelOnion,
  type PayloadFields,
  unwrapFailure,
} from '../../src/onion/index.js';
import type { InterceptedHtlc } from '../../src/receive/node-port.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import type { Msat } from '../../src/wire/units.js';
import { Listener } from './conformance-cast.js';

const BALANCES = { balances: [5_000_000_000n, 5_000_000_000n] } as const;
export const VIRTUAL_SCID = (1n << 63n) | 815n;
const RELAY = { feeBaseMsat: 2_000, feeProportionalMillionths: 500, cltvExpiryDelta: 80 } as const;
const FINAL_BLOCKS = 120;
const SECRET = new Uint8Array(32).fill(0x51);
const PATH_SECRET = new Uint8Array(32).fill(0x52);
export const PREIMAGE = new Uint8Array(32).fill(0x53);
export const PAYMENT_HASH = sha256(PREIMAGE);

export type Removed = Removal & { readonly failure?: { readonly hop: number; readonly code?: number } };

/** ann – bob – col – mia, who intercepts. */
export class BlindedWorld {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly faults: Faults;
  readonly virtual = ec.publicKey(SECRET);

  constructor(seed: number, member: AddNodeOptions = {}) {
    this.network = new SimNetwork({ seed, clock: this.clock, keepTrace: true });
    this.faults = new Faults(this.network);
    const names = ['ann', 'bob', 'col', 'mia'];
    const nodes = names.map((name) =>
      this.network.addNode(name, name === 'mia' ? { interceptor: true, ...member } : {}),
    );
    for (let i = 0; i < 3; i++) this.network.openChannel(nodes[i]!, nodes[i + 1]!, BALANCES);
  }

  node(name: string): SimNode {
    return this.network.node(name);
  }

  scid(first: string, second: string): bigint {
    return this.network.channelBetween(first, second).scid;
  }

  listen(): Promise<Listener> {
    return Listener.open(new SimNodePort(this.network, this.node('mia')));
  }

  /** What a hop of the path finds: on to the next of the line, or from mia to the virtual node. */
  dataOf(name: string, change: Partial<EncryptedData> = {}): EncryptedData {
    const next = { bob: 'col', col: 'mia' }[name];
    return {
      shortChannelId: next === undefined ? VIRTUAL_SCID : this.scid(name, next),
      paymentRelay: RELAY,
      paymentConstraints: { maxCltvExpiry: this.network.height + 2_000, htlcMinimumMsat: 1n },
      ...change,
    };
  }

  /** From its first node, by name, to the virtual node. */
  path(names: readonly string[], change: Readonly<Record<string, Partial<EncryptedData>>> = {}): BlindedPath {
    return buildBlindedPath(PATH_SECRET, [
      ...names.map((name) => ({
        nodeId: this.node(name).nodeId,
        data: encodeEncryptedData(strip(this.dataOf(name, change[name]))),
      })),
      { nodeId: this.virtual, data: encodeEncryptedData({ pathId: new Uint8Array(32).fill(1) }) },
    ]);
  }

  /** Ann pays `amountMsat` to the end of a path; what comes back is put into `returned`. */
  pay(names: readonly string[], path: BlindedPath, amountMsat: Msat, order: Order = {}): Payment {
    const { records, spoil = (payload: PayloadFields) => payload } = order;
    const line = ['bob', 'col', 'mia'];
    const before = line.slice(0, line.indexOf(names[0]!));
    const expiry = this.network.height + FINAL_BLOCKS;
    let [amount, cltv] = [amountMsat, expiry];
    for (const _ of names) [amount, cltv] = [amount + feeOf(amount), cltv + RELAY.cltvExpiryDelta];
    const arriving = { amount, cltv };
    const payloads: { nodeId: Uint8Array; payload: PayloadFields }[] = path.hops.map((hop, i) => ({
      nodeId: i === 0 ? this.node(names[0]!).nodeId : hop.blindedNodeId,
      payload: {
        encryptedRecipientData: hop.encryptedData,
        ...(i === 0 && { currentPathKey: path.firstPathKey }),
        ...(i === path.hops.length - 1 && {
          amtToForward: amountMsat,
          outgoingCltvValue: expiry,
          totalAmountMsat: amountMsat,
        }),
      },
    }));
    for (const name of [...before].reverse()) {
      const next = line[line.indexOf(name) + 1]!;
      const forward = { amtToForward: amount, outgoingCltvValue: cltv, shortChannelId: this.scid(name, next) };
      payloads.unshift({ nodeId: this.node(name).nodeId, payload: forward });
      [amount, cltv] = [amount + 5_000n + amount / 1000n, cltv + 40];
    }
    const { onion, sharedSecrets } = buildOnion({
      sessionKey: new Uint8Array(32).fill(0x54),
      hops: payloads.map(({ nodeId, payload }, i) => ({ nodeId, payload: encodePaymentPayload(spoil(payload, i)) })),
      associatedData: PAYMENT_HASH,
    });
    const payment: Payment = { arriving, returned: undefined, htlc: undefined };
    const offer = { amountMsat: amount, cltvExpiry: cltv, paymentHash: PAYMENT_HASH, onion };
    const htlc = this.node('ann').pay(
      this.network.channelBetween('ann', 'bob'),
      { ...offer, ...(records && { unknownRecords: records }) },
      (removal) => {
        const failure = removal.kind === 'fail' ? unwrapFailure(removal.reason, sharedSecrets) : undefined;
        payment.returned = failure ? { ...removal, failure } : removal;
      },
    );
    if (typeof htlc === 'string') throw new Error(`the channel does not take it: ${htlc}`);
    payment.htlc = htlc;
    return payment;
  }

  async ended(payment: Payment): Promise<Removed> {
    await this.until(() => payment.returned !== undefined);
    return payment.returned!;
  }

  readonly until = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; i < 2000; i++) {
      if (condition()) return;
      await this.clock.runFor(5);
    }
    throw new Error('it never happened');
  };

  /** What the virtual node finds in an HTLC that was shown: it made the path, so it knows the path key. */
  peel({ onion, paymentHash: associatedData }: InterceptedHtlc, names: readonly string[]): Uint8Array {
    let pathSecret: Uint8Array = PATH_SECRET;
    for (const name of names) {
      pathSecret = blindHop(pathSecret, this.node(name).nodeId, new Uint8Array()).nextPathSecret;
    }
    const peeled = peelOnion({ nodeSecret: SECRET, onion, associatedData, pathKey: ec.publicKey(pathSecret) });
    if (!peeled.ok) throw new Error(peeled.error.message);
    return peeled.value.payload;
  }
}

export interface Order {
  /** Of ann's update_add_htlc. */
  readonly records?: readonly TlvRecord[];
  readonly spoil?: (payload: PayloadFields, hop: number) => PayloadFields;
}

export interface Payment {
  /** What the first node of the path gets. */
  readonly arriving: { readonly amount: Msat; readonly cltv: number };
  returned: Removed | undefined;
  htlc: SimHtlc | undefined;
}

/** Enough for the hop to deliver `amountMsat`. */
const feeOf = (amountMsat: Msat): Msat =>
  BigInt(RELAY.feeBaseMsat) + (amountMsat * BigInt(RELAY.feeProportionalMillionths) + 999_999n) / 1_000_000n;

/** Without members that a change has set to undefined. */
function strip(data: EncryptedData): EncryptedData {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}
