/**
 * A random world from a seed: a cluster whose members are served by several processes over one database, payers that are
 * honest or not, and everything that can break. The result is what one would see from outside.
 */
import { ClusterKeys, KeyRing, recognisePhantomScid } from '../../src/phantom/index.js';
import type { Alarm } from '../../src/receive/alarms.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import type { LedgerStore, LedgerView } from '../../src/receive/ledger/store-port.js';
import type { LedgerEvent } from '../../src/receive/ledger/types.js';
import { Member } from '../../src/receive/member.js';
import type { HtlcKey, InterceptedHtlc } from '../../src/receive/node-port.js';
import { Sweeper } from '../../src/receive/sweeper.js';
import { Faults } from '../../src/node/sim/faults.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import { FakePayer } from '../../src/node/sim/payer.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import type { Random } from '../../src/node/sim/random.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';
import { type DatabaseFaults, FakeConnection, FakeProcess, portOf, type PortWatch } from '../support/fake-process.js';
import type { Evidence, StreamPeriod, Told } from './checker.js';
import { type InvoiceTruth, type StartedPayment } from './payments.js';

/** A database for one run. */
export interface WorldStore {
  readonly store: LedgerStore;
  readonly told: () => Promise<readonly Told[]>;
  readonly close: () => Promise<void>;
}

export type OpenStore = (now: () => number) => Promise<WorldStore>;

export const openFakeStore: OpenStore = async (now) => {
  const store = new FakeLedgerStore({ now });
  return { store, told: async () => store.events.flatMap(toldOf), close: async () => undefined };
};

export function toldOf(event: LedgerEvent): Told[] {
  const { paymentHash } = event;
  if (event.type === 'invoice.settled') return [{ type: 'settled', paymentHash, amountMsat: event.amountMsat }];
  if (event.type !== 'alarm') return [];
  const { channelId, htlcId } = event.key;
  return [{ type: 'alarm', code: event.code, paymentHash, channelId, htlcId }];
}

/** Where bugs are planted: between the real code and its world. */
export interface Wiring {
  readonly openStore: OpenStore;
  /** What one process sees of the database. */
  readonly connect?: (inner: LedgerStore, process: FakeProcess, world: World) => LedgerStore;
  /** What one process is shown of an HTLC. */
  readonly present?: (
    htlc: InterceptedHtlc,
    process: FakeProcess,
    deliver: (htlc: InterceptedHtlc) => void,
    world: World,
  ) => void;
}

interface Running {
  readonly process: FakeProcess;
  readonly ledger: Ledger;
  readonly members: readonly Member[];
}

interface Shown {
  readonly node: string;
  readonly htlc: InterceptedHtlc;
  readonly process: FakeProcess;
  readonly at: number;
  answeredAt: number | undefined;
}

const LEASE_TTL_MS = 10_000;
const NODE_KEEPALIVE_MS = 14_000;

export class World implements PortWatch {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly random: Random;
  readonly faults: Faults;
  readonly keys: ClusterKeys;
  readonly members: readonly SimNode[];
  readonly payers: readonly FakePayer[];
  readonly database: DatabaseFaults = { stalledUntil: 0, refuse: 0, loseReply: 0, late: 0 };
  readonly invoices: InvoiceTruth[] = [];
  readonly payments: StartedPayment[] = [];
  readonly alarms: Alarm[] = [];
  readonly processes: Running[] = [];
  databaseSkew = 0;
  /** Called in the moment of a commitment with the ids of its nodes. */
  onSettled: (nodeIds: readonly string[]) => void = () => undefined;
  /** Members that peace does not bring back: they have their own time. */
  readonly lost = new Set<string>();
  /** Blocks come in haste until then. */
  stormUntil = 0;
  readonly #ring: KeyRing;
  readonly #wiring: Wiring;
  readonly #ports: readonly SimNodePort[];
  readonly #shown: Shown[] = [];
  readonly #streams: StreamPeriod[] = [];
  /** Streams that are paused, with what keeps one from being resumed. */
  readonly #paused = new Map<StreamPeriod, () => void>();
  readonly #settledAt = new Map<string, number>();
  #store!: WorldStore;
  #started = 0;

