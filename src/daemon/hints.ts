/** Hints of LDK members: taken in and kept in the store; and those of the own members, for LDK programs to take in. */
import {
  type ClusterMember,
  importedMember,
  type KeyRing,
  PHANTOM_SCID_VARIANTS,
  phantomScid,
  type PhantomRouteHints,
  phantomRouteHintsOfJson,
} from '../phantom/index.js';
import { randomBytes } from '../crypto/index.js';
import type { Meta } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import { err, ok, type Result } from '../wire/result.js';
import { type HintsJson, hintsJson } from './hints-json.js';

const META_KEY = 'imported_hints';
const MOST_NODES = 64;
/** Oldest first; every phantom SCID kept stays in use. */
const MOST_PER_NODE = 4;
const MOST_CHANNELS = 256;

export interface HintsOptions {
  readonly meta: Pick<Meta, 'get' | 'set'>;
  readonly keys: () => KeyRing;
  /** Own members, hex. */
  readonly ownNodeIds: () => readonly string[];
}

export class HintBook {
  readonly #options: HintsOptions;
  #byNode = new Map<string, [PhantomRouteHints, ...PhantomRouteHints[]]>();
  #members: readonly ClusterMember[] = [];
  /** Changes run one after the other: each reads what the one before wrote. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  get members(): readonly ClusterMember[] {
    return this.#members;
  }

  /** Reads what is stored: at the start, and again because other daemons take hints in too. */
  async load(): Promise<void> {
    const text = await this.#options.meta.get(META_KEY);
    const book = new Map<string, [PhantomRouteHints, ...PhantomRouteHints[]]>();
    for (const json of text === undefined ? [] : (JSON.parse(text) as unknown[])) {
      const hints = phantomRouteHintsOfJson(json);
      if (hints.ok) add(book, hints.value);
    }
    this.#byNode = book;
    this.#members = [...book.values()].map((hints) => importedMember(hints, { healthy: true }));
  }

  import(hints: PhantomRouteHints): Promise<Result<{ readonly nodeId: string; readonly scids: number }>> {
    return this.#inTurn(async () => {
      const nodeId = toHex(hints.nodeId);
      if (this.#options.ownNodeIds().includes(nodeId)) {
        return err({
          code: 'own_member',
          message: 'this node is a member already: Manifold knows its channels and makes its SCIDs',
        });
      }
      if (hints.channels.length > MOST_CHANNELS)
        return err({ code: 'too_many_channels', message: `a node may have at most ${MOST_CHANNELS} channels` });
      await this.load();
      if (!this.#byNode.has(nodeId) && this.#byNode.size >= MOST_NODES) {
        return err({
          code: 'too_many_nodes',
          message: `hints of at most ${MOST_NODES} nodes are kept; remove one first`,
        });
      }
      add(this.#byNode, hints);
      await this.#save();
      return ok({ nodeId, scids: this.#byNode.get(nodeId)!.length });
    });
  }

  /** False if there are no hints of this node. */
  remove(nodeId: string): Promise<boolean> {
    return this.#inTurn(async () => {
      await this.load();
      if (!this.#byNode.delete(nodeId)) return false;
      await this.#save();
      return true;
    });
  }

  /** Own members in the form that is imported, each with a fresh phantom SCID. */
  export(own: readonly ClusterMember[]): readonly HintsJson[] {
    const { keys } = this.#options.keys().current;
    return own.map((member) => {
      const variant = Number(uintOf(randomBytes(4))) % PHANTOM_SCID_VARIANTS;
      return hintsJson({
        nodeId: member.nodeId,
        phantomScid: phantomScid(keys, member.nodeId, variant),
        channels: member.channels,
      });
    });
  }

  async #save(): Promise<void> {
    const all = [...this.#byNode.values()].flat().map(hintsJson);
    await this.#options.meta.set(META_KEY, JSON.stringify(all));
    await this.load();
  }

  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(body, body);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function add(book: Map<string, [PhantomRouteHints, ...PhantomRouteHints[]]>, hints: PhantomRouteHints): void {
  const known = book.get(toHex(hints.nodeId)) ?? [];
  const kept = known.filter(({ phantomScid: scid }) => scid !== hints.phantomScid).slice(1 - MOST_PER_NODE);
  const [oldest = hints, ...newer] = kept.length > 0 ? [...kept, hints] : [];
  book.set(toHex(hints.nodeId), [oldest, ...newer]);
}
