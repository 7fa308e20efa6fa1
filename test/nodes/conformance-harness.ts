/**
 * Real LNDs as a harness of the port conformance suite. Where a chain has to move for something to happen, waiting mines
 * blocks: that is how time passes here.
 */
import { LndNode } from '../../src/node/lnd/node.js';
import { getChanInfo } from '../../src/node/lnd/rpc/channels.js';
import { getInfo } from '../../src/node/lnd/rpc/node.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConformanceHarness, ConformanceWorld, HtlcOrder, PayerView, SentHtlc } from '../node/conformance.js';
import { Link } from './link.js';
import type { Lnd } from './lnd.js';
import { Network } from './network.js';
import { until } from './program.js';
import { type AttemptView, HandPayment, type HandRoute, LndFailure } from './sender.js';

const MEMBERS = ['alpha', 'beta'] as const;
/** Blocks that the payee demands, and one for a block that comes meanwhile. */
const FINAL_BLOCKS = 101;
/** Between two blocks while something is under way on chain. */
const BLOCK_MS = 400;

const BOLT_CODES: ReadonlyMap<number, number> = new Map([
  [LndFailure.incorrectOrUnknownPaymentDetails, FailureCode.incorrectOrUnknownPaymentDetails],
  [LndFailure.temporaryChannelFailure, FailureCode.temporaryChannelFailure],
  [LndFailure.unknownNextPeer, FailureCode.unknownNextPeer],
]);

export const lndHarness: ConformanceHarness = {
  autoFailBlocks: 19,
  withoutSession: 'fail',
  async make() {
    return LndWorld.open();
  },
};

class LndWorld implements ConformanceWorld {
  readonly ports: readonly [LndNode, LndNode];
  readonly network = 'simnet';
  readonly #net: Network;
  /** Before the gRPC listener of each member. */
  readonly #wires: readonly [Link, Link];
  readonly #isCut: [boolean, boolean] = [false, false];
  #isOnChain = false;
  #minedAt = 0;

  private constructor(net: Network, wires: readonly [Link, Link]) {
    this.#net = net;
    this.#wires = wires;
    const port = (i: 0 | 1): LndNode => {
      const node = net.node(MEMBERS[i]);
      const address = `127.0.0.1:${wires[i].port}`;
      return new LndNode({ ...node.endpoint, address, name: node.name, forceClose: true, registerPreimages: true });
    };
    this.ports = [port(0), port(1)];
  }

  static async open(): Promise<LndWorld> {
    const net = await Network.open();
    const wire = (name: string): Promise<Link> => Link.to(Number(net.node(name).address.split(':')[1]));
    return new LndWorld(net, [await wire(MEMBERS[0]), await wire(MEMBERS[1])]);
  }

  get nodeIds(): readonly [Uint8Array, Uint8Array] {
    return [this.#node(0).nodeId, this.#node(1).nodeId];
  }

  get sharedScid(): bigint {
    return this.#net.scid(...MEMBERS);
  }

  #node(member: 0 | 1): Lnd {
    return this.#net.node(MEMBERS[member]);
  }

