/**
 * One member of the cluster as this process serves it: lease, stream, heartbeats, and again after every loss. The order on
 * connecting matters: lease with a new epoch, then what the ledger knows of the node, then the stream.
 */
import { DEFAULT_VERDICT_POLICY, type KeyRing, type VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import { AwayWatch } from './away-watch.js';
import type { Clock } from './clock.js';
import { DatabaseTime } from './database-time.js';
import type { ForwardDesk } from './forward-desk.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { partKeyText } from './ledger/types.js';
import { type Claim, type GuardedNode, MemberSession, NODE_TIMEOUT_MS, type ServingState } from './member-session.js';
import type { InterceptPort, Network, NodeInfo, NodePort } from './node-port.js';
import type { HtlcCallbacks } from './presented.js';
import { Refusal, refusalOf } from './refusal.js';
import { Ending, hasPassed, pause, settled, within } from './waiting.js';

export interface MemberOptions extends HtlcCallbacks {
  readonly node: NodePort;
  /** Refuse any other network. */
  readonly network: Network;
  /** Refuse any other node behind this address; hex. */
  readonly expectedNodeId?: string;
  readonly keys: () => KeyRing;
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  /** Keeps some of the node's ordinary forwards back; without it none is. */
  readonly desk?: ForwardDesk;
  readonly verdictPolicy?: VerdictPolicy;
  /** A node whose owner is silent for so long may be taken by another process. */
  readonly leaseTtlMs?: Millis;
  /** Other members of this process: two of them must not be the same node. */
  readonly others?: () => readonly Member[];
  readonly onState?: (status: MemberStatus) => void;
}

export type MemberState = 'stopped' | 'connecting' | 'standby' | 'live' | 'waiting';

export interface MemberStatus {
  readonly name: string;
  readonly kind: string;
  readonly state: MemberState;
  /** Why it is not live. */
  readonly reason?: string;
  readonly info?: NodeInfo;
  readonly epoch?: number;
  readonly height?: BlockHeight;
  readonly heldHtlcs: number;
  readonly heldMsat: bigint;
  readonly blocksLeft?: number;
}

const DEFAULT_LEASE_TTL_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
/** While it is away, or has no stream to give yet, LND fails its forwards for as long as nobody opens one. */
const AWAY_BACKOFF_MS = 2_000;
/** A person has to change something first. */
const REFUSED_BACKOFF_MS = 15_000;
/** The database may hang when the stream is lost. A lease that is given back late, or not at all, does no harm. */
const GIVE_BACK_PATIENCE_MS = 1_000;
/**
 * A process that never had the stream opens it without the database only after this time: whoever does have the database
 * and lost the stream a moment ago comes first.
 */
const COLD_WAIT_MS = 5_000;
/**
 * Without the database the stream is kept for the node's forwards, but given up after this time, and after twice as long the
 * next time: if another process has the database, it can serve the payments that wait. Long enough for its next attempt.
 */
const FIRST_GIVE_WAY_MS = 120_000;
const LAST_GIVE_WAY_MS = 3_600_000;
const GIVE_WAY_MS = 5_000;
/** A database that takes longer counts as away: meanwhile nobody resumes the node's forwards. */
const CLAIM_PATIENCE_MS = 3_000;
/** The same for one that was slow a moment ago. */
const SHORT_PATIENCE_MS = 250;
/** A lease may be given back early, so it is looked at again before it runs out. */
const STANDBY_LOOK_MS = 2_000;

export class Member {
  readonly #options: MemberOptions;
  readonly #leaseTtl: Millis;
  #state: MemberState = 'stopped';
  #reason: string | undefined;
  #info: NodeInfo | undefined;
  #epoch: number | undefined;
  #session: MemberSession | undefined;
  #standby: Ending | undefined;
  /** This process has owned the stream before: it may open it again at once while the database is away. */
  #hasServed = false;
  /** Since when the database is away for a process that never had the stream. */
  #coldSince: Millis | undefined;
  #giveWayAfter = FIRST_GIVE_WAY_MS;
  /** Why the node is not served as it is set up; told once while it lasts. */
  #refused: string | undefined;
  /** The node that this member stands for since it passed all checks, hex. */
  #nodeId: string | undefined;
  readonly #awayWatch: AwayWatch;
  /** The last question to the database took too long. */
  #storeHangs = false;
  readonly #time: DatabaseTime;
  #stopping: Ending | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#leaseTtl = options.leaseTtlMs ?? DEFAULT_LEASE_TTL_MS;
    this.#time = new DatabaseTime(options.clock, () => options.store.now());
    const { clock, alarms } = options;
    const isRefused = (): boolean => this.#refused !== undefined;
    this.#awayWatch = new AwayWatch({ clock, alarms, name: options.node.name, isRefused });
  }

  get name(): string {
    return this.#options.node.name;
  }

  get node(): NodePort {
    return this.#options.node;
  }

  status(): MemberStatus {
    const presented = this.#session?.presented;
    return {
      name: this.name,
      kind: this.#options.node.kind,
      state: this.#state,
      heldHtlcs: presented?.heldCount ?? 0,
      heldMsat: presented?.heldMsat ?? 0n,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      ...(this.#info && { info: this.#info }),
      ...(this.#epoch !== undefined && { epoch: this.#epoch }),
      ...(presented && { height: presented.height }),
      ...(presented?.blocksLeft !== undefined && { blocksLeft: presented.blocksLeft }),
    };
  }

  start(): void {
    if (this.#stopping) return;
    const stopping = new Ending();
    this.#stopping = stopping;
    this.#done = this.#done.then(() => this.#run(stopping));
  }

  /** Ends the session and gives the lease back. What is held stays with the node and is shown to the next owner. */
  async stop(): Promise<void> {
    this.#stopping?.reach('stopped');
    this.#session?.end.reach('stopped');
    this.#stopping = undefined;
    await this.#done;
    this.#nodeId = undefined;
    this.#setState('stopped');
  }

  /** Another process may have decided about parts of this node. */
  decidedElsewhere(): void {
    this.#session?.hinted();
  }

  /** The node's stream may have been given back: a standby looks now. */
  freed(): void {
    this.#standby?.reach('freed');
  }

  /** For the guard: undefined unless this process serves the node now. */
  guarded(): GuardedNode | undefined {
    return this.#session?.guarded();
  }

  async #run(stopping: Ending): Promise<void> {
    const { clock } = this.#options;
    let backoff = FIRST_BACKOFF_MS;
    while (!stopping.isReached()) {
      const startedAt = clock.now();
      let most = AWAY_BACKOFF_MS;
      let wait = 0;
      try {
        this.#setState('connecting');
        wait = await this.#serve(stopping);
      } catch (error) {
        if (error instanceof Refusal) most = REFUSED_BACKOFF_MS;
        this.#setState('waiting', error instanceof Error ? error.message : String(error));
      }
      const servedLong = hasPassed(clock.now(), startedAt, this.#leaseTtl);
      if (wait > 0 || servedLong) backoff = FIRST_BACKOFF_MS;
      else wait = backoff = Math.min(backoff * 2, most);
      await this.#pause(wait || backoff, this.#state === 'standby', stopping);
    }
  }

  /** A standby is woken by the news that the stream was given back. */
  async #pause(ms: Millis, isStandby: boolean, stopping: Ending): Promise<void> {
    const woken = new Ending();
    if (isStandby) this.#standby = woken;
    await pause(this.#options.clock, ms, stopping, woken);
    this.#standby = undefined;
  }

  /**
   * From lease to the end of the session. Resolves with how long to wait for another owner's lease, 0 after a session of
   * our own. If the store is away the stream is opened all the same, since the node's ordinary forwards depend on it (R6).
   * The node refuses a second stream, so it is taken from nobody. But it may keep a process that has the database from
   * coming back: one that never had the stream waits before it opens, and any gives way now and then.
   */
  async #serve(stopping: Ending): Promise<Millis> {
    const { node, clock } = this.#options;
    const port = node.intercept;
    if (!port) throw new Error(`${node.name} cannot hold HTLCs, so it cannot receive for the cluster; remove it`);
    const info = await this.#checkedInfo(stopping);
    const nodeId = toHex(info.nodeId);
    const claiming = this.#claim(nodeId, info.height);
    const patience = this.#storeHangs && this.#hasServed ? SHORT_PATIENCE_MS : CLAIM_PATIENCE_MS;
    const answer = await within(clock, patience, claiming);
    this.#storeHangs = answer === undefined;
    const claim: Claim = answer ?? { type: 'store-away' };
    if (claim.type === 'held') {
      this.#setState('standby', `served by ${claim.by}`);
      return Math.min(claim.remainingMs + 1, STANDBY_LOOK_MS);
    }
    if (claim.type === 'owned') this.#hasServed = true;
    if (!this.#hasServed) this.#waitCold();
    const session = this.#newSession(port, info);
    this.#session = session;
    if (stopping.isReached()) session.end.reach('stopped');
    // The lease goes back as soon as the stream is known to be dead, not when all who use it have noticed.
    let givenBack = Promise.resolve(true);
    session.end.onReached(() => {
      givenBack = this.#giveBack(nodeId).then(() => true);
    });
    try {
      await session.run(claim);
    } finally {
      session.end.reach('the stream could not be opened');
      if (!(await within(clock, GIVE_BACK_PATIENCE_MS, givenBack))) this.#storeHangs = true;
      this.#session = undefined;
    }
    if (!session.gaveWay) throw new Error(session.end.reason());
    this.#giveWayAfter = Math.min(2 * this.#giveWayAfter, LAST_GIVE_WAY_MS);
    this.#setState('waiting', session.end.reason());
    return GIVE_WAY_MS;
  }

  /** @throws while another process may be about to come back. */
  #waitCold(): void {
    const { clock } = this.#options;
    this.#coldSince ??= clock.now();
    if (!hasPassed(clock.now(), this.#coldSince, COLD_WAIT_MS)) throw new Error('the database is away; waiting for it');
  }

  #newSession(port: InterceptPort, info: NodeInfo): MemberSession {
    const { node, ledger, store, clock, keys, alarms, desk, onAnswered, onForward } = this.#options;
    return new MemberSession({
      port,
      name: node.name,
      info,
      ledger,
      store,
      clock,
      time: this.#time,
      keys,
      alarms,
      ...(node.guard && { guard: node.guard }),
      ...(desk && { desk }),
      verdictPolicy: this.#options.verdictPolicy ?? DEFAULT_VERDICT_POLICY,
      leaseTtlMs: this.#leaseTtl,
      giveWayAfterMs: store.soleWriter === true ? Infinity : this.#giveWayAfter,
      claim: (height) => this.#claim(toHex(info.nodeId), height),
      isSynced: async () => (await node.info()).synced,
      onServing: (how) => {
        this.#serves(how);
      },
      ...(onAnswered && { onAnswered }),
      ...(onForward && { onForward }),
    });
  }

  #serves(how: ServingState): void {
    if (how === 'store-away') {
      this.#setState('waiting', 'the database is away: forwards go on, payments to the cluster wait');
      return;
    }
    this.#hasServed = true;
    this.#giveWayAfter = FIRST_GIVE_WAY_MS;
    if (how === 'full') this.#setState('live');
    else this.#setState('waiting', `${this.name} is not synced to the chain: forwards go on, new payments wait`);
  }

  /** Takes the lease and reads what the ledger knows of the node. */
  async #claim(nodeId: string, height: BlockHeight): Promise<Claim> {
    const { ledger, store } = this.#options;
    try {
      await this.#time.ask(); // verdicts go by it from the first HTLC on
      const result = await ledger.acquireLease(nodeId, height, this.#leaseTtl);
      if (result.type === 'held') return result;
      const { epoch } = result.lease;
      this.#epoch = epoch;
      const unfinished = await store.unfinishedParts(nodeId);
      const recorded = new Map(unfinished.map((part) => [partKeyText(part.key), part]));
      return { type: 'owned', serving: { epoch, recorded } };
    } catch {
      return { type: 'store-away' };
    }
  }

  async #giveBack(nodeId: string): Promise<void> {
    const epoch = this.#epoch;
    this.#epoch = undefined;
    if (epoch !== undefined) await settled(this.#options.ledger.endLease(nodeId, epoch)); // else it runs out by itself
  }

  async #checkedInfo(stopping: Ending): Promise<NodeInfo> {
    const { node, network, expectedNodeId, clock } = this.#options;
    const info = await within(clock, NODE_TIMEOUT_MS, node.info(), stopping);
    if (!info) throw new Error(`${node.name} does not answer; check that it runs and can be reached`);
    this.#info = info;
    this.#nodeId = undefined;
    this.#checkRefusal(refusalOf(node.name, info, network, expectedNodeId) ?? this.#refusalOfTwin(toHex(info.nodeId)));
    this.#nodeId = toHex(info.nodeId);
    return info;
  }

  /** Two names for one node would take its stream and its lease from each other for ever. */
  #refusalOfTwin(nodeId: string): string | undefined {
    const twin = this.#options.others?.().find((other) => other !== this && other.#nodeId === nodeId);
    return twin && `${this.name} is the same node as ${twin.name} (${nodeId}); remove one of the two`;
  }

  /** @throws if there is one. Of a node that must not be served not even the stream is opened. */
  #checkRefusal(refusal: string | undefined): void {
    if (refusal !== undefined && refusal !== this.#refused) {
      this.#options.alarms.raise({ code: 'node-refused', node: this.name, message: refusal });
    }
    this.#refused = refusal;
    if (refusal !== undefined) throw new Refusal(refusal);
  }

  #setState(state: MemberState, reason?: string): void {
    this.#state = state;
    this.#reason = reason;
    if (state === 'connecting' || state === 'waiting') this.#awayWatch.away(reason);
    else this.#awayWatch.over();
    this.#options.onState?.(this.status());
  }
}
