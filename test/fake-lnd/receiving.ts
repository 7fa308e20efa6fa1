/** *Receive anywhere* over fake LNDs: real receivers, real adapter, real store; the nodes are fakes on a simulated network. */
import { decodeInvoice, type Invoice } from '../../src/bolt11/index.js';
import { InvoiceService } from '../../src/daemon/invoices.js';
import { LndNode } from '../../src/node/lnd/node.js';
import type { PayRequest } from '../../src/node/sim/payment.js';
import type { HtlcObservation } from '../../src/node/sim/types.js';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import type { Alarm } from '../../src/receive/alarms.js';
import { wallClock } from '../../src/receive/clock.js';
import type { LedgerStore } from '../../src/receive/ledger/store-port.js';
import type { Account, Lease, LedgerPolicy } from '../../src/receive/ledger/types.js';
import { DEFAULT_LEDGER_POLICY } from '../../src/receive/ledger/types.js';
import { Receiver } from '../../src/receive/receiver.js';
import { openStore, type Store } from '../../src/store/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { Msat } from '../../src/wire/units.js';
import { MEMBERS } from '../node/sim-harness.js';
import { Gate } from './gate.js';
import { type FakeLndWorld, type FakeLndWorldOptions, fakeLndWorld, until } from './world.js';

const RING = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(3)) });

export interface ReceivingOptions extends FakeLndWorldOptions {
  readonly policy?: Partial<LedgerPolicy>;
  readonly leaseTtlMs?: number;
  /** Processes that share the store; the first is started before the others. Default 1. */
  readonly processes?: number;
}

/** One process, with a way to every member that can be broken for it alone. */
export interface FakeProcess {
  readonly receiver: Receiver;
  readonly ports: readonly [LndNode, LndNode];
  readonly ways: readonly [Gate, Gate];
  readonly alarms: Alarm[];
  readonly answers: string[];
}

export class Receiving {
  readonly world: FakeLndWorld;
  readonly store: Store;
  readonly processes: readonly FakeProcess[];
  readonly #invoices: InvoiceService;
  readonly #ring: { keys: KeyRing };

