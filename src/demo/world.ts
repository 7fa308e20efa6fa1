/**
 * The world of the demonstration: the preset network (members alpha, beta and gamma), one database, the Manifold processes
 * that serve the members, and what it takes to look at all of it from outside. Everything in it follows from the seed.
 */
import { decodeInvoice, type Invoice } from '../bolt11/index.js';
import type { FakePayer } from '../node/sim/payer.js';
import { type PresetWorld, presetWorld } from '../node/sim/preset.js';
import type { SimNode } from '../node/sim/node.js';
import type { Random } from '../node/sim/random.js';
import { issueSimInvoice } from '../node/sim/sim-invoice.js';
import type { HtlcObservation } from '../node/sim/types.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import { ClusterKeys, KeyRing } from '../phantom/index.js';
import type { Alarm } from '../receive/alarms.js';
import type { Account } from '../receive/ledger/types.js';
import type { HtlcCallbacks } from '../receive/presented.js';
import { openStore, type Store, type StoredEvent } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import { unwrap } from '../wire/result.js';
import type { Millis, Msat } from '../wire/units.js';
import { ClaimFailed } from './claim.js';
import { DemoProcess } from './process.js';
import { type Patience, sleepOn, untilOn } from './waiting.js';
import { DemoWallet } from './wallet.js';

/** As the preset network calls them. */
export type MemberName = 'alpha' | 'beta' | 'gamma';
export type PayerName = 'carol' | 'dave';

export const MEMBERS: readonly MemberName[] = ['alpha', 'beta', 'gamma'];

export interface DemoWorldOptions {
  readonly seed: string;
  readonly clock: SimClock;
  /** After so long another process takes over from one that was killed. */
  readonly leaseTtlMs?: Millis;
  readonly onAnswered?: HtlcCallbacks['onAnswered'];
}

export interface DemoInvoice {
  readonly bolt11: string;
  readonly invoice: Invoice;
  /** Hex. */
  readonly paymentHash: string;
  readonly amountMsat: Msat;
  /** Members named, in the order in which a payer tries them. */
  readonly members: readonly MemberName[];
}

export interface IssueOptions {
  /** Hold the payment until the merchant has decided, at most so many seconds. */
  readonly holdSeconds?: number;
}

/** An HTLC that reached a member. */
export interface Arrival extends HtlcObservation {
  readonly to: MemberName;
}

const START_UP_MS = 5_000;

export class DemoWorld {
  readonly clock: SimClock;
  readonly sim: PresetWorld;
  readonly store: Store;
  readonly ring: KeyRing;
  /** For choices of the story; the network's own chances are drawn elsewhere. */
  readonly random: Random;
  readonly alarms: Alarm[] = [];
  readonly #options: DemoWorldOptions;
  readonly #processes: DemoProcess[] = [];
  readonly #wallets = new Map<string, Promise<DemoWallet>>();

  private constructor(options: DemoWorldOptions, store: Store) {
    const { seed, clock } = options;
    this.#options = options;
    this.clock = clock;
    this.store = store;
    this.sim = presetWorld({ seed, clock });
    this.random = this.sim.network.random.fork('story');
    this.ring = new KeyRing({ id: 1, keys: new ClusterKeys(this.random.fork('cluster').bytes(32)) });
  }

  /** With one process that serves all members. */
  static async create(options: DemoWorldOptions): Promise<DemoWorld> {
    const { clock } = options;
    const world = new DemoWorld(options, await openStore({ url: 'sqlite::memory:', inProcess: true, clock }));
    await world.startProcess();
    await world.untilServed(MEMBERS, START_UP_MS);
    return world;
  }

