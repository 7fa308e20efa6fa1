/**
 * Holding HTLCs for wallets (bolts#1149 with LDK's numbers, LightningRod): the desk by which all forwards of our nodes come. What
 * does not concern a wallet goes on in the same turn (R6). What is held is written before it is answered, so that any process that
 * serves the node later gives the same answer.
 */
import type { Messenger } from '../../messages/index.js';
import type { OfflineClient } from '../../offline/clients.js';
import type { Documents } from '../../offline/documents.js';
import type { HeldHtlc, HoldStep } from '../../offline/hold/types.js';
import { type HoldView, holdView } from '../../offline/hold/view.js';
import type { BlindedPath } from '../../onion/index.js';
import type { Clock } from '../../receive/clock.js';
import type { ForwardDesk, ForwardStream } from '../../receive/forward-desk.js';
import type { FinalResult, HtlcKey, InterceptedHtlc } from '../../receive/node-port.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { BlockHeight, Millis, Msat, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';
import { NodeHolds } from './hold-node.js';
import type { HoldClients, HoldCounter, HoldNode, HoldParts, HoldWake, RodBook } from './hold-parts.js';
import { type EarlyRelease, HoldRows } from './hold-rows.js';

export interface HoldServiceOptions {
  /** Of the kinds `held_htlc` (read with `readHeldHtlc`) and `early_release`. */
  readonly held: Documents<HeldHtlc>;
  readonly early: Documents<EarlyRelease>;
  /** False: no other process writes to the store. */
  readonly isShared: boolean;
  readonly nodes: readonly HoldNode[];
  readonly clients: HoldClients;
  readonly messenger: Pick<Messenger, 'pathId' | 'pathsToVirtual' | 'handle'>;
  readonly clock: Clock;
  readonly log: Log;
  /** A wallet should wake up. Not to wait, not to throw. */
  readonly wake?: (client: OfflineClient, wake: HoldWake) => void;
  readonly onCount?: (what: HoldCounter) => void;
  readonly pollMs?: Millis;
}

export interface HoldTotals {
  readonly held: number;
  readonly heldMsat: Msat;
  readonly awaitRelease: number;
  readonly awaitPayee: number;
}

const POLL_MS: Millis = 1_000;
const FORGET_EVERY_MS: Millis = 60_000;
/** Releases that wait for the store to be back. */
const MOST_WAITING = 10_000;

export class HoldService implements ForwardDesk {
  readonly counters = new Map<HoldCounter, number>();
  readonly #options: HoldServiceOptions;
  readonly #rows: HoldRows;
  readonly #nodes = new Map<string, NodeHolds>();
  readonly #waitingReleases = new Set<string>();
  #rods: RodBook | undefined;
  #cancel: (() => void) | undefined;
  #stopHandler: (() => void) | undefined;
  #isStopped = true;
  #forgotAt = 0;

  constructor(options: HoldServiceOptions) {
    this.#options = options;
    const { held, early, clock, clients, messenger, log, wake, isShared } = options;
    this.#rows = new HoldRows(held, early, () => clock.now());
    const parts: HoldParts = {
      ...{ clients, messenger, clock, log, isShared },
      rows: this.#rows,
      rods: () => this.#rods,
      wake: (client, why) => wake?.(client, why),
      count: (what) => {
        this.#count(what);
      },
      usageOf: (client) => this.usageOf(client),
    };
    for (const node of options.nodes) this.#nodes.set(node.name, new NodeHolds(node, parts));
  }

  /** Before the start. */
  useRods(rods: RodBook): void {
    this.#rods = rods;
  }