  constructor(seed: number | string, wiring: Wiring, keepTrace = false) {
    this.#wiring = wiring;
    this.network = new SimNetwork({ seed, clock: this.clock, keepTrace, timing: { timeoutBlocks: 1 } });
    this.random = this.network.random.fork('faults');
    this.faults = new Faults(this.network);
    this.keys = new ClusterKeys(this.random.bytes(32));
    this.#ring = new KeyRing({ id: 1, keys: this.keys });
    const { network } = this;
    const payers = ['carol', 'dave'].map((name) => network.addNode(name));
    const [hub, shop] = [network.addNode('hub'), network.addNode('shop')];
    this.members = ['m1', 'm2', 'm3']
      .slice(0, this.random.int(2, 3))
      .map((name) => network.addNode(name, { interceptor: { slotLingerMs: this.random.pick([0, 0, 2_000]) } }));
    const balances = [10_000_000_000n, 10_000_000_000n] as const;
    const [carol, dave] = payers as [SimNode, SimNode];
    network.openChannel(dave, hub, { balances });
    for (const member of this.members) {
      network.openChannel(carol, member, { balances });
      network.openChannel(hub, member, { balances });
      network.openChannel(member, shop, { balances });
    }
    this.payers = payers.map((node) => new FakePayer(network, node));
    this.#ports = this.members.map((node) => new SimNodePort(network, node));
  }

  get store(): LedgerStore {
    return this.#store.store;
  }

  async open(): Promise<void> {
    this.#store = await this.#wiring.openStore(() => this.clock.now() + this.databaseSkew);
  }

