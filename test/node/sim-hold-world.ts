/** A payer whose peer may hold its HTLCs, and a payee behind that peer. */
import { sha256 } from '../../src/crypto/index.js';
import { Faults } from '../../src/node/sim/faults.js';
import type { SimInterceptHandlers } from '../../src/node/sim/holding.js';
import { SimNetwork, type AddNodeOptions, type SimNetworkOptions } from '../../src/node/sim/network.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { type BlindedPath, buildBlindedPath, encodeEncryptedData } from '../../src/onion/index.js';
import type { HtlcKey, InterceptedHtlc, InterceptSession } from '../../src/receive/node-port.js';
import type { PartOutcome } from '../../src/send/payment/messages.js';
import type { OutgoingPart, PartTold, SendPort } from '../../src/send/run/ports.js';
import { compareBytes } from '../../src/wire/bytes.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import type { NodeId } from '../../src/wire/units.js';

const BALANCES = { balances: [5_000_000_000n, 5_000_000_000n] } as const;
export const AMOUNT = 30_000_000n;
export const HOLD: TlvRecord = { type: 75537n, value: new Uint8Array() };

/** payer – lsp – payee. */
export function holdNetwork(options: SimNetworkOptions, lsp: AddNodeOptions = { hold: true }): SimNetwork {
  const network = new SimNetwork(options);
  const [payer, holder, payee] = [
    network.addNode('payer', { private: true }),
    network.addNode('lsp', { interceptor: true, ...lsp }),
    network.addNode('payee', { private: true }),
  ];
  network.openChannel(payer, holder, BALANCES);
  network.openChannel(holder, payee, BALANCES);
  return network;
}

/** Any path will do: the payer hands it on. */
export function pathNumber(n: number, nodeId: NodeId): BlindedPath {
  const pathId = new Uint8Array(32).fill(n);
  return buildBlindedPath(pathId, [{ nodeId, data: encodeEncryptedData({ pathId }) }]);
}

/** A keysend of {@link AMOUNT}, its number also that of its preimage. */
export function keysendPart(network: SimNetwork, n: number, firstHopRecords?: readonly TlvRecord[]): OutgoingPart {
  const [payer, lsp, payee] = ['payer', 'lsp', 'payee'].map((name) => network.node(name).nodeId) as [
    NodeId,
    NodeId,
    NodeId,
  ];
  const preimage = new Uint8Array(32).fill(n);
  const [first, second] = [network.channelBetween('payer', 'lsp'), network.channelBetween('lsp', 'payee')];
  const expiry = network.height + 100;
  const hop = (scid: bigint, from: NodeId, nodeId: NodeId, amountMsat: bigint, until: number) =>
    ({
      kind: 'hint',
      scid,
      direction: compareBytes(from, nodeId) < 0 ? 0 : 1,
      nodeId,
      amountMsat,
      expiry: until,
    }) as const;
  const alias = second.aliases[second.sideOf(network.node('lsp'))];
  const hops = [hop(first.scid, payer, lsp, AMOUNT + 10_000n, expiry + 80), hop(alias, lsp, payee, AMOUNT, expiry)];
  return {
    paymentHash: sha256(preimage),
    totalMsat: AMOUNT,
    ...(firstHopRecords && { firstHopRecords }),
    part: {
      id: 0,
      state: 'sent',
      records: { keysendPreimage: preimage },
      height: network.height,
      sendAt: 0,
      source: payer,
      amountMsat: AMOUNT,
      feeMsat: 10_000n,
      hops,
      successProbability: 1,
    },
  };
}

/** A part under way, and everything its sender was told. */
export class Sent {
  readonly told: (PartTold | undefined)[] = [];
  outcome: PartOutcome | undefined;
  readonly done: Promise<PartOutcome>;

  constructor(port: SendPort, part: OutgoingPart) {
    this.done = port.send(part, (told) => this.told.push(told)).then((outcome) => (this.outcome = outcome));
  }

  get paths(): readonly BlindedPath[] {
    return this.told.flatMap((told) => told?.releasePath ?? []);
  }
}

/** Whoever intercepts at the LSP, and gives paths. */
export class Holder {
  readonly asked: HtlcKey[] = [];
  readonly htlcs: InterceptedHtlc[] = [];
  /** What the next question is answered with; default: a path of its own for each. */
  answer: (key: HtlcKey) => BlindedPath | undefined;
  readonly given: BlindedPath[] = [];
  session!: InterceptSession;

  constructor(nodeId: NodeId) {
    this.answer = () => {
      const path = pathNumber(this.given.length + 1, nodeId);
      this.given.push(path);
      return path;
    };
  }

  handlers(): SimInterceptHandlers {
    return {
      onHtlc: (htlc) => this.htlcs.push(htlc),
      onFinal: () => undefined,
      onHeight: () => undefined,
      onClosed: () => undefined,
      releasePath: (key) => {
        this.asked.push(key);
        return this.answer(key);
      },
    };
  }

  resume(index = 0): string {
    return this.session.answer(this.htlcs[index]!.key, { action: 'resume' });
  }
}

export class HoldLab {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly faults: Faults;

  constructor(seed: number, lsp?: AddNodeOptions) {
    const timing = { twice: 0, linkMs: [10, 20] } as const;
    this.network = holdNetwork({ seed, clock: this.clock, keepTrace: true, timing }, lsp);
    this.network.node('lsp').interceptor!.faults.twice = 0;
    this.faults = new Faults(this.network);
  }

  listen(holder = new Holder(this.network.node('lsp').nodeId)): Holder {
    holder.session = this.network.node('lsp').interceptor!.open(holder.handlers());
    return holder;
  }

  readonly until = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; i < 20_000; i++) {
      if (condition()) return;
      await this.clock.runFor(1);
    }
    throw new Error('it never happened');
  };

  /** Records of the HTLCs that reached a node, as they came. */
  recordsAt(name: string): (readonly TlvRecord[])[] {
    const end = this.network.node(name);
    return this.network.channels.flatMap((channel) =>
      channel.history
        .filter(({ to, received }) => channel.ends[to] === end && received !== undefined)
        .map(({ add }) => add.unknownRecords ?? []),
    );
  }
}