  get #payer(): Lnd {
    return this.#net.node('payer');
  }

  async send(order: HtlcOrder): Promise<SentHtlc> {
    const { to, via = 'peer', amountMsat, feeMsat, cltvDelta, payee, outgoingScid } = order;
    const { blockHeight } = await this.#payer.client.call(getInfo, {});
    const outgoingExpiry = blockHeight + FINAL_BLOCKS;
    const incomingExpiry = outgoingExpiry + cltvDelta;
    const incomingMsat = amountMsat + feeMsat;
    const member = { nodeId: this.#node(to).nodeId, amountMsat, expiry: outgoingExpiry };
    const last = { scid: outgoingScid, nodeId: payee, amountMsat, expiry: outgoingExpiry };
    const expiries = { incomingExpiry, outgoingExpiry };
    const base = { paymentHash: order.paymentHash, paymentSecret: order.paymentSecret };
    if (via === 'peer') {
      const hops = [{ ...member, scid: this.#net.scid('payer', MEMBERS[to]) }, last];
      return this.#start(1, { ...base, sentMsat: incomingMsat, sentExpiry: incomingExpiry, hops }, expiries);
    } else {
      const other = to === 0 ? 1 : 0;
      const { feeMsat: sharedFee, delta } = await this.#sharedPolicy(incomingMsat);
      const first = { nodeId: this.#node(other).nodeId, amountMsat: incomingMsat, expiry: incomingExpiry };
      const hops = [
        { ...first, scid: this.#net.scid('payer', MEMBERS[other]) },
        { ...member, scid: this.sharedScid },
        last,
      ];
      const sent = { sentMsat: incomingMsat + sharedFee, sentExpiry: incomingExpiry + delta };
      return this.#start(2, { ...base, ...sent, hops }, expiries);
    }
  }

  #start(hopOfMember: number, route: HandRoute, expiries: Omit<SentHtlc, 'view'>): SentHtlc {
    const payment = new HandPayment(this.#payer, route);
    return { ...expiries, view: async () => payerView(payment.view, hopOfMember) };
  }

  async #sharedPolicy(amountMsat: bigint): Promise<{ readonly feeMsat: bigint; readonly delta: number }> {
    const { node1Policy, node2Policy } = await this.#payer.client.call(getChanInfo, { chanId: this.sharedScid });
    const policies = [node1Policy!, node2Policy!];
    // What satisfies both directions.
    const fees = policies.map(
      ({ feeBaseMsat, feeRateMilliMsat }) => feeBaseMsat + (amountMsat * feeRateMilliMsat) / 1_000_000n + 1n,
    );
    return {
      feeMsat: fees.reduce((a, b) => (a > b ? a : b)),
      delta: Math.max(...policies.map(({ timeLockDelta }) => timeLockDelta)),
    };
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const isDone = async (): Promise<boolean> => {
      if (await condition()) return true;
      if (this.#isOnChain && Date.now() - this.#minedAt > BLOCK_MS) await this.#mineSynced(1);
      return false;
    };
    await until('what the suite waits for', isDone, { onLate: () => this.#net.logs() });
  }

  async quiet(): Promise<void> {
    await sleep(800);
  }

  async mine(blocks: number): Promise<void> {
    await this.#mineSynced(blocks);
  }

  async closeByPeer(member: 0 | 1): Promise<void> {
    await this.#net.forceClose('payer', MEMBERS[member]);
    this.#isOnChain = true;
    await this.#mineSynced(1);
  }

  async #mineSynced(blocks: number): Promise<void> {
    this.#minedAt = Date.now();
    await this.#net.mine(blocks);
  }

  async dropStream(member: 0 | 1): Promise<void> {
    this.#wires[member].drop();
  }

  async crash(member: 0 | 1): Promise<void> {
    await this.#node(member).kill();
  }

  async restart(member: 0 | 1): Promise<void> {
    await this.#node(member).start();
    if (!this.#isCut[member]) await this.#net.untilActive('payer', MEMBERS[member]);
  }

  async cutPeer(member: 0 | 1, cut: boolean): Promise<void> {
    this.#isCut[member] = cut;
    if (cut) await this.#net.cut('payer', MEMBERS[member]);
    else await this.#net.mend('payer', MEMBERS[member]);
  }

  async close(): Promise<void> {
    for (const port of this.ports) port.close();
    for (const wire of this.#wires) wire.close();
    await this.#net.close();
  }
}

function payerView(view: AttemptView, hopOfMember: number): PayerView {
  switch (view.outcome) {
    case 'pending':
    case 'settled':
      return view;
    case 'refused':
      throw view.error;
    case 'failed': {
      const { source, code } = view;
      const hop = source === hopOfMember ? 'member' : source === hopOfMember + 1 ? 'payee' : 'other';
      return { outcome: 'failed', hop, code: BOLT_CODES.get(code) };
    }
  }
}
