/** payer – lsp – payee on virtual time, the LSP with everything that holds HTLCs, over a store that may die between two writes. */
import type { BlindedPath } from '../../../src/onion/index.js';
import { Messenger, ROD_PEER_MESSAGE_TYPE } from '../../../src/messages/index.js';
import { DEFAULT_CLIENT_LIMITS, type ClientLimits, type OfflineClient } from '../../../src/offline/clients.js';
import type { Documents } from '../../../src/offline/documents.js';
import { readHeldHtlc } from '../../../src/offline/hold/shape.js';
import type { RodPayment } from '../../../src/offline/rod/payer.js';
import { HoldService } from '../../../src/daemon/offline/hold-service.js';
import type { HoldWake } from '../../../src/daemon/offline/hold-parts.js';
import type { EarlyRelease } from '../../../src/daemon/offline/hold-rows.js';
import { readRodDocument, RodService } from '../../../src/daemon/offline/rod-service.js';
import { RodWallet } from '../../../src/daemon/offline/rod-wallet.js';
import { createLog } from '../../../src/daemon/log.js';
import { Faults } from '../../../src/node/sim/faults.js';
import { type AddNodeOptions, SimNetwork } from '../../../src/node/sim/network.js';
import { SimNodePort } from '../../../src/node/sim/sim-node-port.js';
import { SimSendPort } from '../../../src/node/sim/sim-send-port.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import { Ledger } from '../../../src/receive/ledger/ledger.js';
import { Member } from '../../../src/receive/member.js';
import type { Alarm } from '../../../src/receive/alarms.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { equalBytes } from '../../../src/wire/bytes.js';
import type { TlvRecord } from '../../../src/wire/tlv.js';
import type { NodeId, PaymentHash } from '../../../src/wire/units.js';
import { testRandom, virtualNode } from '../../messages/network.js';
import { HOLD, keysendPart, Sent } from '../../node/sim-hold-world.js';
import { ringOf } from '../../receive/fake-port.js';
import { FakeLedgerStore } from '../../support/fake-ledger-store.js';

const BALANCES = { balances: [5_000_000_000n, 5_000_000_000n] } as const;

/** Dies with the n-th write: before it is carried out, or after. */
export class Mortality {
  writes = 0;
  dieAt = Infinity;
  /** True: the last write still reaches the disk. */
  isLate = false;
  isDead = false;
  onDeath: () => void = () => undefined;

  async through<T>(write: () => Promise<T>): Promise<T> {
    if (this.isDead) throw new Error('dead');
    this.writes += 1;
    if (this.writes < this.dieAt) return write();
    if (this.isLate) await write();
    this.isDead = true;
    this.onDeath();
    throw new Error('dead');
  }
}

function mortal<Body>(
  inner: Documents<Body>,
  mortality: Mortality,
  delay: () => Promise<void> = () => Promise.resolve(),
): Documents<Body> {
  const alive = <T>(read: () => Promise<T>): Promise<T> =>
    mortality.isDead ? Promise.reject(new Error('dead')) : read();
  return {
    read: (id) => alive(() => inner.read(id)),
    write: async (document, version) => {
      await delay();
      return mortality.through(() => inner.write(document, version));
    },
    claimDue: (limit, leaseMs) => alive(() => inner.claimDue(limit, leaseMs)),
    list: (query) => alive(() => inner.list(query)),
    count: (query) => alive(() => inner.count(query)),
    remove: (id) => alive(() => inner.remove(id)),
  };
}

/** One process of the LSP. */
export interface LspProcess {
  readonly holds: HoldService;
  readonly rods: RodService;
  readonly messenger: Messenger;
  readonly mortality: Mortality;
  readonly member: Member;
  /** Nothing of it runs any more; its connections are cut. */
  kill(): void;
}

export interface LspOptions {
  readonly isShared?: boolean;
  readonly dieAt?: number;
  readonly isLate?: boolean;
  /** What is written two seconds late. */
  readonly late?: 'held_htlc' | 'early_release';
  /** What its node tells of its channels, when asked for the n-th time, from 0 on; default: all. */
  readonly tellsChannels?: (n: number) => 'all' | 'none' | 'no answer';
}

