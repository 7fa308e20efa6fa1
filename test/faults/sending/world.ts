/**
 * A random world from a seed: own nodes of a cluster that pay over routers, several processes with one sender each over one
 * database, and everything that can break.
 */
import { Faults } from '../../../src/node/sim/faults.js';
import { SimNetwork } from '../../../src/node/sim/network.js';
import type { SimNode } from '../../../src/node/sim/node.js';
import { Random } from '../../../src/node/sim/random.js';
import { SimGraphPort } from '../../../src/node/sim/sim-graph-port.js';
import { SimSendPort } from '../../../src/node/sim/sim-send-port.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import type { SendPort } from '../../../src/send/run/ports.js';
import { Sender } from '../../../src/send/run/sender.js';
import type { PaymentStore } from '../../../src/send/run/store-port.js';
import type { Paying, PayOrder } from '../../../src/send/run/types.js';
import { toHex } from '../../../src/wire/bytes.js';
import { type DatabaseFaults, FakeProcess } from '../../support/fake-process.js';
import { connect } from './connection.js';
import { FakePaymentStore } from './fake-store.js';
import { gatedGraph, GatedSendPort, NO_NODE_FAULTS, type NodeFaults } from './ports.js';
import { type Thing, thingToPay } from './orders.js';
import { Watch } from './watch.js';

/** A database for one run. */
export interface SendingStore {
  readonly store: PaymentStore;
  close(): Promise<void>;
  /** Nobody else may have the database: a process that is started takes everything over at once. */
  readonly isSole?: boolean;
}

export type OpenSendingStore = (now: () => number) => Promise<SendingStore>;

export const openFakePayments: OpenSendingStore = async (now) => ({
  store: new FakePaymentStore(now),
  close: async () => undefined,
});

/** Where bugs are planted: between the real code and its world. */
export interface SendingWiring {
  readonly openStore?: OpenSendingStore;
  /** What one process sees of the database. */
  readonly connect?: (inner: PaymentStore, process: FakeProcess, world: SendingWorld) => PaymentStore;
  /** How one process uses a node. */
  readonly port?: (inner: SendPort, process: FakeProcess, world: SendingWorld, node: SimNode) => SendPort;
}

export interface RunningSender {
  readonly process: FakeProcess;
  readonly ports: readonly GatedSendPort[];
  /** Undefined until the database let it begin. */
  sender: Paying | undefined;
}

const RETRY_START_MS = 1_000;

export class SendingWorld {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly random: Random;
  readonly faults: Faults;
  readonly watch: Watch;
  readonly own: readonly SimNode[];
  readonly routers: readonly SimNode[];
  readonly payees: readonly SimNode[];
  readonly database: DatabaseFaults = { stalledUntil: 0, refuse: 0, loseReply: 0, late: 0 };
  readonly nodeFaults: NodeFaults = { ...NO_NODE_FAULTS };
  readonly processes: RunningSender[] = [];
  readonly things: Thing[] = [];
  readonly troubles: string[] = [];
  /** What happens to a process at the moment of one of its next writes. */
  readonly atWrite = new Map<FakeProcess, { left: number; readonly strike: () => void }>();
  databaseSkew = 0;
  isSole = false;
  readonly #wiring: SendingWiring;
  #opened!: SendingStore;
  #store!: PaymentStore;
  #started = 0;

  constructor(seed: number | string, wiring: SendingWiring, keepTrace = false) {
    this.#wiring = wiring;
    // Where links are slow, much happens while parts are out.
    const linkMs = new Random(`links ${seed}`).pick([
      [5, 40],
      [50, 400],
      [200, 900],
    ] as const);
    const network = new SimNetwork({ seed, clock: this.clock, keepTrace, timing: { timeoutBlocks: 1, linkMs } });
    this.network = network;
    this.random = network.random.fork('sending');
    this.faults = new Faults(network);
    this.watch = new Watch(network);
    const nodes = (names: readonly string[]): SimNode[] => names.map((name) => network.addNode(name));
    this.own = nodes(['n1', 'n2', 'n3'].slice(0, this.random.int(2, 3)));
    this.routers = nodes(['r1', 'r2', 'r3', 'r4'].slice(0, this.random.int(2, 4)));
    this.payees = nodes(['p1', 'p2']);
    for (const node of this.own) this.watch.follow(node);
    this.#openChannels();
  }

