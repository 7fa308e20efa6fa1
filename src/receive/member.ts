/**
 * One member of the cluster as this process serves it: lease, session, heartbeats, and again after every loss. The order
 * on connecting matters: lease with a new epoch, then what the ledger knows of the node, then the stream.
 */
import { DEFAULT_VERDICT_POLICY, type KeyRing, recognisePhantomScid, type VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { partKeyText } from './ledger/types.js';
import type { HtlcAnswer, InterceptHandlers, InterceptPort, InterceptSession, Network, NodeInfo, NodePort } from './node-port.js';
import { PresentedHtlcs } from './presented.js';

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

  /** From lease to the end of the session. Returns or throws when the stream is over. */
  async #serve(): Promise<void> {
    const { node, ledger } = this.#options;
    const port = node.intercept;
    if (!port) throw new Error(`${node.name} cannot intercept HTLCs, so it cannot receive for the cluster; remove it from the members`);
    const info = await this.#checkedInfo();
    const nodeId = toHex(info.nodeId);
    const result = await ledger.acquireLease(nodeId, info.height, this.#leaseTtl);
    if (result.type === 'held') {
      this.#setState('standby', `served by ${result.by}`);
      await this.#sleep(Math.min(this.#leaseTtl / 2, 2_000));
      return;
    }
    const { epoch } = result.lease;
    this.#epoch = epoch;
    try {
      await this.#serveSession(port, info, nodeId, epoch);
    } finally {
      this.#presented?.end();
      this.#presented = undefined;
      await ledger.endLease(nodeId, epoch).catch(() => undefined); // it runs out by itself
    }
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

  async #serveSession(port: InterceptPort, info: NodeInfo, nodeId: string, epoch: number): Promise<void> {
    const { ledger, store, clock, keys, alarms, node, verdictPolicy = DEFAULT_VERDICT_POLICY, onAnswered } = this.#options;
    const recorded = new Map<string, string>();
    const unfinished = await store.unfinishedParts(nodeId);
    for (const { key, paymentHash } of unfinished) recorded.set(partKeyText(key), paymentHash);

    const end = new Ending();
    const presented = new PresentedHtlcs({
      port,
      nodeName: node.name,
      epoch,
      height: info.height,
      ledger,
      clock,
      keys,
      isPhantomScid: (scid) => recognisePhantomScid(keys(), info.nodeId, scid) !== undefined,
      verdictPolicy,
      alarms,
      recorded,
      onFenced: () => {
        end.reach('another process serves this node now');
      },
      ...(onAnswered && { onAnswered }),
    });
    this.#presented = presented;
    const handlers: InterceptHandlers = {
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
    const session = await port.open(handlers);
    const unsubscribe = ledger.onDecided((parts) => {
      presented.decided(parts);
    });
    this.#wake = () => {
      end.reach('stopped');
    };
    try {
      presented.begin(session);
      this.#setState('live');
      for (const { key, paymentHash } of unfinished) {
        const htlcKey = { nodeId: info.nodeId, channelId: key.channelId, htlcId: key.htlcId };
        const outcome = await port.lookupFinal(htlcKey);
        if (outcome) await ledger.submit({ type: 'final', key, paymentHash, outcome, onChain: false });
      }
      await this.#keepAlive(session, presented, nodeId, epoch, end);
    } finally {
      unsubscribe();
      this.#wake = undefined;
      session.close();
    }
    throw new Error(end.reason);
  }

  /** Heartbeats until the end: the lease is renewed only while the node answers over the very stream that is served. */
  async #keepAlive(
    session: InterceptSession,
    presented: PresentedHtlcs,
    nodeId: string,
    epoch: number,
    end: Ending,
  ): Promise<void> {
    const { ledger, store } = this.#options;
    while (end.reason === undefined) {
      await this.#within(this.#leaseTtl / 4, end.reached);
      if (end.reason !== undefined) return;
      const height = await this.#within(this.#leaseTtl, Promise.race([session.heartbeat(), end.reached]));
      if (typeof height !== 'number') {
        end.reach('the node did not answer a heartbeat');
        return;
      }
      presented.height = height;
      presented.alarmOverdue(ledger.policy.marginBlocks);
      if ((await settled(ledger.renewLease(nodeId, epoch, height, this.#leaseTtl))) === false) {
        end.reach('another process serves this node now');
      }
      if (presented.waitsLongerThan(POLL_AFTER_MS)) {
        presented.decided((await settled(store.decidedParts(nodeId))) ?? []);
      }
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

  reach(reason: string): void {
    this.reason ??= reason;
    this.#resolve();
  }
}
