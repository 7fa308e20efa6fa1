/** A guard over settled parts at one node whose peers answer nothing, in virtual time. */
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import type { Alarm } from '../../../src/receive/alarms.js';
import { Guard } from '../../../src/receive/guard.js';
import type { GuardAct } from '../../../src/receive/guarded-node.js';
import { Ledger } from '../../../src/receive/ledger/ledger.js';
import type { Part } from '../../../src/receive/ledger/types.js';
import { partKeyText } from '../../../src/receive/ledger/types.js';
import type { GuardedNode } from '../../../src/receive/member-session.js';
import type { FinalResult, GuardPort } from '../../../src/receive/node-port.js';
import { toHex } from '../../../src/wire/bytes.js';
import { FakeLedgerStore } from '../../support/fake-ledger-store.js';

const NODE_ID = '02'.padEnd(66, 'a');
const OWNER = 'me';
export const START_HEIGHT = 1_000;
export const BLOCK_MS = 600_000;

export interface Spec {
  readonly channel?: bigint;
  readonly hash?: string;
  readonly expiry?: number;
}

export interface Close {
  readonly channelId: bigint;
  readonly height: number;
  /** Some HTLC of the channel had not ended when the node was asked to close it. */
  readonly needed: boolean;
}

export class GuardWatch {
  readonly clock = new VirtualClock();
  readonly store = new FakeLedgerStore({ now: this.clock.now });
  readonly ledger = new Ledger({ store: this.store, owner: OWNER });
  readonly alarms: Alarm[] = [];
  readonly acts: GuardAct[] = [];
  readonly registered: { readonly preimage: string; readonly amountMsat: bigint }[] = [];
  readonly closes: Close[] = [];
  readonly guard: Guard;
  /** How each HTLC ended, as the node knows; whoever is not here has not. */
  readonly ends = new Map<string, FinalResult['outcome']>();
  height = START_HEIGHT;
  /** What the cluster's best node says. */
  bestHeight: number | undefined;
  epoch = 1;
  live = true;
  answersLookups = true;
  /** Called while the node looks an HTLC up. */
  duringLookup: () => void = () => undefined;
  /** Time in which no code of the process ran, timers included. */
  frozenMs = 0;
  lookups = 0;
  /** The most calls that were under way for one channel at the same time. */
  mostPending = 0;
  readonly #pending = new Map<bigint, number>();
  port: GuardPort = {
    registerPreimage: async (preimage, amountMsat) => {
      this.registered.push({ preimage: toHex(preimage), amountMsat });
    },
    forceClose: (channelId) => this.close(channelId),
  };
  closing: () => Promise<void> = () => Promise.resolve();
  readonly #parts: Part[] = [];

