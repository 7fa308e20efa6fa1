/** Several processes of one cluster over one ledger: two members, a payer, and processes that die, freeze or have wrong clocks. */
import { issuePaymentSecret, ClusterKeys, KeyRing, phantomScid } from '../../src/phantom/index.js';
import { FakePayer, type RunningPayment } from '../../src/node/sim/payer.js';
import type { PayableInvoice } from '../../src/node/sim/payment.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import type { SimNode } from '../../src/node/sim/node.js';
import type { SimClock } from '../../src/node/sim/virtual-clock.js';
import type { Alarm } from '../../src/receive/alarms.js';
import type { LedgerStore } from '../../src/receive/ledger/store-port.js';
import type { HtlcAnswer, HtlcKey, NodePort } from '../../src/receive/node-port.js';
import { Receiver } from '../../src/receive/receiver.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { FakeProcess, portOf } from '../support/fake-process.js';

export interface Running {
  readonly process: FakeProcess;
  readonly receiver: Receiver;
  state(member: string): string;
}

/** An answer as it left a process, whether or not a node took it. */
export interface Answered {
  readonly process: string;
  readonly node: string;
  readonly htlc: string;
  readonly action: HtlcAnswer['action'];
}

export class Processes {
  readonly network: SimNetwork;
  readonly payer: FakePayer;
  readonly members: readonly SimNode[];
  readonly alarms: Alarm[] = [];
  readonly answers: Answered[] = [];
  readonly #clock: SimClock;
  readonly #keys = new ClusterKeys(new Uint8Array(32).fill(9));
  readonly #ttlMs: number;
  #issued = 0;

  constructor(clock: SimClock, ttlMs = 10_000) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.network = new SimNetwork({ seed: 5, clock });
    const payer = this.network.addNode('payer');
    this.members = ['m1', 'm2'].map((name) => this.network.addNode(name, { interceptor: true }));
    const balances = [10_000_000_000n, 10_000_000_000n] as const;
    for (const member of this.members) this.network.openChannel(payer, member, { balances });
    this.payer = new FakePayer(this.network, payer);
  }

  nodeId(member: string): string {
    return toHex(this.network.node(member).nodeId);
  }

  /** A process that serves these members. `store` is what it sees of the ledger. */
  start(
    name: string,
    store: LedgerStore,
    members: readonly string[] = ['m1', 'm2'],
    change: (port: NodePort) => NodePort = (port) => port,
  ): Running {
    const process = new FakeProcess(name, this.#clock);
    const ring = new KeyRing({ id: 1, keys: this.#keys });
    const receiver = new Receiver({
      nodes: members.map((member) => ({ port: change(this.#portOf(process, member)) })),
      network: 'regtest',
      keys: () => ring,
      store: gated(process, store),
      owner: name,
      clock: process.clock,
      alarms: { raise: (alarm) => void this.alarms.push(alarm) },
      leaseTtlMs: this.#ttlMs,
    });
    void receiver.start();
    return {
      process,
      receiver,
      state: (member) => receiver.status().find((status) => status.name === member)!.state,
    };
  }

  #portOf(process: FakeProcess, member: string): NodePort {
    const nothing = (): void => undefined;
    const inner = new SimNodePort(this.network, this.network.node(member));
    const { answers } = this;
    const port = portOf(process, inner, { shown: nothing, answered: nothing, opened: nothing, closed: nothing });
    const intercept = port.intercept!;
    return {
      ...port,
      intercept: {
        nodeFailureCodes: intercept.nodeFailureCodes,
        lookupFinal: (key) => intercept.lookupFinal(key),
        async open(handlers) {
          const session = await intercept.open(handlers);
          return {
            answer(key: HtlcKey, answer: HtlcAnswer) {
              const htlc = `${key.channelId}/${key.htlcId}`;
              answers.push({ process: process.name, node: member, htlc, action: answer.action });
              return session.answer(key, answer);
            },
            heartbeat: () => session.heartbeat(),
            close: () => session.close(),
          };
        },
      },
    };
  }

  /** @param expirySeconds from now by the world's clock */
  invoice(amountMsat: bigint, expirySeconds = 3_600): PayableInvoice {
    const now = Math.floor(this.#clock.now() / 1000);
    const iv = new Uint8Array(16).fill((this.#issued += 1));
    const issued = unwrap(
      issuePaymentSecret({
        keys: this.#keys,
        minAmountMsat: amountMsat,
        expiryDeltaSeconds: expirySeconds,
        now,
        minFinalCltv: 80,
        iv,
      }),
    );
    return {
      paymentHash: issued.paymentHash,
      paymentSecret: issued.paymentSecret,
      payee: this.#keys.phantomNodeId,
      minFinalCltvExpiryDelta: 83,
      amountMsat,
      routeHints: this.members.map(({ nodeId }) => [
        {
          nodeId,
          shortChannelId: phantomScid(this.#keys, nodeId, this.#issued),
          feeBaseMsat: 0,
          feeProportionalMillionths: 0,
          cltvExpiryDelta: 48,
        },
      ]),
    };
  }

  /** Half of the invoice at each member; the second half `delayMs` later, or never. */
  payAcross(invoice: PayableInvoice, { delayMs = 0, skip = false, attempts = 1 } = {}): RunningPayment {
    const half = invoice.amountMsat! / 2n;
    const parts = [
      { amountMsat: half, hint: 0 },
      { amountMsat: half, hint: 1, delayMs, skip },
    ];
    return this.payer.start({ invoice, parts, attempts });
  }
}

/** The store through the gate of a process: what a frozen one asked for arrives when it thaws. */
function gated(process: FakeProcess, store: LedgerStore): LedgerStore {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name === 'onHint') {
        return (listener: (hint: unknown) => void): unknown =>
          Reflect.apply(member, target, [(hint: unknown) => process.run(() => listener(hint))]);
      }
      return (...args: unknown[]): unknown => process.gate(Reflect.apply(member, target, args) as Promise<unknown>);
    },
  });
}
