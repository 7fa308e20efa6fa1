/** *Receive anywhere*, put together: members, ledger and sweeper of one process over one store. */
import type { ClusterMember, KeyRing, VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockDelta, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import { Cluster } from './cluster.js';
import type { Clock } from './clock.js';
import type { ForwardDesk } from './forward-desk.js';
import type { GuardReport } from './guarded-node.js';
import { Ledger } from './ledger/ledger.js';
import type { LedgerHint, LedgerStore } from './ledger/store-port.js';
import type { LedgerPolicy } from './ledger/types.js';
import { Member, type MemberOptions, type MemberStatus } from './member.js';
import type { Network, NodePort } from './node-port.js';
import type { HtlcCallbacks } from './presented.js';
import { Sweeper } from './sweeper.js';

export interface ReceiverNode {
  readonly port: NodePort;
  /** Hex; refuse any other node at this address. */
  readonly expectedNodeId?: string;
}

export interface ReceiverOptions extends HtlcCallbacks {
  readonly nodes: readonly ReceiverNode[];
  readonly network: Network;
  readonly keys: () => KeyRing;
  readonly store: LedgerStore;
  /** Unique among all processes of the cluster and among restarts of this one. */
  readonly owner: string;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  /** Keeps some ordinary forwards of the members back. */
  readonly desk?: ForwardDesk;
  readonly imported?: () => readonly ClusterMember[];
  readonly ledgerPolicy?: LedgerPolicy;
  readonly verdictPolicy?: VerdictPolicy;
  readonly leaseTtlMs?: Millis;
  readonly sweepMs?: Millis;
  /** Blocks before expiry at which the channel of a settled part that is not final is closed, if allowed; from 22 on. */
  readonly guardBlocks?: BlockDelta;
  readonly onMemberState?: (status: MemberStatus) => void;
  /** After each act of the guard, with the name of the node. */
  readonly onGuard?: GuardReport;
}

export class Receiver {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly #options: ReceiverOptions;
  readonly #members: readonly Member[];
  readonly #sweeper: Sweeper;
  #servedElsewhere: ReadonlySet<string> = new Set();
  #cancelLeaseWatch: (() => void) | undefined;
  #cancelHints: (() => void) | undefined;
  #stopped = true;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    const { store, owner, clock, alarms, ledgerPolicy, sweepMs, guardBlocks, onGuard } = options;
    this.ledger = new Ledger({ store, owner, ...(ledgerPolicy && { policy: ledgerPolicy }) });
    this.#members = options.nodes.map((node) => new Member(this.#memberOptions(node)));
    this.cluster = new Cluster({
      members: this.#members,
      imported: options.imported ?? (() => []),
      servedElsewhere: () => this.#servedElsewhere,
      clock,
    });
    this.#sweeper = new Sweeper({
      ledger: this.ledger,
      store,
      clock,
      alarms,
      guarded: () => this.#members.flatMap((member) => member.guarded() ?? []),
      ...(sweepMs && { intervalMs: sweepMs }),
      ...(guardBlocks !== undefined && { guardBlocks }),
      ...(onGuard && { onGuard }),
    });
  }

  #memberOptions({ port, expectedNodeId }: ReceiverNode): MemberOptions {
    const { network, keys, store, clock, alarms, desk, verdictPolicy, leaseTtlMs, onMemberState } = this.#options;
    const { onAnswered, onForward } = this.#options;
    return {
      node: port,
      network,
      keys,
      ledger: this.ledger,
      store,
      clock,
      alarms,
      others: () => this.#members,
      ...(expectedNodeId !== undefined && { expectedNodeId }),
      ...(desk && { desk }),
      ...(verdictPolicy && { verdictPolicy }),
      ...(leaseTtlMs !== undefined && { leaseTtlMs }),
      ...(onMemberState && { onState: onMemberState }),
      ...(onAnswered && { onAnswered }),
      ...(onForward && { onForward }),
    };
  }

  async start(): Promise<void> {
    this.#stopped = false;
    for (const member of this.#members) member.start();
    this.#sweeper.start();
    this.#watchLeases();
    const { store } = this.#options;
    if (!store.soleWriter) {
      this.#cancelHints = store.onHint?.((hint) => {
        this.#passHint(hint);
      });
    }
    await this.cluster.start();
  }

  /** Gives all streams back. Held HTLCs stay with their nodes and are shown to whoever serves them next. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelLeaseWatch?.();
    this.#cancelHints?.();
    await Promise.all([this.#sweeper.stop(), this.cluster.stop(), ...this.#members.map((member) => member.stop())]);
  }

  #passHint({ nodeIds, freed }: LedgerHint): void {
    for (const member of this.#members) {
      const { info } = member.status();
      if (!info) continue;
      const nodeId = toHex(info.nodeId);
      if (nodeIds?.includes(nodeId) ?? true) member.decidedElsewhere();
      if (freed?.includes(nodeId) ?? true) member.freed();
    }
  }

  status(): readonly MemberStatus[] {
    return this.#members.map((member) => member.status());
  }

  /** Notes which nodes other processes serve, so that invoices may name them. */
  #watchLeases(): void {
    if (this.#stopped) return;
    const { store, clock } = this.#options;
    const look = async (): Promise<void> => {
      const [now, leases] = [await store.now(), await store.leases()];
      const alive = leases.filter(({ owner, expiresAt }) => owner !== this.ledger.owner && expiresAt > now);
      this.#servedElsewhere = new Set(alive.map(({ nodeId }) => nodeId));
    };
    void look()
      .catch(() => undefined) // the store is away: keep what was seen last
      .finally(() => {
        if (!this.#stopped) {
          this.#cancelLeaseWatch = clock.after(LEASE_WATCH_MS, () => {
            this.#watchLeases();
          });
        }
      });
  }

  /** Node ids of the own members that are known so far, hex. */
  nodeIds(): readonly string[] {
    return this.#members.flatMap((member) => {
      const { info } = member.status();
      return info ? [toHex(info.nodeId)] : [];
    });
  }
}

const LEASE_WATCH_MS = 2_000;