  constructor(guardBlocks?: number) {
    this.guard = new Guard({
      ledger: this.ledger,
      store: this.store,
      clock: {
        now: () => this.clock.now() + this.frozenMs,
        after: this.clock.after,
        soon: this.clock.soon,
      },
      alarms: { raise: (alarm) => void this.alarms.push(alarm) },
      nodes: () => (this.live ? [this.#node(this.epoch)] : []),
      ...(guardBlocks !== undefined && { guardBlocks }),
      onGuard: (act) => void this.acts.push(act),
    });
    this.lease();
  }

  async close(channelId: bigint): Promise<void> {
    const isOpen = ({ key }: Part): boolean => key.channelId === channelId && !this.ends.has(partKeyText(key));
    this.closes.push({ channelId, height: this.height, needed: this.#parts.some(isOpen) });
    const pending = (this.#pending.get(channelId) ?? 0) + 1;
    this.#pending.set(channelId, pending);
    this.mostPending = Math.max(this.mostPending, pending);
    try {
      await this.closing();
    } finally {
      this.#pending.set(channelId, this.#pending.get(channelId)! - 1);
    }
  }

  #node(epoch: number): GuardedNode {
    const isLive = (): boolean => this.live && this.epoch === epoch;
    return {
      name: 'alpha',
      nodeId: NODE_ID,
      epoch,
      port: this.port,
      height: () => this.height,
      isLive,
      isGone: (key) => this.toldOf.has(partKeyText(key)),
      lookUpFinal: async (key) => {
        this.lookups += 1;
        if (!this.answersLookups) throw new Error('no lookups today');
        const outcome = this.ends.get(partKeyText(key));
        this.duringLookup();
        if (outcome) this.tell(key, outcome);
        return outcome;
      },
    };
  }

  readonly toldOf = new Set<string>();

  /** The node says how an HTLC ended and the session records it. */
  tell(key: Part['key'], outcome: FinalResult['outcome']): void {
    this.ends.set(partKeyText(key), outcome);
    this.toldOf.add(partKeyText(key));
    const { paymentHash } = this.#parts.find((part) => partKeyText(part.key) === partKeyText(key))!;
    void this.ledger.submit({ type: 'final', key, paymentHash, outcome, onChain: false });
  }

  lease(change: { readonly owner?: string; readonly epoch?: number } = {}): void {
    this.store.leaseRows.set(NODE_ID, {
      nodeId: NODE_ID,
      owner: OWNER,
      epoch: this.epoch,
      expiresAt: this.clock.now() + 10_000,
      height: this.height,
      ...change,
    });
  }

  /** A part that was decided settle just now. */
  settle({ channel = 7n, hash = 'aa', expiry = START_HEIGHT + 100 }: Spec = {}): Part {
    const paymentHash = hash.repeat(32).slice(0, 64);
    const now = this.clock.now();
    const setId = `set-${paymentHash}`;
    const part: Part = {
      key: { nodeId: NODE_ID, channelId: channel, htlcId: BigInt(this.#parts.length) },
      paymentHash,
      setId,
      amountMsat: 1_000n,
      incomingAmountMsat: 1_001n,
      expiry,
      deadline: expiry - 19,
      presentedEpoch: this.epoch,
      firstSeenAt: now,
      decision: { type: 'settle' },
      decidedAt: now,
      final: 'none',
    };
    this.#parts.push(part);
    const { parts } = this.store.account(paymentHash);
    const set = {
      id: setId,
      paymentHash,
      paymentSecret: '5e'.repeat(32),
      totalMsat: 1_000n,
      state: 'settling' as const,
      openedAt: now,
      decidedAt: now,
      acceptedAt: undefined,
      reviewAt: now,
      preimage: 'bb'.repeat(32),
      settledMsat: 1_000n,
    };
    this.store.accounts.set(paymentHash, { paymentHash, terms: undefined, sets: [set], parts: [...parts, part] });
    return part;
  }

  /** The same HTLC was shown on chain. */
  goOnChain({ key, paymentHash }: Part): void {
    const account = this.store.account(paymentHash);
    const parts = account.parts.map((part) =>
      partKeyText(part.key) === partKeyText(key) ? { ...part, presentedEpoch: 0 } : part,
    );
    this.store.accounts.set(paymentHash, { ...account, parts });
  }

  stored({ key, paymentHash }: Part): Part {
    const { parts } = this.store.account(paymentHash);
    return parts.find((part) => partKeyText(part.key) === partKeyText(key))!;
  }

  /** The stream ends and is taken anew. */
  reconnect(): void {
    this.epoch += 1;
    this.live = true;
    this.lease();
  }

  /** Looks every five seconds, as a sweeper would, with the lease kept. */
  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5_000) {
      const lease = this.store.leaseRows.get(NODE_ID)!;
      if (lease.owner === OWNER && this.live) this.lease({ epoch: lease.epoch });
      const leases = [...this.store.leaseRows.values()];
      await this.clock.finish(this.guard.look(this.clock.now(), leases, this.bestHeight ?? this.height));
      await this.clock.runFor(Math.min(left, 5_000));
    }
  }

  codes(): string[] {
    return this.alarms.map(({ code }) => code);
  }
}
