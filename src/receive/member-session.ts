/**
 * One open stream of a member under service: heartbeats that renew the lease, finals that were missed, decisions of other
 * processes, until the stream, the lease or the process ends.
 */
import type { KeyRing, VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { DatabaseTime } from './database-time.js';
import { DeskStream, type ForwardDesk } from './forward-desk.js';
import { partKeyOf } from './htlc-command.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { type PartKey, partKeyText } from './ledger/types.js';
import type { FinalResult, GuardPort, InterceptPort, InterceptSession, NodeInfo } from './node-port.js';
import { type HtlcCallbacks, PresentedHtlcs, type Serving } from './presented.js';
import { RecentKeys } from './recent-keys.js';
import { Ending, hasPassed, pause, settled, within } from './waiting.js';

/** What the ledger said when the stream of a node was asked for. */
export type Claim =
  | { readonly type: 'owned'; readonly serving: Serving }
  | { readonly type: 'held'; readonly by: string; readonly remainingMs: Millis }
  | { readonly type: 'store-away' };

/** A node whose stream is served by this process under its lease, as the guard sees it. */
export interface GuardedNode {
  readonly name: string;
  readonly nodeId: string;
  /** Of the lease under which the stream was taken. */
  readonly epoch: number;
  readonly port: GuardPort;
  /** By the node's own word. */
  height(): BlockHeight;
  /** The session goes on. */
  isLive(): boolean;
  /** Asks the node how an HTLC ended, and records it; undefined while it has not. Rejects if the node does not answer. */
  lookUpFinal(key: PartKey): Promise<FinalResult['outcome'] | undefined>;
  /** The node has said on this stream that the HTLC is gone. */
  isGone(key: PartKey): boolean;
}

export interface SessionOptions extends HtlcCallbacks {
  readonly port: InterceptPort;
  readonly guard?: GuardPort;
  readonly name: string;
  readonly info: NodeInfo;
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly time: DatabaseTime;
  readonly keys: () => KeyRing;
  readonly alarms: AlarmSink;
  readonly desk?: ForwardDesk;
  readonly verdictPolicy: VerdictPolicy;
  readonly leaseTtlMs: Millis;
  /** After so long without a renewed lease the stream is given up once, for another process may have the database. */
  readonly giveWayAfterMs: Millis;
  /** Takes the lease anew: used while the store was away when the stream was opened. */
  readonly claim: (height: BlockHeight) => Promise<Claim>;
  /** Whether the node's height is that of its chain, by its own word now. */
  readonly isSynced: () => Promise<boolean>;
  readonly onServing: (how: ServingState) => void;
}

/** `settling`: the node is not synced; what is decided is answered, nothing new is taken up. */
export type ServingState = 'full' | 'settling' | 'store-away';

/** What waits longer may have been decided by another process whose hint was lost. */
const POLL_AFTER_MS = 1_000;
/** What this process decided itself is answered sooner than this. */
const HINT_DELAY_MS = 50;
/** How often the node is asked about parts that should be final by now. */
const LOOK_UP_EVERY_MS = 30_000;
/** A node that leaves a question unanswered for so long is taken to be away. */
export const NODE_TIMEOUT_MS = 15_000;

/** In lease times: what one round between two heartbeats takes at most while the process is awake. */
const LONGEST_ROUND = 2;

/** Ends of HTLCs remembered for the guard. */
const GONE_LIMIT = 20_000;

const TAKEN = 'another process serves this node now';

export class MemberSession {
  readonly end = new Ending();
  readonly presented: PresentedHtlcs;
  readonly #desk: DeskStream | undefined;
  readonly #options: SessionOptions;
  readonly #nodeId: string;
  readonly #gone = new RecentKeys(GONE_LIMIT);
  #serving: Serving | undefined;
  #pullPlanned = false;
  #lookingUp = false;
  #lookedUpAt: Millis;
  /** Time that went by without a renewed lease, as far as this process was awake. */
  #withoutLeaseMs: Millis = 0;
  /** Taken or renewed in this round. */
  #leased = false;
  #servedAs: ServingState | undefined;
  #gaveWay = false;
  #isSynced: boolean;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { port, name, info, ledger, clock, time, keys, verdictPolicy, alarms, desk } = options;
    const { onAnswered, onForward } = options;
    const height = (): BlockHeight => this.presented.height;
    this.#desk = desk && new DeskStream({ desk, port, nodeId: info.nodeId, name, height, alarms });
    this.end.onReached(() => this.#desk?.close());
    this.#nodeId = toHex(info.nodeId);
    this.#lookedUpAt = clock.now();
    this.#isSynced = info.synced;
    this.presented = new PresentedHtlcs({
      port,
      nodeName: name,
      height: info.height,
      ledger,
      clock,
      time,
      keys,
      verdictPolicy,
      alarms,
      onUseless: (reason) => {
        this.end.reach(reason);
      },
      ...(this.#desk && { desk: this.#desk }),
      ...(onAnswered && { onAnswered }),
      ...(onForward && { onForward }),
    });
  }

  /** Opens the stream and serves it until the end. Rejects if it cannot be opened. */
  async run(claim: Claim): Promise<void> {
    const session = await this.#open();
    const unsubscribe = this.#options.ledger.onDecided((parts) => {
      this.presented.decided(parts);
    });
    try {
      this.#takeUp(claim); // first: what the ledger knows tells an old key epoch's part from a forward
      if (this.end.isReached()) return;
      this.presented.begin(session);
      await this.#keepAlive(session);
    } finally {
      unsubscribe();
      this.presented.end();
      session.close();
    }
  }

  async #open(): Promise<InterceptSession> {
    const desk = this.#desk;
    const opening = this.#options.port.open({
      onHtlc: (htlc) => {
        this.presented.present(htlc);
      },
      onFinal: (result) => {
        this.#final(result);
      },
      onHeight: (height) => {
        this.presented.height = height;
        this.presented.alarmOverdue(this.#options.ledger.policy.marginBlocks);
        this.#desk?.heightSeen(height);
      },
      ...(desk && { releasePath: (key) => desk.releasePath(key) }),
      onClosed: (reason) => {
        this.end.reach(reason);
      },
    });
    const session = await within(this.#options.clock, NODE_TIMEOUT_MS, opening);
    if (session) return session;
    void settled(opening.then((late) => late.close())); // nobody serves it any more
    throw new Error('the node did not open the stream in time');
  }

  #final(result: FinalResult): void {
    this.#gone.add(partKeyText(partKeyOf(result.key)));
    this.presented.final(result);
    this.#desk?.final(result);
  }

  /** Ended because the database was away for too long. */
  get gaveWay(): boolean {
    return this.#gaveWay;
  }

  /** Undefined while phantom HTLCs are not served, or if nothing may be done at the node. */
  guarded(): GuardedNode | undefined {
    const { guard, name } = this.#options;
    if (!guard || !this.#serving || this.end.isReached()) return undefined;
    return {
      name,
      nodeId: this.#nodeId,
      epoch: this.#serving.epoch,
      port: guard,
      height: () => this.presented.height,
      isLive: () => !this.end.isReached(),
      isGone: (key) => this.#gone.has(partKeyText(key)),
      lookUpFinal: (key) => this.#lookUpFinal(key),
    };
  }

  /** Begins to serve phantom HTLCs if the lease is ours; until then only forwards are. */
  #takeUp(claim: Claim): void {
    if (claim.type === 'held') {
      this.end.reach(TAKEN);
      return;
    }
    if (claim.type === 'owned') {
      this.#serving = claim.serving;
      this.#leased = true;
      this.#serve(claim.serving, new Set());
      void this.#lookUpFinals(claim.serving);
    } else {
      this.#isServedAs('store-away');
    }
  }

  /**
   * While the node is not synced its height may be wrong, and no part may count by it: those that are not decided are not put
   * before the ledger, so that they were not shown under the lease's epoch.
   */
  #serve(serving: Serving, decided: ReadonlySet<string>): void {
    if (this.#isSynced) this.presented.serve(serving);
    else this.presented.serve(serving, decided);
    this.#isServedAs(this.#isSynced ? 'full' : 'settling');
  }

  #isServedAs(how: ServingState): void {
    if (this.#servedAs === how) return;
    this.#servedAs = how;
    this.#options.onServing(how);
  }

  /** Serves in full once the node is synced, and until then what is decided. */
  async #catchUp(serving: Serving): Promise<void> {
    const { clock, isSynced, store, leaseTtlMs } = this.#options;
    this.#isSynced = (await settled(within(clock, leaseTtlMs / 4, isSynced(), this.end))) ?? false;
    const decided = this.#isSynced ? [] : await this.#untilEnd(store.decidedParts(this.#nodeId));
    if (decided && !this.end.isReached()) this.#serve(serving, new Set(decided.map(({ key }) => partKeyText(key))));
  }

  /** Undefined if the promise rejects, or the session ends before. */
  #untilEnd<T>(promise: Promise<T>): Promise<T | undefined> {
    return settled(within(this.#options.clock, Infinity, promise, this.end));
  }

  /** Heartbeats until the end: the lease is renewed only while the node answers over the very stream that is served. */
  async #keepAlive(session: InterceptSession): Promise<void> {
    const { clock, time, leaseTtlMs, ledger } = this.#options;
    while (!this.end.isReached()) {
      const beganAt = clock.now();
      if (this.#serving && !this.#isSynced) await this.#catchUp(this.#serving);
      await pause(clock, leaseTtlMs / 4, this.end);
      if (this.end.isReached()) return;
      const askedAt = await within(clock, leaseTtlMs / 4, settled(time.ask()), this.end);
      const height = await this.#beat(session);
      if (height === undefined) return;
      this.presented.height = height;
      this.presented.alarmOverdue(ledger.policy.marginBlocks);
      if (this.#serving) await this.#renew(this.#serving, height, askedAt);
      else await this.#claimAgain(height);
      this.#giveWay(clock.now() - beganAt);
    }
  }

  /** The node's height over the stream; undefined if it does not answer, which ends the session. */
  async #beat(session: InterceptSession): Promise<BlockHeight | undefined> {
    const { clock, leaseTtlMs } = this.#options;
    try {
      const height = await within(clock, leaseTtlMs, session.heartbeat(), this.end);
      if (height === undefined) this.end.reach('the node did not answer a heartbeat');
      return height;
    } catch (error) {
      this.end.reach(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async #claimAgain(height: BlockHeight): Promise<void> {
    const claim = await this.#untilEnd(this.#options.claim(height));
    if (claim && !this.end.isReached()) this.#takeUp(claim);
  }

  /** @param took one round, by a clock that may be set while it lasts, or go on while the process sleeps */
  #giveWay(took: Millis): void {
    const { giveWayAfterMs, leaseTtlMs } = this.#options;
    this.#withoutLeaseMs = this.#leased
      ? 0
      : this.#withoutLeaseMs + Math.min(Math.max(took, 0), LONGEST_ROUND * leaseTtlMs);
    this.#leased = false;
    if (this.end.isReached() || this.#withoutLeaseMs < giveWayAfterMs) return;
    this.#gaveWay = true;
    this.end.reach('the database is away: another process may have it, so this one gives way');
  }

  /** @param askedAt the database's clock before the heartbeat; undefined where the database is away */
  async #renew(serving: Serving, height: BlockHeight, askedAt: Millis | undefined): Promise<void> {
    const { ledger, leaseTtlMs, clock } = this.#options;
    if (askedAt === undefined) return;
    const renewal = ledger.renewLease(this.#nodeId, serving.epoch, height, askedAt + leaseTtlMs);
    const renewed = await this.#untilEnd(renewal);
    if (this.end.isReached()) return;
    if (renewed === false) {
      this.end.reach(TAKEN);
      return;
    }
    this.#leased = renewed === true;
    if (this.presented.waitsLongerThan(POLL_AFTER_MS)) await this.#pull();
    if (hasPassed(clock.now(), this.#lookedUpAt, LOOK_UP_EVERY_MS)) void this.#lookUpFinals(serving);
  }

  /** Another process may have decided about parts of this node. Hints come with every commit, so few lead to a look. */
  hinted(): void {
    if (this.#pullPlanned) return;
    this.#pullPlanned = true;
    this.#options.clock.after(HINT_DELAY_MS, () => {
      this.#pullPlanned = false;
      if (this.presented.waitsLongerThan(HINT_DELAY_MS)) void this.#pull();
    });
  }

  /** Fetches what was decided for this node, by whomever. */
  async #pull(): Promise<void> {
    this.presented.decided((await this.#untilEnd(this.#options.store.decidedParts(this.#nodeId))) ?? []);
  }

  /** Asks the node about every part that is not final: results that fell between two sessions, or were lost on the way. */
  async #lookUpFinals({ recorded }: Serving): Promise<void> {
    if (this.#lookingUp) return;
    this.#lookingUp = true;
    const { clock } = this.#options;
    for (const { key } of [...recorded.values()]) {
      if (this.end.isReached()) break;
      await settled(within(clock, NODE_TIMEOUT_MS, this.#lookUpFinal(key), this.end));
    }
    this.#lookedUpAt = clock.now();
    this.#lookingUp = false;
  }

  async #lookUpFinal(key: PartKey): Promise<FinalResult['outcome'] | undefined> {
    const { port, info } = this.#options;
    const htlcKey = { ...key, nodeId: info.nodeId };
    const outcome = await port.lookupFinal(htlcKey);
    if (outcome) this.#final({ key: htlcKey, outcome, onChain: false });
    return outcome;
  }
}