export class OfflineLab {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly faults: Faults;
  readonly alarms: Alarm[] = [];
  readonly wakes: (readonly [name: string, wake: HoldWake])[] = [];
  readonly clients: OfflineClient[] = [];
  clientsLoaded = true;
  store!: Store;
  readonly ledger: FakeLedgerStore;
  #seed = 1;

  constructor(seed: number, lsp: AddNodeOptions = { hold: true }) {
    this.network = new SimNetwork({ seed, clock: this.clock, keepTrace: true, timing: { linkMs: [10, 20] } });
    const [payer, holder, payee, hub, stranger] = [
      this.network.addNode('payer', { private: true }),
      this.network.addNode('lsp', { interceptor: { nodeFailureCodes: 'any' }, ...lsp }),
      this.network.addNode('payee', { private: true }),
      this.network.addNode('hub'),
      this.network.addNode('stranger', { private: true }),
    ];
    this.network.openChannel(payer, holder, BALANCES);
    this.network.openChannel(holder, payee, BALANCES);
    this.network.openChannel(holder, hub, BALANCES);
    this.network.openChannel(stranger, holder, BALANCES);
    holder.interceptor!.faults.twice = 0;
    this.faults = new Faults(this.network);
    this.ledger = new FakeLedgerStore({ now: () => this.clock.now() });
  }

  async open(...clients: readonly ('payer' | 'payee')[]): Promise<this> {
    this.store = await openStore({ url: 'sqlite::memory:', clock: this.clock, inProcess: true });
    for (const name of clients) this.enrol(name);
    return this;
  }

  enrol(name: string, limits: Partial<ClientLimits> = {}): OfflineClient {
    const { nodeId } = this.network.node(name);
    const number = this.clients.length + 1;
    const client = { number, nodeId, name, limits: { ...DEFAULT_CLIENT_LIMITS, ...limits }, enrolledAt: 0 };
    this.clients.push(client);
    return client;
  }