  /** Starts a process under a name that was never used before. */
  startProcess(): Running {
    this.#started += 1;
    const process = new FakeProcess(`p${this.#started}`, this.clock);
    this.network.trace.note(`${process.name} starts`);
    const connection = new FakeConnection({
      process,
      store: this.#noted(),
      world: this.clock,
      random: this.random.fork(`connection ${process.name}`),
      faults: this.database,
    });
    const store = this.#wiring.connect?.(connection, process, this) ?? connection;
    const ledger = new Ledger({ store, owner: process.name });
    const alarms = { raise: (alarm: Alarm): void => void this.alarms.push(alarm) };
    const members = this.#ports.map((port) => {
      const node = this.#portFor(process, port);
      const keys = (): KeyRing => this.#ring;
      return new Member({
        node,
        network: 'regtest',
        keys,
        ledger,
        store,
        clock: process.clock,
        alarms,
        leaseTtlMs: LEASE_TTL_MS,
      });
    });
    const sweeper = new Sweeper({ ledger, store, clock: process.clock, alarms, intervalMs: 1_500 });
    const running = { process, ledger, members };
    this.processes.push(running);
    process.run(() => {
      for (const member of members) member.start();
      sweeper.start();
    });
    return running;
  }

  #portFor(process: FakeProcess, port: SimNodePort): ReturnType<typeof portOf> {
    const gated = portOf(process, port, this);
    const { present } = this.#wiring;
    if (!present) return gated;
    const intercept = gated.intercept!;
    return {
      ...gated,
      intercept: {
        ...intercept,
        open: (handlers) =>
          intercept.open({
            onFinal: (result) => handlers.onFinal(result),
            onHeight: (height) => handlers.onHeight(height),
            onClosed: (reason) => handlers.onClosed(reason),
            onHtlc: (htlc) => present(htlc, process, (shown) => handlers.onHtlc(shown), this),
          }),
      },
    };
  }

  killProcess({ process }: Running): void {
    this.network.trace.note(`${process.name} is killed`);
    process.kill();
  }

  freezeProcess({ process }: Running, duration: number): void {
    this.network.trace.note(`${process.name} freezes for ${duration}`);
    process.freeze();
    const resume = this.#pause((each) => each.process === process.name);
    // A node closes the connection of a client that does not answer its pings.
    if (duration > NODE_KEEPALIVE_MS) this.clock.after(NODE_KEEPALIVE_MS, () => process.cutSessions());
    this.clock.after(duration, () => {
      this.network.trace.note(`${process.name} thaws`);
      if (process.alive) resume();
      process.thaw();
    });
  }

  freezeStream(node: string, duration: number): void {
    const resume = this.#pause((each) => each.node === node);
    this.faults.freezeStream(node, duration);
    this.clock.after(duration, resume);
  }

  /** Streams over which nothing passes count as ended until they are resumed, if they are still there then. */
  #pause(wanted: (period: StreamPeriod) => boolean): () => void {
    const paused = this.#streams.filter((each) => each.to === undefined && wanted(each));
    const open = new Set(paused);
    for (const period of paused) {
      period.to = this.clock.now();
      this.#paused.set(period, () => open.delete(period));
    }
    return () => {
      for (const period of open) {
        this.#paused.delete(period);
        this.#streams.push({ ...period, from: this.clock.now(), to: undefined });
      }
    };
  }

  shown(process: FakeProcess, node: string, htlc: InterceptedHtlc): void {
    const period = this.#streams.findLast((each) => each.node === node && each.process === process.name);
    const name = `${htlc.key.channelId}/${htlc.key.htlcId}`;
    if (period && !period.shown.has(name)) period.shown.set(name, this.clock.now());
    this.#shown.push({ node, htlc, process, at: this.clock.now(), answeredAt: undefined });
  }

  answered(_: FakeProcess, node: string, { channelId, htlcId }: HtlcKey): void {
    for (const shown of this.#shown) {
      const { key } = shown.htlc;
      if (shown.node === node && key.channelId === channelId && key.htlcId === htlcId)
        shown.answeredAt ??= this.clock.now();
    }
  }

  opened(process: FakeProcess, node: string): void {
    this.#streams.push({ node, process: process.name, from: this.clock.now(), to: undefined, shown: new Map() });
  }

  closed(process: FakeProcess, node: string): void {
    const period = this.#streams.findLast((each) => each.node === node && each.process === process.name);
    if (!period) return;
    period.to ??= this.clock.now();
    this.#paused.get(period)?.();
  }

  /** The database, with a note of when the merchant was told. */
  #noted(): LedgerStore {
    const { store } = this.#store;
    return new Proxy(store, {
      get: (target, name) => {
        if (name !== 'transact') return (target[name as keyof LedgerStore] as () => unknown).bind(target);
        return <T>(hashes: readonly string[], body: (view: LedgerView) => T): Promise<T> =>
          target.transact(hashes, (view) => body(this.#notingView(view)));
      },
    });
  }

  #notingView(view: LedgerView): LedgerView {
    return {
      now: view.now,
      leases: view.leases,
      account: (hash) => view.account(hash),
      putAccount: (account) => view.putAccount(account),
      putLease: (lease) => view.putLease(lease),
      emit: (event) => {
        if (event.type === 'invoice.settled') {
          this.#settledAt.set(event.paymentHash, this.clock.now());
          this.onSettled(event.parts.map(({ key }) => key.nodeId));
        }
        view.emit(event);
      },
    };
  }

  async evidence(stuck: readonly string[]): Promise<Evidence> {
    const { htlcs, answers } = this.network.observations();
    const told = await this.#store.told();
    const ledgerAlarms = told.filter((event) => event.type === 'alarm');
    return {
      members: new Set(this.members.map(({ name }) => name)),
      htlcs,
      answers,
      payments: this.payments,
      invoices: this.invoices,
      alarms: [...this.alarms, ...ledgerAlarms],
      told,
      delayedForwards: this.#delayedForwards(),
      stuck,
      shownOnChain: this.#shownOnChain(),
      streams: this.#streams,
      settledAt: this.#settledAt,
    };
  }

  #shownOnChain(): Map<string, number> {
    const since = new Map<string, number>();
    for (const { node, htlc, at } of this.#shown) {
      const name = `${node}:${htlc.key.channelId}/${htlc.key.htlcId}`;
      if (htlc.onChain && !since.has(name)) since.set(name, at);
    }
    return since;
  }

  #delayedForwards(): string[] {
    return this.#shown
      .filter(({ htlc, answeredAt, at }) => {
        const ours = recognisePhantomScid(this.#ring, htlc.key.nodeId, htlc.outgoingScid);
        return !ours && !htlc.onChain && (answeredAt === undefined || answeredAt > at + 5);
      })
      .map(({ node, htlc, at }) => `${node} ${htlc.key.channelId}/${htlc.key.htlcId} at ${at}`);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  nameOf(nodeId: string): string {
    return this.members.find((node) => toHex(node.nodeId) === nodeId)!.name;
  }
}