  private constructor(world: FakeLndWorld, store: Store, processes: readonly FakeProcess[], ring: { keys: KeyRing }) {
    this.world = world;
    this.#ring = ring;
    this.store = store;
    this.processes = processes;
    const { ledger, cluster } = processes[0]!.receiver;
    this.#invoices = new InvoiceService({
      store,
      ledger,
      cluster,
      keys: () => ring.keys,
      currency: 'bcrt',
      clock: wallClock,
    });
  }

  static async open(options: ReceivingOptions = {}): Promise<Receiving> {
    const { policy, leaseTtlMs = 2_000, processes = 1, ...lnd } = options;
    const world = await fakeLndWorld(lnd);
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    const ledgerPolicy = { ...DEFAULT_LEDGER_POLICY, ...policy };
    const ring = { keys: RING };
    const all: FakeProcess[] = [];
    for (let i = 0; i < processes; i++) {
      all.push(
        await openProcess(
          world,
          processes > 1 ? sharedBy(store) : store,
          `process-${i}`,
          ledgerPolicy,
          leaseTtlMs,
          ring,
        ),
      );
    }
    const receiving = new Receiving(world, store, all, ring);
    await all[0]!.receiver.start();
    await receiving.untilLive();
    for (const { receiver } of all.slice(1)) await receiver.start();
    return receiving;
  }

  get first(): FakeProcess {
    return this.processes[0]!;
  }

  /** Codes of the alarms that any process raised or the ledger wrote. */
  async alarms(): Promise<readonly string[]> {
    await this.store.events.sequence();
    const written = await this.store.events.read(0n, 1_000, { types: ['alarm'] });
    const raised = this.processes.flatMap(({ alarms }) => alarms.map(({ code }) => code));
    return [...written.map(({ body }) => String(body['code'])), ...raised];
  }

  async untilAlarm(code: Alarm['code']): Promise<void> {
    await until(async () => (await this.alarms()).includes(code), `alarm ${code}`);
  }

  /** The members of a process are served by it. */
  async untilLive(process: FakeProcess = this.first, members: readonly string[] = MEMBERS): Promise<void> {
    await until(
      () =>
        members.every((member) =>
          process.receiver.status().some(({ name, state }) => name === member && state === 'live'),
        ),
      `${members.join(' and ')} live`,
    );
  }

  /**
   * The lease of a member was renewed twice under one epoch: each was behind a round trip over the very connection of the
   * stream, so all that was answered before has reached its LND.
   */
  async untilRenewed(member: (typeof MEMBERS)[number]): Promise<void> {
    const nodeId = toHex(this.world.network.node(member).nodeId);
    const lease = async (): Promise<Lease | undefined> =>
      (await this.store.leases()).find((one) => one.nodeId === nodeId);
    let seen = await lease();
    let times = 0;
    await until(async () => {
      const now = await lease();
      if (now?.epoch !== seen?.epoch) times = 0;
      else if (now && seen && now.expiresAt > seen.expiresAt) times += 1;
      seen = now;
      return times >= 2;
    }, `renewed lease of ${member}`);
  }

  /** Every process has other keys from now on: the epoch of all invoices so far is retired. */
  retireKeys(): void {
    this.#ring.keys = new KeyRing({ id: 9, keys: new ClusterKeys(new Uint8Array(32).fill(9)) });
  }

  async invoice(amountMsat?: Msat, expirySeconds = 3_600): Promise<Invoice & { readonly text: string }> {
    const made = unwrap(
      await this.#invoices.create({
        description: 'race',
        expirySeconds,
        ...(amountMsat !== undefined && { amountMsat }),
      }),
    );
    const text = made.view.bolt11!;
    return { ...unwrap(decodeInvoice(text)), text };
  }

  async cancel(invoice: { readonly text: string }): Promise<boolean> {
    return (await this.#invoices.cancel(invoice.text)).ok;
  }

  /** Index of the hint that names a member. */
  hintOf(invoice: Invoice, member: (typeof MEMBERS)[number]): number {
    const nodeId = toHex(this.world.network.node(member).nodeId);
    const index = invoice.routeHints.findIndex((hint) => toHex(hint[0]!.nodeId) === nodeId);
    if (index < 0) throw new Error(`the invoice does not name ${member}`);
    return index;
  }

  /** One part to one member. The total is the invoice's unless told otherwise. */
  payPart(
    invoice: Invoice,
    member: (typeof MEMBERS)[number],
    amountMsat: Msat,
    more: Partial<PayRequest> = {},
  ): ReturnType<FakeLndWorld['payer']['start']> {
    return this.world.payer.start({
      invoice,
      parts: [{ amountMsat, hint: this.hintOf(invoice, member) }],
      attempts: 1,
      ...more,
    });
  }

  /** Waits until so many parts of the payment are in the ledger. */
  async untilHeld(invoice: Invoice, parts: number): Promise<void> {
    await until(async () => (await this.account(invoice)).parts.length >= parts, `${parts} parts held`);
  }

  account({ paymentHash }: Pick<Invoice, 'paymentHash'>): Promise<Account> {
    return this.store.readAccount(toHex(paymentHash));
  }

  /** What became of the HTLCs of a payment that arrived at members from the payer. */
  htlcs({ paymentHash }: Pick<Invoice, 'paymentHash'>): readonly HtlcObservation[] {
    const hash = toHex(paymentHash);
    return this.world.network.observations().htlcs.filter((htlc) => htlc.paymentHash === hash);
  }

  /** Answers that LND did not take, or took too late. */
  get badAnswers(): readonly string[] {
    return this.world.network
      .observations()
      .answers.filter(({ fate }) => fate === 'refused' || fate === 'late')
      .map(({ node, action, fate }) => `${node} ${action} ${fate}`);
  }

  async close(): Promise<void> {
    const { lnds } = this.world;
    for (const lnd of lnds) lnd.blackHole(false);
    for (const { ways } of this.processes) for (const way of ways) way.blackHole(false);
    await Promise.all(this.processes.map(({ receiver }) => receiver.stop()));
    for (const { ports, ways } of this.processes) {
      for (const port of ports) port.close();
      await Promise.all(ways.map((way) => way.close()));
    }
    await this.world.close();
    await this.store.close();
  }
}

async function openProcess(
  { lnds }: FakeLndWorld,
  store: LedgerStore,
  owner: string,
  ledgerPolicy: LedgerPolicy,
  leaseTtlMs: number,
  ring: { readonly keys: KeyRing },
): Promise<FakeProcess> {
  const ways = [await Gate.open(), await Gate.open()] as const;
  const [alpha, beta] = lnds.map((lnd, i) => {
    const way = ways[i === 0 ? 0 : 1];
    way.lead(Number(lnd.address.split(':')[1]));
    const address = `127.0.0.1:${way.port}`;
    return new LndNode({
      name: lnd.node.name,
      ...lnd.endpoint,
      address,
      forceClose: false,
      registerPreimages: false,
    });
  });
  const ports = [alpha!, beta!] as const;
  const alarms: Alarm[] = [];
  const answers: string[] = [];
  const receiver = new Receiver({
    nodes: ports.map((port) => ({ port })),
    network: 'regtest',
    keys: () => ring.keys,
    store,
    owner,
    clock: wallClock,
    alarms: { raise: (alarm) => alarms.push(alarm) },
    ledgerPolicy,
    leaseTtlMs,
    sweepMs: 50,
    onAnswered: (action, reason) => answers.push(`${action}: ${reason}`),
  });
  return { receiver, ports, ways, alarms, answers };
}

/** A store that several processes use: nobody may take a live lease for a dead one's. */
function sharedBy(store: Store): LedgerStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'soleWriter') return false;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
