/**
 * One member of the cluster as this process serves it: lease, session, heartbeats, and again after every loss. The order
 * on connecting matters: lease with a new epoch, then what the ledger knows of the node, then the stream.
 */
import { DEFAULT_VERDICT_POLICY, type KeyRing, type VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import { isRetryable, type LedgerStore } from './ledger/store-port.js';
import { partKeyText } from './ledger/types.js';
import type {
  HtlcAnswer,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  Network,
  NodeInfo,
  NodePort,
} from './node-port.js';
import { PresentedHtlcs, type Serving } from './presented.js';

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
/** What waits longer may have been decided by another process whose hint was lost. */
const POLL_AFTER_MS = 1_000;
const STANDBY_LOOK_MS = 2_000;
const RECOVERY_RETRY_MS = 1_000;
const TAKEN = 'another process serves this node now';

type Unfinished = Awaited<ReturnType<LedgerStore['unfinishedParts']>>;

type Claim =
  | { readonly type: 'owned'; readonly serving: Serving; readonly unfinished: Unfinished }
  | { readonly type: 'held'; readonly by: string }
  | { readonly type: 'store-away' };

/** A session under way. */
interface Running {
  readonly port: InterceptPort;
  readonly info: NodeInfo;
  readonly presented: PresentedHtlcs;
  readonly end: Ending;
}

export class Member {
  readonly #options: MemberOptions;
  readonly #leaseTtl: Millis;
  #state: MemberState = 'stopped';
  #reason: string | undefined;
  #info: NodeInfo | undefined;
  #epoch: number | undefined;
  #presented: PresentedHtlcs | undefined;
  #stopped = true;
  #wake: (() => void) | undefined;
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
    const presented = this.#presented;
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
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#done = this.#run();
  }

  /** Ends the session and gives the lease back. What is held stays with the node and is shown to the next owner. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#done;
    this.#setState('stopped');
  }

  async #run(): Promise<void> {
    let backoff = FIRST_BACKOFF_MS;
    while (!this.#isStopped()) {
      const startedAt = this.#options.clock.now();
      try {
        this.#setState('connecting');
        await this.#serve();
      } catch (error) {
        this.#setState('waiting', error instanceof Error ? error.message : String(error));
      }
      if (this.#isStopped()) return;
      const lastedLong = this.#options.clock.now() - startedAt > this.#leaseTtl;
      backoff = lastedLong ? FIRST_BACKOFF_MS : Math.min(backoff * 2, MAX_BACKOFF_MS);
      await this.#sleep(backoff);
    }
  }

  /**
   * From lease to the end of the session. Returns or throws when the stream is over. If the store is away the stream is
   * opened all the same, since the node's ordinary forwards depend on it (R6).
   */
  async #serve(): Promise<void> {
    const { node } = this.#options;
    const port = node.intercept;
    if (!port)
      throw new Error(
        `${node.name} cannot intercept HTLCs, so it cannot receive for the cluster; remove it from the members`,
      );
    const info = await this.#checkedInfo();
    const claim = await this.#claim(toHex(info.nodeId), info.height);
    if (claim.type === 'held') {
      this.#setState('standby', `served by ${claim.by}`);
      await this.#sleep(Math.min(this.#leaseTtl / 2, STANDBY_LOOK_MS));
      return;
    }
    try {
      await this.#serveSession(port, info, claim);
    } finally {
      this.#presented?.end();
      this.#presented = undefined;
      await this.#giveBack(toHex(info.nodeId));
    }
  }

  /** Takes the lease and reads what the ledger knows of the node. */
  async #claim(nodeId: string, height: BlockHeight): Promise<Claim> {
    const { ledger, store } = this.#options;
    try {
      const result = await ledger.acquireLease(nodeId, height, this.#leaseTtl);
      if (result.type === 'held') return result;
      this.#epoch = result.lease.epoch;
      const unfinished = await store.unfinishedParts(nodeId);
      const recorded = new Map(unfinished.map(({ key, paymentHash }) => [partKeyText(key), paymentHash]));
      return { type: 'owned', serving: { epoch: result.lease.epoch, recorded }, unfinished };
    } catch (error) {
      if (isRetryable(error)) return { type: 'store-away' };
      throw error;
    }
  }

  async #giveBack(nodeId: string): Promise<void> {
    const epoch = this.#epoch;
    this.#epoch = undefined;
    if (epoch !== undefined) await settled(this.#options.ledger.endLease(nodeId, epoch)); // else it runs out by itself
  }

  async #checkedInfo(): Promise<NodeInfo> {
    const { node, network, expectedNodeId } = this.#options;
    const info = await node.info();
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

  async #serveSession(port: InterceptPort, info: NodeInfo, claim: Exclude<Claim, { type: 'held' }>): Promise<void> {
    const { ledger, clock, keys, alarms, node, verdictPolicy = DEFAULT_VERDICT_POLICY, onAnswered } = this.#options;
    const end = new Ending();
    const presented = new PresentedHtlcs({
      port,
      nodeName: node.name,
      height: info.height,
      ledger,
      clock,
      keys,
      verdictPolicy,
      alarms,
      onFenced: () => {
        end.reach(TAKEN);
      },
      ...(onAnswered && { onAnswered }),
    });
    this.#presented = presented;
    const session = await port.open(handlersFor(presented, end));
    const unsubscribe = ledger.onDecided((parts) => {
      presented.decided(parts);
    });
    this.#wake = () => {
      end.reach('stopped');
    };
    try {
      presented.begin(session);
      this.#takeUp({ port, info, presented, end }, claim);
      await this.#keepAlive({ port, info, presented, end }, session);
    } finally {
      unsubscribe();
      this.#wake = undefined;
      session.close();
    }
    throw new Error(end.reason);
  }

  /** Begins to serve phantom HTLCs if the lease is ours; until then only forwards are. */
  #takeUp(running: Running, claim: Claim): void {
    switch (claim.type) {
      case 'held':
        running.end.reach(TAKEN);
        return;
      case 'store-away':
        this.#setState('waiting', 'the database is away: forwards go on, payments to the cluster wait');
        return;
      case 'owned':
        running.presented.serve(claim.serving);
        this.#setState('live');
        void this.#recoverFinals(running, claim.unfinished);
    }
  }

  /** Results that fell between two sessions. */
  async #recoverFinals({ port, info, end }: Running, unfinished: Unfinished): Promise<void> {
    const { ledger } = this.#options;
    for (const { key, paymentHash } of unfinished) {
      for (;;) {
        if (end.isReached()) return; // the next session looks again
        const outcome = await settled(
          port.lookupFinal({ ...key, nodeId: info.nodeId }).then((found) => found ?? 'none'),
        );
        const command = { type: 'final', key, paymentHash, onChain: false } as const;
        if (outcome === 'none') break;
        if (outcome && (await settled(ledger.submit({ ...command, outcome })))) break;
        await this.#within(RECOVERY_RETRY_MS, end.reached);
      }
    }
  }

  /** Heartbeats until the end: the lease is renewed only while the node answers over the very stream that is served. */
  async #keepAlive(running: Running, session: InterceptSession): Promise<void> {
    const { presented, end } = running;
    while (!end.isReached()) {
      await this.#within(this.#leaseTtl / 4, end.reached);
      if (end.isReached()) return;
      const height = await this.#within(this.#leaseTtl, Promise.race([session.heartbeat(), end.reached]));
      if (typeof height !== 'number') {
        end.reach('the node did not answer a heartbeat');
        return;
      }
      presented.height = height;
      presented.alarmOverdue(this.#options.ledger.policy.marginBlocks);
      await this.#renew(running, height);
    }
  }

  async #renew(running: Running, height: BlockHeight): Promise<void> {
    const { ledger, store } = this.#options;
    const { presented, info, end } = running;
    const nodeId = toHex(info.nodeId);
    if (!presented.isServing || this.#epoch === undefined) {
      this.#takeUp(running, await this.#claim(nodeId, height));
      return;
    }
    if ((await settled(ledger.renewLease(nodeId, this.#epoch, height, this.#leaseTtl))) === false) end.reach(TAKEN);
    else if (presented.waitsLongerThan(POLL_AFTER_MS)) {
      presented.decided((await settled(store.decidedParts(nodeId))) ?? []);
    }
  }

  /** The promise's value, or undefined if it takes longer. */
  async #within<T>(ms: Millis, promise: Promise<T>): Promise<T | undefined> {
    let cancel = (): void => undefined;
    const timeout = new Promise<undefined>((resolve) => {
      cancel = this.#options.clock.after(ms, () => {
        resolve(undefined);
      });
    });
    try {
      return await Promise.race([promise, timeout]);
    } finally {
      cancel();
    }
  }

  async #sleep(ms: Millis): Promise<void> {
    let cancel = (): void => undefined;
    await new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(ms, resolve);
      this.#wake = resolve;
    });
    cancel();
    this.#wake = undefined;
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  #setState(state: MemberState, reason?: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#options.onState?.(this.status());
  }
}

function handlersFor(presented: PresentedHtlcs, end: Ending): InterceptHandlers {
  return {
    onHtlc: (htlc) => {
      presented.present(htlc);
    },
    onFinal: (result) => {
      presented.final(result);
    },
    onHeight: (height) => {
      presented.height = height;
    },
    onClosed: (reason) => {
      end.reach(reason);
    },
  };
}

/** Undefined where the store is away: the caller tries again at the next heartbeat. */
async function settled<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}

/** The first reason why a session is over. */
class Ending {
  reason: string | undefined;
  readonly reached: Promise<void>;
  readonly #resolve: () => void;

  constructor() {
    let resolve = (): void => undefined;
    this.reached = new Promise<void>((done) => {
      resolve = done;
    });
    this.#resolve = resolve;
  }

  isReached(): boolean {
    return this.reason !== undefined;
  }

  reach(reason: string): void {
    this.reason ??= reason;
    this.#resolve();
  }
}