  #openChannels(): void {
    const { network, random } = this;
    const open = (a: SimNode, b: SimNode): void => {
      const balance = (): bigint => BigInt(random.int(50, 1_500)) * 100_000n;
      network.openChannel(a, b, { balances: [balance(), balance()], slots: random.pick([483, 483, 483, 3]) });
    };
    for (const node of this.own) for (const router of random.shuffle([...this.routers]).slice(0, 2)) open(node, router);
    this.routers.forEach((router, i) => {
      for (const other of this.routers.slice(i + 1)) open(router, other);
      for (const payee of this.payees) if (random.chance(0.8)) open(router, payee);
    });
  }

  async open(): Promise<void> {
    this.#opened = await (this.#wiring.openStore ?? openFakePayments)(() => this.clock.now() + this.databaseSkew);
    this.isSole = this.#opened.isSole === true;
    this.#store = this.#noted(this.#opened.store);
  }

  /** The database, with a look at what is recorded. */
  #noted(store: PaymentStore): PaymentStore {
    const { watch } = this;
    return new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name === 'createPayment') {
          return async (...args: Parameters<PaymentStore['createPayment']>) => {
            const created = await target.createPayment(...args);
            if (created.kind === 'created') watch.recorded(created.payment);
            return created;
          };
        }
        if (name === 'commitStep') {
          return async (...[step]: Parameters<PaymentStore['commitStep']>) => {
            const answer = await target.commitStep(step);
            const known = watch.payments.find(({ id }) => id === step.id);
            if (answer === 'committed' && known && known.state !== step.state)
              watch.recorded({ ...known, state: step.state, version: known.version + 1 });
            return answer;
          };
        }
        return (member as () => unknown).bind(target);
      },
    });
  }

  /** Starts a process under a name that was never used before. */
  startProcess(): RunningSender {
    this.#started += 1;
    const process = new FakeProcess(`s${this.#started}`, this.clock);
    this.network.trace.note(`${process.name} starts`);
    const random = this.random.fork(`process ${process.name}`);
    const ports = this.own.map((node) => this.#portOf(process, node));
    const running: RunningSender = { process, ports, sender: undefined };
    this.processes.push(running);
    const connection = connect({
      process,
      store: this.#store,
      world: this.clock,
      random: random.fork('connection'),
      faults: this.database,
      atWrite: (each) => this.#atWrite(each),
    });
    const store = this.#wiring.connect?.(connection, process, this) ?? connection;
    const chance = random.fork('sender');
    const begin = (attempt: number): void => {
      const sender = new Sender({
        nodes: this.own.map((node, i) => ({
          name: node.name,
          send: this.#wiring.port?.(ports[i]!, process, this, node) ?? ports[i]!,
          graph: gatedGraph(process, new SimGraphPort(this.network, node)),
        })),
        store,
        clock: process.clock,
        random: () => chance.fraction(),
        owner: `${process.name}.${attempt}`,
        onTrouble: (what, error) => this.#trouble(process, what, error),
      });
      sender.start().then(
        () => {
          running.sender = sender;
        },
        () => {
          void sender.stop();
          process.clock.after(RETRY_START_MS, () => begin(attempt + 1));
        },
      );
    };
    process.run(() => begin(1));
    return running;
  }

  #portOf(process: FakeProcess, node: SimNode): GatedSendPort {
    return new GatedSendPort(new SimSendPort(node), {
      process,
      world: this.clock,
      random: this.random.fork(`line ${process.name} ${node.name}`),
      faults: this.nodeFaults,
      onCall: (part) => {
        if (node.online) this.watch.called(node, part);
      },
    });
  }

  #atWrite(process: FakeProcess): void {
    const planned = this.atWrite.get(process);
    if (!planned || planned.left-- > 0) return;
    this.atWrite.delete(process);
    planned.strike();
  }

  #trouble(process: FakeProcess, what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    // Ids of payments are drawn anew in every run.
    this.network.trace.note(`${process.name}: ${what.replace(/[0-9a-f]{32}/, 'x')}: ${reason}`);
    if (what.includes('bug')) this.watch.report('a bug was reported', `${what}: ${reason}`);
  }

  killProcess({ process }: RunningSender): void {
    this.network.trace.note(`${process.name} is killed`);
    process.kill();
  }

  freezeProcess({ process }: RunningSender, duration: number): void {
    this.network.trace.note(`${process.name} freezes for ${duration}`);
    process.freeze();
    this.clock.after(duration, () => {
      this.network.trace.note(`${process.name} thaws`);
      process.thaw();
    });
  }

  /** A new thing that somebody wants to have paid. */
  think(random: Random): Thing {
    const thing = thingToPay(random, random.pick(this.payees), this.network.height);
    this.things.push(thing);
    return thing;
  }

  /** Somebody asks a process to pay; he may be told that it is paid already, or nothing at all. */
  pay(thing: Thing, random: Random): void {
    const able = this.processes.filter(({ process, sender }) => process.running && sender);
    if (able.length === 0) return;
    const { process, sender } = random.pick(able);
    const now = process.clock.now();
    const terms = { ...thing.terms, startedAt: now, deadline: now + thing.timeoutMs };
    const order: PayOrder = { request: { kind: 'invoice' }, terms };
    this.network.trace.note(`${process.name} is to pay ${toHex(terms.paymentHash).slice(0, 8)} ${terms.amountMsat}`);
    sender!.pay(order).then(
      (answer) => this.network.trace.note(`${process.name} answers ${answer.kind}`),
      () => this.network.trace.note(`${process.name} does not answer`),
    );
  }

  close(): Promise<void> {
    return this.#opened.close();
  }
}
