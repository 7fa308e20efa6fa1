/**
 * All nodes of the cluster as they can be seen from this daemon: those of its configuration, whoever serves them now, and
 * those that only other daemons know, by their leases. What another daemon holds is read from the ledger.
 */
import type { Receiver } from '../receive/receiver.js';
import type { MemberStatus } from '../receive/member.js';
import type { Alarm } from '../receive/alarms.js';
import { type Part, partKeyText } from '../receive/ledger/types.js';
import type { Store, StoredEvent } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis, Msat } from '../wire/units.js';
import { type DaemonAlarms, isOverWhenServed, lastsMs } from './alarms.js';
import { bestHeight, type ClusterWatch, daemonName, type NodeOwner } from './cluster-watch.js';

export interface NodeDirectoryOptions {
  readonly receiver: Pick<Receiver, 'status'>;
  readonly store: Pick<Store, 'unfinishedParts' | 'readAccount' | 'events' | 'now'>;
  readonly watch?: Pick<ClusterWatch, 'owner' | 'owners'> | undefined;
  readonly alarms?: Pick<DaemonAlarms, 'current'> | undefined;
}

/** `good`: served, at the height of the others, nothing to look at. `bad`: payments cannot arrive there now. */
export type NodeHealth = 'good' | 'warning' | 'bad';

export interface Held {
  readonly htlcs: number;
  /** Undefined where counting would cost too much. */
  readonly msat: Msat | undefined;
  /** Until the nearest deadline. */
  readonly blocksLeft: number | undefined;
}

export interface NodeAlarm {
  readonly code: string;
  readonly message: string;
  readonly since: Millis;
  readonly paymentHash?: string;
  readonly channelId?: bigint;
  readonly htlcId?: bigint;
}

export interface NodeView {
  readonly status: MemberStatus;
  /** Who serves it now; undefined if nobody does, or the database is away. */
  readonly owner: NodeOwner | undefined;
  readonly height: BlockHeight | undefined;
  /** Blocks behind the best height of the cluster. */
  readonly lag: number | undefined;
  readonly held: Held;
  readonly health: NodeHealth;
  readonly alarms: readonly NodeAlarm[];
}

/** A node that is not in this daemon's configuration. */
export interface ForeignNode {
  readonly nodeId: string;
  readonly owner: NodeOwner;
  readonly lag: number;
  readonly held: Held;
  readonly alarms: readonly NodeAlarm[];
}

/** A member further behind cannot count its parts. */
const MAX_LAG = 2;
/** Payments of one node that are read one by one. */
const MOST_ACCOUNTS = 64;
/** Events that are looked through for alarms of other daemons. */
const EVENTS_BACK = 5_000n;
const PAGE = 500;
const MOST_ALARMS = 200;
/** Over once the part that they are about has ended well. */
const UNTIL_FINAL: readonly string[] = [
  'settle-unconfirmed',
  'answer-overdue',
  'htlc-unrecordable',
  'guard-failed',
  'guard-force-closed',
] satisfies Alarm['code'][];

export class NodeDirectory {
  readonly #options: NodeDirectoryOptions;

  constructor(options: NodeDirectoryOptions) {
    this.#options = options;
  }

  async list(): Promise<{ readonly nodes: readonly NodeView[]; readonly elsewhere: readonly ForeignNode[] }> {
    const { receiver, watch } = this.#options;
    const members = receiver.status();
    const owners = watch?.owners() ?? new Map<string, NodeOwner>();
    const best = bestHeight(members, owners);
    const alarms = await this.#alarms();
    const own = new Set(members.map(({ info }) => info && toHex(info.nodeId)));
    const foreign = [...owners].filter(([nodeId]) => !own.has(nodeId));
    return {
      nodes: await inTurn(members, (status) => this.#member(status, owners, best, alarms)),
      elsewhere: await inTurn(foreign, async ([nodeId, owner]) => ({
        nodeId,
        owner,
        lag: Math.max(0, best - owner.height),
        held: await this.#heldElsewhere(nodeId, owner.height),
        alarms: alarms
          .filter(({ node, shown }) => node === nodeId && !isOverWhenServed(shown.code)) // it is served
          .map(({ shown }) => shown),
      })),
    };
  }

  async #member(
    status: MemberStatus,
    owners: ReadonlyMap<string, NodeOwner>,
    best: BlockHeight,
    all: readonly KnownAlarm[],
  ): Promise<NodeView> {
    const nodeId = status.info && toHex(status.info.nodeId);
    const owner = this.#ownerOf(status, nodeId === undefined ? undefined : owners.get(nodeId));
    const isElsewhere = owner?.isUs === false;
    const height = isElsewhere ? owner.height : (status.height ?? status.info?.height);
    const lag = height === undefined ? undefined : Math.max(0, best - height);
    const isServed = status.state === 'live' || isElsewhere;
    const alarms = all
      .filter(({ node }) => node === nodeId || node === status.name)
      .filter(({ shown }) => !(isOverWhenServed(shown.code) && isServed))
      .map(({ shown }) => shown);
    const isGood = alarms.length === 0 && (lag ?? 0) <= MAX_LAG;
    return {
      status,
      owner,
      height,
      lag,
      held: isElsewhere ? await this.#heldElsewhere(nodeId!, owner.height) : heldHere(status),
      health: !isServed ? 'bad' : isGood ? 'good' : 'warning',
      alarms,
    };
  }

