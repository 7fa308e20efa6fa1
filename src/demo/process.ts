/** One Manifold process of the demonstration: it serves the cluster's nodes until it is stopped, or killed. */
import { InvoiceService } from '../daemon/invoices.js';
import type { KeyRing } from '../phantom/index.js';
import type { Alarm } from '../receive/alarms.js';
import type { Clock } from '../receive/clock.js';
import type { LedgerEvent } from '../receive/ledger/types.js';
import type { HtlcCallbacks } from '../receive/presented.js';
import type { NodePort } from '../receive/node-port.js';
import { Receiver } from '../receive/receiver.js';
import type { Store } from '../store/index.js';
import type { Millis } from '../wire/units.js';
import { Life, mortalClock, mortalNode, mortalStore } from './mortal.js';

export interface DemoProcessOptions {
  /** Unique among all processes of the world. */
  readonly owner: string;
  readonly nodes: readonly NodePort[];
  readonly ring: KeyRing;
  readonly store: Store;
  readonly clock: Clock;
  /** 32 bytes for each invoice. */
  readonly entropy: () => Uint8Array;
  readonly leaseTtlMs?: Millis;
  readonly onAlarm: (alarm: Alarm) => void;
  readonly onAnswered?: HtlcCallbacks['onAnswered'];
}

export class DemoProcess {
  readonly owner: string;
  readonly receiver: Receiver;
  readonly invoices: InvoiceService;
  readonly #life = new Life();
  #killAfter: ((event: LedgerEvent) => boolean) | undefined;

  constructor({ owner, nodes, ring, store, clock, entropy, leaseTtlMs, onAlarm, onAnswered }: DemoProcessOptions) {
    const life = this.#life;
    const keys = (): KeyRing => ring;
    this.owner = owner;
    this.receiver = new Receiver({
      nodes: nodes.map((node) => ({ port: mortalNode(life, node) })),
      network: 'regtest',
      keys,
      store: mortalStore(life, store, (events) => {
        if (this.#killAfter && events.some(this.#killAfter)) this.kill();
      }),
      owner,
      clock: mortalClock(life, clock),
      alarms: { raise: life.guard(onAlarm) },
      ...(leaseTtlMs !== undefined && { leaseTtlMs }),
      ...(onAnswered && { onAnswered: life.guard(onAnswered) }),
    });
    const { ledger, cluster } = this.receiver;
    this.invoices = new InvoiceService({ store, ledger, cluster, keys, currency: 'bcrt', clock, entropy });
  }

  get alive(): boolean {
    return !this.#life.over;
  }

  start(): Promise<void> {
    return this.receiver.start();
  }

  /** Leaves its work to others in good order. */
  async stop(): Promise<void> {
    if (!this.alive) return;
    await this.receiver.stop();
    this.#life.end();
  }

  kill(): void {
    this.#life.end();
  }

  /** Kills it as soon as such an event is committed: before any answer that follows from it leaves the process. */
  killAfter(event: (event: LedgerEvent) => boolean): void {
    this.#killAfter = event;
  }

  /** Members that it serves now. */
  get live(): readonly string[] {
    return this.receiver
      .status()
      .filter(({ state }) => state === 'live')
      .map(({ name }) => name);
  }

  /** HTLCs that a member holds until they are decided. */
  heldAt(member: string): number {
    return this.receiver.status().find(({ name }) => name === member)?.heldHtlcs ?? 0;
  }
}
