/**
 * One member of the cluster as this process serves it: lease, stream, heartbeats, and again after every loss. The order on
 * connecting matters: lease with a new epoch, then what the ledger knows of the node, then the stream.
 */
import { DEFAULT_VERDICT_POLICY, type KeyRing, type VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { partKeyText } from './ledger/types.js';
import { type Claim, MemberSession, NODE_TIMEOUT_MS } from './member-session.js';
import type { HtlcAnswer, InterceptPort, Network, NodeInfo, NodePort } from './node-port.js';
import { Ending, settled, within } from './waiting.js';

export interface MemberOptions {
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
  readonly verdictPolicy?: VerdictPolicy;
  /** A node whose owner is silent for so long may be taken by another process. */
  readonly leaseTtlMs?: Millis;
  readonly onState?: (status: MemberStatus) => void;
  readonly onAnswered?: (answer: HtlcAnswer['action'], reason: string, waitedMs: number) => void;
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
const MAX_BACKOFF_MS = 15_000;
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
  /** This process has owned the stream before: it may open it again while the database is away. */
  #hasServed = false;
  #stopping: Ending | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#leaseTtl = options.leaseTtlMs ?? DEFAULT_LEASE_TTL_MS;
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
    this.#setState('stopped');
  }

  /** Decisions for this node may have been made elsewhere. */
  hinted(): void {
    this.#session?.hinted();
  }

  async #run(stopping: Ending): Promise<void> {
    const { clock } = this.#options;
    let backoff = FIRST_BACKOFF_MS;
    while (!stopping.isReached()) {
      const startedAt = clock.now();
      let wait = 0;
      try {
        this.#setState('connecting');
        wait = await this.#serve(stopping);
      } catch (error) {
        this.#setState('waiting', error instanceof Error ? error.message : String(error));
      }
      const servedLong = clock.now() - startedAt > this.#leaseTtl;
      if (wait > 0 || servedLong) backoff = FIRST_BACKOFF_MS;
      else wait = backoff = Math.min(backoff * 2, MAX_BACKOFF_MS);
      await within(clock, wait || backoff, stopping.reached);
    }
  }

  /**
   * From lease to the end of the session. Resolves with how long to wait for another owner's lease, 0 after a session of
   * our own. If the store is away the stream is opened all the same, since the node's ordinary forwards depend on it (R6);
   * but only by the process that had it before, for it is the node's only stream.
   */
  async #serve(stopping: Ending): Promise<Millis> {
    const { node } = this.#options;
    const port = node.intercept;
    if (!port) throw new Error(`${node.name} cannot hold HTLCs, so it cannot receive for the cluster; remove it`);
    const info = await this.#checkedInfo(stopping);
    const nodeId = toHex(info.nodeId);
    const claim = await this.#claim(nodeId, info.height);
    if (claim.type === 'held') {
      this.#setState('standby', `served by ${claim.by}`);
      return Math.min(claim.remainingMs + 1, STANDBY_LOOK_MS);
    }
    if (claim.type === 'store-away' && !this.#hasServed) throw new Error('the database is away; waiting for it');
    const session = this.#newSession(port, info);
    this.#session = session;
    this.#hasServed = true;
    if (stopping.isReached()) session.end.reach('stopped');
    // The lease goes back as soon as the stream is known to be dead, not when all who use it have noticed.
    const givenBack = session.end.reached.then(() => this.#giveBack(nodeId));
    try {
      await session.run(claim);
    } finally {
      session.end.reach('the stream could not be opened');
      await givenBack;
      this.#session = undefined;
    }
    throw new Error(session.end.reason());
  }

  #newSession(port: InterceptPort, info: NodeInfo): MemberSession {
    const { node, ledger, store, clock, keys, alarms, onAnswered } = this.#options;
    return new MemberSession({
      port,
      name: node.name,
      info,
      ledger,
      store,
      clock,
      keys,
      alarms,
      verdictPolicy: this.#options.verdictPolicy ?? DEFAULT_VERDICT_POLICY,
      leaseTtlMs: this.#leaseTtl,
      claim: (height) => this.#claim(toHex(info.nodeId), height),
      onServing: (serving) => {
        if (serving) this.#setState('live');
        else this.#setState('waiting', 'the database is away: forwards go on, payments to the cluster wait');
      },
      ...(onAnswered && { onAnswered }),
    });
  }

  /** Takes the lease and reads what the ledger knows of the node. */
  async #claim(nodeId: string, height: BlockHeight): Promise<Claim> {
    const { ledger, store } = this.#options;
    try {
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
    const info = await within(clock, NODE_TIMEOUT_MS, Promise.race([node.info(), stopping.reached]));
    if (!info) throw new Error(`${node.name} does not answer; check that it runs and can be reached`);
    this.#info = info;
    const nodeId = toHex(info.nodeId);
    if (info.network !== network) {
      throw new Error(`${node.name} is on ${info.network}, the cluster on ${network}; correct the address of the node`);
    }
    if (expectedNodeId !== undefined && nodeId !== expectedNodeId) {
      throw new Error(`${node.name} is node ${nodeId}, not ${expectedNodeId}; correct the address or the node id`);
    }
    if (!info.synced) throw new Error(`${node.name} is not synced to the chain yet; waiting for it`);
    return info;
  }

  #setState(state: MemberState, reason?: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#options.onState?.(this.status());
  }
}