  start(): void {
    this.#isStopped = false;
    this.#stopHandler = this.#options.messenger.handle(
      'release_held_htlc',
      'release_held_htlc',
      async ({ context }) => {
        await this.release(context.holdId);
      },
      { dropCopies: 'content' },
    );
    for (const { book } of this.#nodes.values()) book.start();
    this.#again();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopHandler?.();
    this.#cancel?.();
    await Promise.all([...this.#nodes.values()].map(({ book }) => book.stop()));
  }

  // --- forwards

  opened(stream: ForwardStream): void {
    this.#nodes.get(stream.name)?.opened(stream);
  }

  consult(htlc: InterceptedHtlc, stream: ForwardStream): 'resume' | 'hold' {
    return this.#nodes.get(stream.name)?.consult(htlc) ?? 'resume';
  }

  final(result: FinalResult): void {
    this.#nodeOf(result.key.nodeId)?.final(result);
  }

  height(stream: ForwardStream): void {
    this.#nodes.get(stream.name)?.review();
  }

  closed(stream: ForwardStream): void {
    this.#nodes.get(stream.name)?.closed(stream);
  }

  releasePath(key: HtlcKey): BlindedPath | undefined {
    return this.#nodeOf(key.nodeId)?.releasePath(key);
  }

  // --- what moves them

  /** A peer of a member came or went. */
  onPeer(peer: NodeId, isConnected: boolean, member: string): void {
    if (this.#options.clients.clientOf(peer)) this.#nodes.get(member)?.book.peerChanged(peer, isConnected);
  }

  /** The wallets changed: somebody may be asleep from now on, or not ours any more. */
  clientsChanged(): void {
    for (const node of this.#nodes.values()) node.review();
  }

  /** Somebody who may asks for an HTLC. One that is not there yet is released when it comes. Never rejects. */
  async release(holdId: Uint8Array): Promise<'released' | 'known' | 'early' | 'later'> {
    const id = toHex(holdId);
    try {
      return await this.#release(id);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'a release waits for the store');
      if (this.#waitingReleases.size < MOST_WAITING) this.#waitingReleases.add(id);
      return 'later';
    }
  }

  async #release(id: string): Promise<'released' | 'known' | 'early'> {
    const known = await this.#stepReleased(id);
    if (known) return known;
    await this.#rows.rememberEarly(id);
    this.#count('released_early');
    // The HTLC may have come meanwhile: whoever comes second sees the other.
    return (await this.#stepReleased(id)) ?? 'early';
  }

  async #stepReleased(id: string): Promise<'released' | 'known' | undefined> {
    const before = await this.#rows.read(id);
    if (!before) return undefined;
    await this.#step(id, before, { kind: 'released' });
    if (before.phase !== 'held' || !before.awaitsRelease) return 'known';
    this.#count('released');
    return 'released';
  }

  /** The payer takes back what is not released. Rejects if the store is away. */
  async cancel(holdId: Uint8Array): Promise<void> {
    const id = toHex(holdId);
    const before = await this.#rows.read(id);
    if (before) await this.#step(id, before, { kind: 'cancel' });
  }

  async #step(id: string, { htlc }: HeldHtlc, event: { kind: 'released' | 'cancel' }): Promise<HoldStep | undefined> {
    const node = this.#nodeOf(htlc.key.nodeId);
    if (node) return node.step(id, event);
    // Its node is served by another process, which finds this when it looks.
    return this.#rows.step(id, event, () => ({ now: this.#options.clock.now(), height: 0, isPayeeAwake: false }));
  }

  /** What is kept of an HTLC, wherever it is held. */
  read(holdId: Uint8Array): Promise<HeldHtlc | undefined> {
    return this.#rows.read(toHex(holdId));
  }

  // --- what is told of them

  usageOf(client: number): { held: number; heldMsat: Msat } {
    let [held, heldMsat] = [0, 0n];
    for (const node of this.#nodes.values()) {
      for (const { payer, payee, awaitsRelease, awaitsPayee, htlc } of node.held) {
        if ((payer !== client || !awaitsRelease) && (payee !== client || !awaitsPayee)) continue;
        held += 1;
        heldMsat += htlc.incomingAmountMsat;
      }
    }
    return { held, heldMsat };
  }

  totals(): HoldTotals {
    const all = [...this.#nodes.values()].flatMap((node) => node.held);
    return {
      held: all.length,
      heldMsat: all.reduce((sum, { htlc }) => sum + htlc.incomingAmountMsat, 0n),
      awaitRelease: all.filter(({ awaitsRelease }) => awaitsRelease).length,
      awaitPayee: all.filter(({ awaitsRelease, awaitsPayee }) => awaitsPayee && !awaitsRelease).length,
    };
  }

  /** Newest first, of all nodes and processes. @param open only what can still happen; default true */
  async list(limit: number, { open = true }: { readonly open?: boolean } = {}): Promise<readonly HoldView[]> {
    const listed = await this.#rows.list(limit, open ? true : undefined);
    return listed.map((held) => this.view(held));
  }

  view(held: HeldHtlc): HoldView {
    const nameOf = (number: number): string => this.#options.clients.clientNumbered(number)?.name ?? `wallet ${number}`;
    return holdView(held, this.#heightOf(held.htlc.key.nodeId), toHex(held.holdId), nameOf);
  }

  #heightOf(nodeId: NodeId): BlockHeight | undefined {
    return this.#nodeOf(nodeId)?.height;
  }

  /** The greatest height of a node that is served here. */
  get bestHeight(): BlockHeight | undefined {
    const heights = [...this.#nodes.values()].flatMap(({ height }) => height ?? []);
    return heights.length === 0 ? undefined : Math.max(...heights);
  }

  #nodeOf(nodeId: NodeId): NodeHolds | undefined {
    return [...this.#nodes.values()].find((node) => node.nodeId && equalBytes(node.nodeId, nodeId));
  }

  #count(what: HoldCounter): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + 1);
    this.#options.onCount?.(what);
  }

  #again(): void {
    if (this.#isStopped) return;
    const { clock, pollMs = POLL_MS } = this.#options;
    this.#cancel = clock.after(pollMs, () => {
      this.#tick();
      this.#again();
    });
  }

  #tick(): void {
    const { clock, isShared, log } = this.#options;
    for (const node of this.#nodes.values()) {
      if (isShared) node.poll();
      node.review();
    }
    for (const id of [...this.#waitingReleases]) {
      this.#waitingReleases.delete(id);
      this.#release(id).catch(() => this.#waitingReleases.add(id));
    }
    if (clock.now() - this.#forgotAt < FORGET_EVERY_MS) return;
    this.#forgotAt = clock.now();
    this.#rows.forgetEarly().catch((error: unknown) => {
      log.debug({ err: error }, 'early releases could not be cleared away; trying again');
    });
  }
}
