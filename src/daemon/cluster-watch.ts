/**
 * What the database says of the cluster as a whole: which daemon serves which node, at which height, and whether the
 * database itself answers and keeps our time. Looked at every two seconds, so that readers never wait for it.
 */
import type { Clock } from '../receive/clock.js';
import type { Lease } from '../receive/ledger/types.js';
import type { MemberStatus } from '../receive/member.js';
import type { Store } from '../store/index.js';
import type { BlockHeight, Millis } from '../wire/units.js';

export interface ClusterWatchOptions {
  readonly store: Pick<Store, 'leases' | 'now'>;
  readonly clock: Clock;
  /** Our own, as it stands in leases. */
  readonly owner: string;
  /** We serve a node now that a daemon of another name served before. */
  readonly onTakeover?: (nodeId: string, from: string) => void;
  /** A node whose lease is nobody's concern: the internal one. */
  readonly isHidden?: (nodeId: string) => boolean;
  readonly intervalMs?: Millis;
}

/** Who serves a node. */
export interface NodeOwner {
  /** Name of the daemon. */
  readonly name: string;
  readonly isUs: boolean;
  readonly epoch: number;
  readonly height: BlockHeight;
}

const DEFAULT_INTERVAL_MS = 2_000;
/** Without a good look for so long the database counts as away, and what was seen says nothing any more. */
const FRESH_MS = 10_000;

interface Look {
  readonly leases: ReadonlyMap<string, Lease>;
  /** The database's clock. */
  readonly databaseNow: Millis;
  /** Ours, in the middle between question and answer. */
  readonly at: Millis;
}

export class ClusterWatch {
  readonly owner: string;
  readonly #options: ClusterWatchOptions;
  #look: Look | undefined;
  #stopped = true;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
    this.owner = options.owner;
  }

  /** Resolves after the first look: who served the nodes before us is known then. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.look().catch(() => undefined); // the database is away; the next look finds it
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(this.#options.intervalMs ?? DEFAULT_INTERVAL_MS, () => {
      this.#running = this.look()
        .catch(() => undefined)
        .finally(() => {
          this.#schedule();
        });
    });
  }

  /** One look. Rejects when the database is away. */
  async look(): Promise<void> {
    const { store, clock } = this.#options;
    const askedAt = clock.now();
    const databaseNow = await store.now();
    const at = (askedAt + clock.now()) / 2;
    const shown = (await store.leases()).filter(({ nodeId }) => this.#options.isHidden?.(nodeId) !== true);
    const leases = new Map(shown.map((lease) => [lease.nodeId, lease]));
    this.#reportTakeovers(leases);
    this.#look = { leases, databaseNow, at };
  }

  #reportTakeovers(leases: ReadonlyMap<string, Lease>): void {
    const before = this.#look?.leases;
    if (!before) return;
    for (const [nodeId, { owner }] of leases) {
      const previous = before.get(nodeId)?.owner;
      if (owner !== this.owner || previous === undefined || previous === this.owner) continue;
      // A daemon that comes back after a restart takes nothing from anybody.
      if (daemonName(previous) !== daemonName(this.owner)) this.#options.onTakeover?.(nodeId, daemonName(previous));
    }
  }

  #fresh(): Look | undefined {
    return this.#look && this.#options.clock.now() - this.#look.at < FRESH_MS ? this.#look : undefined;
  }

  get isStoreUp(): boolean {
    return this.#fresh() !== undefined;
  }

  /** How far the database's clock is ahead of ours; undefined while it does not answer. */
  get skewMs(): Millis | undefined {
    const look = this.#fresh();
    return look && look.databaseNow - look.at;
  }

  /** Nodes whose lease had not run out at the last look. Empty while the database is away. */
  owners(): ReadonlyMap<string, NodeOwner> {
    const look = this.#fresh();
    const owners = new Map<string, NodeOwner>();
    if (!look) return owners;
    for (const [nodeId, { owner, epoch, expiresAt, height }] of look.leases)
      if (expiresAt > look.databaseNow)
        owners.set(nodeId, { name: daemonName(owner), isUs: owner === this.owner, epoch, height });
    return owners;
  }
}

/** An owner's id is the name of its daemon and something that is new at every start. */
export function daemonName(owner: string): string {
  const end = owner.lastIndexOf('/');
  return end > 0 ? owner.slice(0, end) : owner;
}

/** Of the nodes that we see ourselves and those that others serve; 0 if none is known. */
export function bestHeight(
  members: readonly MemberStatus[],
  owners: ReadonlyMap<string, Pick<NodeOwner, 'height'>>,
): BlockHeight {
  const heights = [
    ...members.map(({ height, info }) => height ?? info?.height ?? 0),
    ...[...owners.values()].map(({ height }) => height),
  ];
  return Math.max(0, ...heights);
}