  /** Starts the LSP's daemon, over the store that its predecessors used. */
  async lsp({
    isShared = false,
    dieAt = Infinity,
    isLate = false,
    tellsChannels = () => 'all',
    late,
  }: LspOptions = {}): Promise<LspProcess> {
    const { clock, network, store } = this;
    let reads = 0;
    const delay = (kind: LspOptions['late']) => (): Promise<void> =>
      kind === late ? new Promise((resolve) => clock.after(2_000, resolve)) : Promise.resolve();
    const mortality = new Mortality();
    Object.assign(mortality, { dieAt, isLate });
    const port = new SimNodePort(network, network.node('lsp'));
    const lab = (): OfflineLab => this;
    const clients = {
      get isLoaded() {
        return lab().clientsLoaded;
      },
      get size() {
        return lab().clients.length;
      },
      clientOf: (nodeId: NodeId) => this.clients.find((client) => equalBytes(client.nodeId, nodeId)),
      clientNumbered: (number: number) => this.clients.find((client) => client.number === number),
    };
    const parts: { holds?: HoldService; rods?: RodService } = {};
    const messenger = new Messenger({
      virtualNodes: [virtualNode(77)],
      graph: port.messageGraph,
      clock,
      random: testRandom(this.#seed++),
      onPeer: (peer, isConnected, member) => {
        parts.holds?.onPeer(peer, isConnected, member);
        parts.rods?.onPeer(peer, isConnected);
      },
      onStray: (stray) => parts.rods?.onStray(stray),
    });
    const log = createLog({ level: 'silent', destination: { write: () => undefined } });
    const wake = (client: OfflineClient, why: HoldWake): void => void this.wakes.push([client.name, why]);
    const holds = new HoldService({
      held: mortal(store.documents('held_htlc', readHeldHtlc), mortality, delay('held_htlc')),
      early: mortal(store.documents<EarlyRelease>('early_release'), mortality, delay('early_release')),
      ...{ isShared, clients, messenger, clock, log, wake },
      nodes: [
        {
          name: port.name,
          ...(port.intercept && { intercept: port.intercept }),
          channels: () => {
            const what = tellsChannels(reads++);
            if (what === 'no answer') return new Promise(() => undefined);
            return what === 'all' ? port.channels() : Promise.resolve([]);
          },
        },
      ],
    });
    const link: { peers?: Awaited<ReturnType<typeof port.peerMessages.open>> } = {};
    const rods = new RodService({
      documents: mortal(store.documents('rod_request', readRodDocument), mortality),
      ...{ holds, clients, messenger, isShared, clock, log, wake },
      sendToPeer: async (peer, type, payload) => (await link.peers?.send({ peer, type, payload })) === 'sent',
    });
    Object.assign(parts, { holds, rods });
    holds.useRods(rods);
    const member = new Member({
      node: port,
      network: 'regtest',
      keys: () => ringOf(1),
      ledger: new Ledger({ store: this.ledger, owner: `process ${this.#seed}` }),
      store: this.ledger,
      clock,
      alarms: { raise: (alarm) => void this.alarms.push(alarm) },
      desk: holds,
    });
    let isOver = false;
    const kill = (): void => {
      if (isOver) return;
      isOver = true;
      mortality.isDead = true;
      messenger.close();
      link.peers?.close();
      void member.stop();
      void holds.stop();
      void rods.stop();
    };
    mortality.onDeath = kill;
    holds.start();
    rods.start();
    await clock.finish(messenger.addMember('lsp', network.node('lsp').nodeId, port.messages));
    link.peers = await port.peerMessages.open({
      onMessage: ({ peer, type, payload }) => {
        if (type === ROD_PEER_MESSAGE_TYPE) void rods.onPeerMessage(peer, payload);
      },
      onClosed: () => undefined,
    });
    member.start();
    await clock.runFor(1_000);
    return { holds, rods, messenger, mortality, member, kill };
  }

  /** What a wallet's process has. */
  async wallet(name: string, isOpenInvoice?: (hash: PaymentHash) => boolean) {
    const { clock, network } = this;
    const port = new SimNodePort(network, network.node(name));
    const messenger = new Messenger({
      virtualNodes: [virtualNode(80 + this.#seed)],
      graph: port.messageGraph,
      clock,
      random: testRandom(this.#seed++),
    });
    await clock.finish(messenger.addMember(name, network.node(name).nodeId, port.messages));
    const link: { peers?: Awaited<ReturnType<typeof port.peerMessages.open>> } = {};
    const told: string[] = [];
    const rods = new RodWallet({
      documents: this.store.documents<RodPayment>('rod_payment'),
      messenger,
      sendToPeer: async (peer, type, payload) => (await link.peers?.send({ peer, type, payload })) === 'sent',
      ...(isOpenInvoice && { isOpenInvoice: async (hash: PaymentHash) => isOpenInvoice(hash) }),
      height: () => network.height,
      random: testRandom(1000 + this.#seed++),
      clock,
      log: createLog({ level: 'silent', destination: { write: () => undefined } }),
    });
    link.peers = await port.peerMessages.open({
      onMessage: ({ peer, type, payload }) => {
        told.push(`${type}`);
        void rods.onPeerMessage(peer, payload);
      },
      onClosed: () => undefined,
    });
    rods.start();
    await clock.runFor(100);
    return { messenger, rods, told };
  }

  send(n: number, records: readonly TlvRecord[] = [HOLD]): Sent {
    return new Sent(new SimSendPort(this.network.node('payer')), keysendPart(this.network, n, records));
  }

  hash(n: number): PaymentHash {
    return keysendPart(this.network, n).paymentHash;
  }

  /** As whoever got the path asks over it. */
  async release(messenger: Messenger, path: BlindedPath): Promise<void> {
    await this.clock.finish(messenger.send({ name: 'release_held_htlc' }, { path }));
  }

  readonly until = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; i < 40_000; i++) {
      if (condition()) return;
      await this.clock.runFor(5);
    }
    throw new Error('it never happened');
  };

  /** Actions that reached the LSP's node, in order. */
  get answers(): string[] {
    return this.network
      .observations()
      .answers.filter(({ fate }) => fate === 'applied')
      .map(({ action }) => action);
  }
}