  /** Stops what still runs. */
  async close(): Promise<void> {
    for (const wallet of this.#wallets.values()) await (await wallet).close();
    for (const process of this.#processes) await process.stop();
    await this.store.close();
  }

  // --- processes

  /** The newest process. */
  get process(): DemoProcess {
    return this.#processes.at(-1)!;
  }

  async startProcess(): Promise<DemoProcess> {
    const { clock, store, ring } = this;
    const { leaseTtlMs, onAnswered } = this.#options;
    const process = new DemoProcess({
      owner: `manifold-${this.#processes.length + 1}`,
      nodes: this.sim.ports,
      ring,
      store,
      clock,
      entropy: () => this.random.bytes(32),
      onAlarm: (alarm) => this.alarms.push(alarm),
      ...(leaseTtlMs !== undefined && { leaseTtlMs }),
      ...(onAnswered && { onAnswered }),
    });
    this.#processes.push(process);
    await process.start();
    return process;
  }

  /** Waits until the newest process serves these members, their channels are up, and it knows that. */
  async untilServed(members: readonly MemberName[], timeoutMs: Millis = 60_000): Promise<void> {
    const isServed = (): boolean => members.every((name) => this.process.live.includes(name));
    await this.until(isServed, `${members.join(', ')} served by ${this.process.owner}`, { timeoutMs });
    const channels = members.flatMap((name) => this.sim.network.node(name).channels);
    await this.until(() => channels.every(({ link }) => link.up), `the channels of ${members.join(', ')} being up`);
    await this.process.receiver.cluster.refresh();
  }

  // --- time

  get now(): Millis {
    return this.clock.now();
  }

  sleep(ms: Millis): Promise<void> {
    return sleepOn(this.clock, ms);
  }

  /** Waits for something. @throws {ClaimFailed} naming `what` if it does not come */
  until(probe: () => boolean | Promise<boolean>, what: string, patience?: Patience): Promise<void> {
    return untilOn(this.clock, probe, what, patience);
  }

  // --- the merchant and the payers

  /** Pays as its owner wants: with Manifold's own sender. */
  wallet(name: PayerName): Promise<DemoWallet> {
    return this.#wallet(name, [name]);
  }

  /** The cluster as a payer: all its members send. */
  payingCluster(): Promise<DemoWallet> {
    return this.#wallet('the cluster', MEMBERS, this.store);
  }

  /** The member to which a wallet would go first to pay an invoice. */
  async firstChoice(wallet: DemoWallet, { invoice, members }: DemoInvoice): Promise<MemberName> {
    const dry = await wallet.dryRun(invoice);
    if (dry.kind === 'refused') throw new ClaimFailed(`the wallet cannot pay: ${dry.reason.message}`);
    const names = dry.plan.parts[0]!.hops.map(({ nodeId }) => this.nameOf(toHex(nodeId)));
    return members.find((member) => names.includes(member))!;
  }

  #wallet(name: string, nodes: readonly string[], store?: Store): Promise<DemoWallet> {
    const known = this.#wallets.get(name);
    if (known) return known;
    const { network } = this.sim;
    const opened = DemoWallet.open({
      name,
      nodes,
      network,
      random: this.random.fork(`wallet of ${name}`),
      ...(store && { store }),
    });
    this.#wallets.set(name, opened);
    return opened;
  }

  /** Fake: sends exactly the parts that the story wants, mistakes included. */
  payer(name: PayerName): FakePayer {
    const payer = this.sim.payers.find(({ node }) => node.name === name);
    if (!payer) throw new RangeError(`nobody is called ${name}`);
    return payer;
  }

  /** A whole number of satoshi, drawn from the seed. */
  drawAmount(leastSat: number, mostSat: number): Msat {
    return BigInt(this.random.int(leastSat, mostSat)) * 1000n;
  }

  /** Makes an invoice as the merchant's shop would; its randomness is the world's, so that a run can be repeated. */
  async issue(amountMsat: Msat, { holdSeconds }: IssueOptions = {}): Promise<DemoInvoice> {
    const made = await this.process.invoices.create({
      amountMsat,
      description: 'a demonstration',
      ...(holdSeconds !== undefined && { hold: true, holdSeconds }),
    });
    if (!made.ok) throw new ClaimFailed(`no invoice: ${made.error.message}`);
    const { view, hintedNodeIds } = made.value;
    const bolt11 = view.bolt11!;
    const members = hintedNodeIds.map((nodeId) => this.nameOf(nodeId) as MemberName);
    return { bolt11, invoice: unwrap(decodeInvoice(bolt11)), paymentHash: view.paymentHash, amountMsat, members };
  }

  /** An invoice of somebody outside the cluster. */
  invoiceOf(node: SimNode, amountMsat: Msat): Invoice {
    return unwrap(decodeInvoice(this.issueFor(node, amountMsat, 'a demonstration').bolt11));
  }

  issueFor(node: SimNode, amountMsat: Msat, description: string): ReturnType<typeof issueSimInvoice> {
    return issueSimInvoice(node, {
      amountMsat,
      description,
      now: Math.floor(this.now / 1000),
      preimage: this.random.bytes(32),
      paymentSecret: this.random.bytes(32),
    });
  }

  /** A node's name by its id in hex. */
  nameOf(nodeId: string): string {
    return this.sim.network.nodes.find((node) => toHex(node.nodeId) === nodeId)?.name ?? nodeId;
  }

  /** Index of the hint that leads to a member. */
  hintTo({ members }: DemoInvoice, member: MemberName): number {
    const index = members.indexOf(member);
    if (index < 0) throw new ClaimFailed(`the invoice does not name ${member}`);
    return index;
  }

  // --- what can be seen

  account(paymentHash: string): Promise<Account> {
    return this.store.readAccount(paymentHash);
  }

  /** Everything that merchants and operators were told about a payment, oldest first. */
  async events(paymentHash: string): Promise<readonly StoredEvent[]> {
    await this.store.events.sequence();
    return this.store.events.read(0n, 10_000, { paymentHash });
  }

  /** HTLCs of a payment that reached members. */
  arrivals(paymentHash: string): Arrival[] {
    const isMember = (name: string): name is MemberName => MEMBERS.some((member) => member === name);
    const { htlcs } = this.sim.network.observations();
    return htlcs.filter(
      (htlc): htlc is Arrival =>
        htlc.paymentHash === paymentHash && htlc.committedAt !== undefined && isMember(htlc.to),
    );
  }

  /** How many HTLCs of a payment a member has and has not answered. */
  openAt(member: MemberName, paymentHash: string): number {
    return this.arrivals(paymentHash).filter(({ to, removal, outcome }) => to === member && !removal && !outcome)
      .length;
  }

  /** Waits until the ledger holds this many undecided parts of a payment. */
  async untilHeld(paymentHash: string, parts: number, timeoutMs: Millis = 10_000): Promise<void> {
    const isHeld = async (): Promise<boolean> => {
      const account = await this.account(paymentHash);
      const held = account.parts.filter(({ decision, final }) => decision.type === 'none' && final === 'none');
      return held.length === parts;
    };
    await this.until(isHeld, `${parts} parts held`, { timeoutMs });
  }

  /** Waits until nothing of any payment is in flight anywhere. */
  async untilQuiet(timeoutMs: Millis = 30_000): Promise<void> {
    const { network } = this.sim;
    await this.until(() => network.liveHtlcs().length === 0, 'no HTLC in flight', { timeoutMs });
  }
}
