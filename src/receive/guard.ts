/**
 * The guard of settled parts that do not become final, because their peer is away or silent. It tells the node the preimage,
 * so that the node goes on chain by itself; failing that it closes the channel while the HTLC can still be claimed there.
 *
 * Every process tells of such parts; only the owner of a node's lease acts on the node, and over its own live session.
 * Nothing is written before an act: whoever comes after a crash sees the same part, and both acts may be repeated.
 */
import type { BlockDelta, BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import { DEFAULT_GUARD_BLOCKS, isAtRisk, mayClose, mayRegister, REGISTER_AFTER_MS } from './guard-decision.js';
import { GuardedChannels, type GuardReport } from './guarded-node.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { type DecidedPart, type Lease, type Part, partKeyText } from './ledger/types.js';
import type { GuardedNode } from './member-session.js';

export interface GuardOptions {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  /** Nodes whose streams this process serves now. */
  readonly nodes: () => readonly GuardedNode[];
  readonly guardBlocks?: BlockDelta;
  /** For metrics: after each act. */
  readonly onGuard?: GuardReport;
}

/** A settled part that is not final after this time is told of, however many blocks are left. */
const UNCONFIRMED_MS = 600_000;
/** Payment hashes read in one transaction. */
const READ_AT_ONCE = 100;

export class Guard {
  readonly #options: GuardOptions;
  readonly #guardBlocks: BlockDelta;
  readonly #alarmed = new Set<string>();
  /** Per node and epoch: what was done does not count for the next stream. */
  readonly #tracks = new Map<string, GuardedChannels>();
  /** Acts under way, whatever the epoch: never two on one channel at a time. */
  readonly #busy = new Set<string>();

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#guardBlocks = options.guardBlocks ?? DEFAULT_GUARD_BLOCKS;
  }

  /**
   * One look at all settled parts; acts go on by themselves. Rejects when the store is away.
   *
   * @param now the database's clock
   * @param height the best that is known in the cluster
   */
  async look(now: Millis, leases: readonly Lease[], height: BlockHeight): Promise<void> {
    const { store, ledger } = this.#options;
    const alive = leases.filter(({ expiresAt }) => expiresAt > now);
    const near = height + this.#guardBlocks;
    this.#alarmUnconfirmed(await store.overdueParts(now - UNCONFIRMED_MS, near), alive);
    const nodes = this.#options
      .nodes()
      .filter(({ nodeId, epoch }) =>
        alive.some((lease) => lease.nodeId === nodeId && lease.owner === ledger.owner && lease.epoch === epoch),
      );
    this.#forgetOthers(nodes);
    if (nodes.length > 0) await this.#act(nodes, now, near);
  }

  /** The owner of the node tells; if nobody owns it, everybody. */
  #alarmUnconfirmed(overdue: readonly DecidedPart[], alive: readonly Lease[]): void {
    const { alarms, ledger } = this.#options;
    const elsewhere = new Set(alive.filter(({ owner }) => owner !== ledger.owner).map(({ nodeId }) => nodeId));
    const texts = new Set(overdue.map(({ key }) => partKeyText(key)));
    for (const text of this.#alarmed) if (!texts.has(text)) this.#alarmed.delete(text);
    for (const { key, paymentHash } of overdue) {
      const text = partKeyText(key);
      if (this.#alarmed.has(text) || elsewhere.has(key.nodeId)) continue;
      this.#alarmed.add(text);
      alarms.raise({
        code: 'settle-unconfirmed',
        node: key.nodeId,
        paymentHash,
        channelId: key.channelId,
        htlcId: key.htlcId,
        message:
          'a settled part is not final yet; check that the node and its peer are online, or close the channel before the HTLC expires',
      });
    }
  }

  #forgetOthers(nodes: readonly GuardedNode[]): void {
    const current = new Set(nodes.map(trackName));
    for (const name of this.#tracks.keys()) if (!current.has(name)) this.#tracks.delete(name);
  }

  async #act(nodes: readonly GuardedNode[], now: Millis, near: BlockHeight): Promise<void> {
    const open = await this.#options.store.overdueParts(now - REGISTER_AFTER_MS, near);
    const wanted = new Set(nodes.map(({ nodeId }) => nodeId));
    const ours = open.filter(({ key }) => wanted.has(key.nodeId));
    if (ours.length === 0) return;
    const parts = (await this.#read(ours)).filter(isAtRisk);
    const preimages = new Map(ours.map(({ paymentHash, preimage }) => [paymentHash, preimage]));
    for (const node of nodes) {
      const own = parts.filter(({ key }) => key.nodeId === node.nodeId);
      if (own.length > 0) this.#guardNode(node, own, preimages, now);
    }
  }

  #guardNode(
    node: GuardedNode,
    parts: readonly Part[],
    preimages: ReadonlyMap<string, string | undefined>,
    now: Millis,
  ): void {
    const name = trackName(node);
    let track = this.#tracks.get(name);
    if (!track) {
      track = new GuardedChannels({ ...this.#options, node, busy: this.#busy });
      this.#tracks.set(name, track);
    }
    const { hasSettledDown } = track;
    const view = { now, height: node.height(), hasSettledDown, guardBlocks: this.#guardBlocks };
    track.close(parts.filter((part) => mayClose(part, view)));
    const late = parts.filter((part) => mayRegister(part, now));
    for (const hash of new Set(late.map(({ paymentHash }) => paymentHash))) {
      const preimage = preimages.get(hash);
      const ofHash = late.filter(({ paymentHash }) => paymentHash === hash);
      if (preimage !== undefined) track.register(preimage, ofHash);
    }
  }

  /** The parts as they stand in the ledger. */
  async #read(listed: readonly DecidedPart[]): Promise<readonly Part[]> {
    const texts = new Set(listed.map(({ key }) => partKeyText(key)));
    const hashes = [...new Set(listed.map(({ paymentHash }) => paymentHash))];
    const found: Part[] = [];
    for (let from = 0; from < hashes.length; from += READ_AT_ONCE) {
      const some = hashes.slice(from, from + READ_AT_ONCE);
      const parts = await this.#options.store.transact(some, (view) =>
        some.flatMap((hash) => view.account(hash).parts),
      );
      found.push(...parts.filter(({ key }) => texts.has(partKeyText(key))));
    }
    return found;
  }
}

function trackName({ nodeId, epoch }: GuardedNode): string {
  return `${nodeId}/${epoch}`;
}
