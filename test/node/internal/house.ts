/** A cluster that can be paid from outside and by itself: one real member, the internal one, processes over one database. */
import { sha256 } from '../../../src/crypto/index.js';
import { InternalNode } from '../../../src/node/internal/internal-node.js';
import { SimNetwork } from '../../../src/node/sim/network.js';
import { FakePayer } from '../../../src/node/sim/payer.js';
import type { PayableInvoice } from '../../../src/node/sim/payment.js';
import { SimNodePort } from '../../../src/node/sim/sim-node-port.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import {
  ClusterKeys,
  issuePaymentSecret,
  issuePaymentSecretForHash,
  KeyRing,
  phantomScid,
} from '../../../src/phantom/index.js';
import type { Alarm } from '../../../src/receive/alarms.js';
import { Receiver } from '../../../src/receive/receiver.js';
import type { PartOutcome } from '../../../src/send/index.js';
import type { OutgoingPart } from '../../../src/send/run/ports.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { FakeLedgerStore } from '../../support/fake-ledger-store.js';
import { FakeProcess, portOf } from '../../support/fake-process.js';
import type { InternalHtlcs } from '../../../src/node/internal/index.js';
import type { LedgerStore } from '../../../src/receive/ledger/store-port.js';
import { FakeInternalHtlcs } from './fake-htlcs.js';

export const CLUSTER = 'c0ffee';

export interface Running {
  readonly process: FakeProcess;
  readonly receiver: Receiver;
  readonly internal: InternalNode;
}

export interface Sent {
  accepted: boolean;
  outcome: PartOutcome | undefined;
  lost: boolean;
}

export interface OwnInvoice extends PayableInvoice {
  readonly amountMsat: bigint;
}

export class House {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly payer: FakePayer;
  readonly ledger: FakeLedgerStore;
  readonly htlcs: FakeInternalHtlcs;
  readonly alarms: Alarm[] = [];
  /** In place of the stores in memory. */
  real: { readonly ledger: LedgerStore; readonly htlcs: InternalHtlcs } | undefined;
  ring = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(9)) });
  #issued = 0;

  constructor() {
    this.network = new SimNetwork({ seed: 5, clock: this.clock });
    const payer = this.network.addNode('payer');
    const member = this.network.addNode('m1', { interceptor: true });
    this.network.openChannel(payer, member, { balances: [10_000_000_000n, 10_000_000_000n] });
    this.payer = new FakePayer(this.network, payer);
    this.ledger = new FakeLedgerStore({ now: this.clock.now });
    this.htlcs = new FakeInternalHtlcs(this.clock.now);
  }

  /** @param withReal serves the real member too */
  start(name: string, { withReal = true, height = (): number | undefined => this.network.height } = {}): Running {
    const process = new FakeProcess(name, this.clock);
    const nothing = (): void => undefined;
    const watch = { shown: nothing, answered: nothing, opened: nothing, closed: nothing };
    const keys = (): KeyRing => this.ring;
    const { clock } = process;
    const store = gated<InternalHtlcs>(process, this.real?.htlcs ?? this.htlcs);
    const internal = new InternalNode({ cluster: CLUSTER, store, keys, network: 'regtest', height, clock });
    const real = portOf(process, new SimNodePort(this.network, this.network.node('m1')), watch);
    const receiver = new Receiver({
      nodes: [...(withReal ? [{ port: real }] : []), { port: internal }],
      network: 'regtest',
      keys,
      store: gated<LedgerStore>(process, this.real?.ledger ?? this.ledger),
      owner: name,
      clock,
      alarms: { raise: (alarm) => void this.alarms.push(alarm) },
    });
    process.run(() => void receiver.start());
    return { process, receiver, internal };
  }

  async running(name = 'p1'): Promise<Running> {
    const running = this.start(name);
    await this.clock.runFor(2_000);
    return running;
  }

  /** @param preimage the merchant's own, for an invoice that is held */
  invoice(
    amountMsat = 50_000n,
    { expirySeconds = 3_600, preimage = undefined as Uint8Array | undefined } = {},
  ): OwnInvoice {
    const { keys } = this.ring.current;
    const now = Math.floor(this.clock.now() / 1000);
    const terms = { keys, minAmountMsat: amountMsat, expiryDeltaSeconds: expirySeconds, now, minFinalCltv: 80 };
    const issued = preimage
      ? unwrap(issuePaymentSecretForHash({ ...terms, paymentHash: sha256(preimage) }))
      : unwrap(issuePaymentSecret({ ...terms, iv: new Uint8Array(16).fill((this.#issued += 1)) }));
    const { nodeId } = this.network.node('m1');
    const hint = {
      nodeId,
      shortChannelId: phantomScid(keys, nodeId, this.#issued),
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: 48,
    };
    return {
      paymentHash: issued.paymentHash,
      paymentSecret: issued.paymentSecret,
      payee: keys.phantomNodeId,
      minFinalCltvExpiryDelta: 83,
      amountMsat,
      routeHints: [[hint]],
    };
  }

  async hold(invoice: OwnInvoice, holdMs = 60_000): Promise<void> {
    const paymentHash = toHex(invoice.paymentHash);
    const terms = { paymentHash, mode: 'hold', wish: 'none', preimage: undefined, holdMs } as const;
    await this.ledger.transact([paymentHash], (view) => {
      view.putAccount({ ...view.account(paymentHash), terms });
    });
  }

  part(
    invoice: OwnInvoice,
    over: { id?: number; amountMsat?: bigint; totalMsat?: bigint; blocks?: number } = {},
  ): OutgoingPart {
    const { id = 0, amountMsat = invoice.amountMsat, totalMsat = amountMsat, blocks = 83 } = over;
    const { height } = this.network;
    const now = this.clock.now();
    const { paymentHash, paymentSecret, payee } = invoice;
    const scid = 1n;
    return {
      paymentHash,
      totalMsat,
      part: {
        id,
        state: 'sent',
        source: payee,
        amountMsat,
        feeMsat: 0n,
        successProbability: 1,
        hops: [{ kind: 'own', scid, direction: 0, nodeId: payee, amountMsat, expiry: height + blocks }],
        records: { paymentData: { paymentSecret, totalMsat } },
        height,
        sendAt: now,
        sentAt: now,
      },
    };
  }

  /** Sends, and notes what comes of it. */
  send({ internal, process }: Running, part: OutgoingPart): Sent {
    const sent: Sent = { accepted: false, outcome: undefined, lost: false };
    const accepted = (): void => {
      sent.accepted = true;
    };
    process.run(() => {
      internal.send.send(part, accepted).then(
        (outcome) => (sent.outcome = outcome),
        () => (sent.lost = true),
      );
    });
    return sent;
  }

  /** What the merchant was told of an invoice. */
  told({ paymentHash }: PayableInvoice): string[] {
    return this.ledger.events.filter((event) => event.paymentHash === toHex(paymentHash)).map(({ type }) => type);
  }
}

/** A database through the gate of a process: nothing reaches one that is dead, and a frozen one hears when it thaws. */
export function gated<Store extends object>(process: FakeProcess, store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name === 'onHint') return undefined;
      return (...args: unknown[]): unknown => process.gate(Reflect.apply(member, target, args) as Promise<unknown>);
    },
  });
}