  /** What we serve ourselves we know at once. */
  #ownerOf({ state, epoch = 0, height = 0 }: MemberStatus, seen: NodeOwner | undefined): NodeOwner | undefined {
    const { watch } = this.#options;
    if (state === 'live') return watch && { name: daemonName(watch.owner), isUs: true, epoch, height };
    return seen?.isUs === true ? undefined : seen;
  }

  /** What the ledger knows that a node holds: parts that are not final. Refused and foreign HTLCs are not among them. */
  async #heldElsewhere(nodeId: string, height: BlockHeight): Promise<Held> {
    const { store } = this.#options;
    const unknown = { htlcs: 0, msat: undefined, blocksLeft: undefined };
    try {
      const unfinished = await store.unfinishedParts(nodeId);
      const keys = new Set(unfinished.map(({ key }) => partKeyText(key)));
      const hashes = [...new Set(unfinished.map(({ paymentHash }) => paymentHash))];
      if (hashes.length > MOST_ACCOUNTS) return { ...unknown, htlcs: keys.size };
      const accounts = await inTurn(hashes, (hash) => store.readAccount(hash));
      return heldOf(
        accounts.flatMap(({ parts }) => parts.filter(({ key }) => keys.has(partKeyText(key)))),
        height,
      );
    } catch {
      return unknown; // the database is away
    }
  }

  /** Ours from memory, those of other daemons from the outbox. */
  async #alarms(): Promise<readonly KnownAlarm[]> {
    const ours = (this.#options.alarms?.current() ?? []).map(({ alarm, since }): KnownAlarm => {
      const { code, node, message, paymentHash, channelId, htlcId } = alarm;
      return { node, shown: { code, message, since, ...partOf(paymentHash, channelId, htlcId) } };
    });
    const unique = new Map(ours.map((one) => [identity(one), one]));
    for (const one of await this.#alarmsInStore().catch(() => []))
      if (!unique.has(identity(one))) unique.set(identity(one), one);
    const current: KnownAlarm[] = [];
    for (const alarm of [...unique.values()].slice(0, MOST_ALARMS))
      if (!(await this.#isOver(alarm))) current.push(alarm);
    return current;
  }

  async #alarmsInStore(): Promise<KnownAlarm[]> {
    const { store } = this.#options;
    const latest = await store.events.latestSeq();
    const now = await store.now();
    const found: KnownAlarm[] = [];
    let after = latest > EVENTS_BACK ? latest - EVENTS_BACK : 0n;
    for (;;) {
      const events = await store.events.read(after, PAGE, { types: ['alarm'] });
      found.push(...events.map(alarmOfEvent).filter(({ shown }) => now - shown.since < lastsMs(shown.code)));
      if (events.length < PAGE) return found.reverse(); // the newest first
      after = events.at(-1)!.seq;
    }
  }

  async #isOver({ shown: { code, paymentHash, channelId, htlcId } }: KnownAlarm): Promise<boolean> {
    if (paymentHash === undefined || !UNTIL_FINAL.includes(code)) return false;
    try {
      const { parts } = await this.#options.store.readAccount(paymentHash);
      return parts.some(
        ({ key, final }) =>
          key.channelId === channelId && key.htlcId === htlcId && final !== 'none' && final !== 'lost',
      );
    } catch {
      return false;
    }
  }
}

interface KnownAlarm {
  /** Node id, or the name by which the configuration knows it. */
  readonly node: string;
  readonly shown: NodeAlarm;
}

/** As the outbox stores it. */
interface AlarmBody {
  readonly code: string;
  readonly message: string;
  readonly key: { readonly nodeId: string; readonly channelId: string; readonly htlcId: string };
}

function alarmOfEvent({ body, paymentHash, createdAt }: StoredEvent): KnownAlarm {
  const { code, message, key } = body as unknown as AlarmBody;
  const part = paymentHash ? partOf(paymentHash, BigInt(key.channelId), BigInt(key.htlcId)) : {};
  return { node: key.nodeId, shown: { code, message, since: createdAt, ...part } };
}

function partOf(
  paymentHash: string | undefined,
  channelId: bigint | undefined,
  htlcId: bigint | undefined,
): Pick<NodeAlarm, 'paymentHash' | 'channelId' | 'htlcId'> {
  return {
    ...(paymentHash !== undefined && { paymentHash }),
    ...(channelId !== undefined && { channelId }),
    ...(htlcId !== undefined && { htlcId }),
  };
}

/** The same alarm, told by its daemon and found in the outbox: only the node may be called otherwise. */
function identity({ shown: { code, paymentHash, channelId, htlcId, message } }: KnownAlarm): string {
  return JSON.stringify([code, paymentHash, String(channelId), String(htlcId), message]);
}

function heldHere({ heldHtlcs, heldMsat, blocksLeft }: MemberStatus): Held {
  return { htlcs: heldHtlcs, msat: heldMsat, blocksLeft };
}

function heldOf(parts: readonly Part[], height: BlockHeight): Held {
  const nearest = Math.min(...parts.map(({ deadline }) => deadline));
  return {
    htlcs: parts.length,
    msat: parts.reduce((sum, { incomingAmountMsat }) => sum + incomingAmountMsat, 0n),
    blocksLeft: parts.length === 0 ? undefined : nearest - height,
  };
}

/** One after the other: a list of nodes must not take all connections to the database. */
async function inTurn<T, R>(items: readonly T[], body: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await body(item));
  return results;
}
