/** Knowledge in memory, kept in step with the lessons of all processes, and saved now and then. */
import type { Millis, Msat } from '../../wire/units.js';
import type { ChannelGraph } from '../graph/channel-graph.js';
import { exportKnowledge, importKnowledge } from '../knowledge/export.js';
import { type HopUse, Knowledge } from '../knowledge/knowledge.js';
import { lessonsToText } from '../payment/codec.js';
import { applyLessons, type SharedLesson } from '../payment/lessons.js';
import type { Clock } from './ports.js';
import type { AheadLessons, PaymentStore, StoredLessons } from './store-port.js';

const ROWS_AT_ONCE = 500;
/** Another process that has not read a lesson for so long begins anew anyway. */
const KEEP_LESSONS_MS: Millis = 3_600_000;

export interface SharedKnowledgeOptions {
  readonly graph: ChannelGraph;
  readonly store: PaymentStore;
  readonly clock: Clock;
  readonly owner: string;
  readonly onTrouble: (what: string, error: unknown) => void;
}

export class SharedKnowledge {
  readonly knowledge: Knowledge;
  readonly #options: SharedKnowledgeOptions;
  /** Reservations on channels that the graph does not know yet, by direction: they count as soon as it does. */
  readonly #early = new Map<bigint, { readonly hop: HopUse; amountMsat: Msat }>();
  /**
   * How often lasting lessons were learnt ahead of the log, by owner and text; below 0 if the log was first. So each is
   * learnt once, and a copy knows which lessons behind its place are in it.
   */
  readonly #ahead = new Map<string, number>();
  #seq = 0n;
  #isNew = false;
  #polling: Promise<void> = Promise.resolve();

  constructor(options: SharedKnowledgeOptions) {
    this.#options = options;
    this.knowledge = new Knowledge(options.graph);
  }

  /** Rejects as the store does. */
  async load(): Promise<void> {
    const { store, onTrouble } = this.#options;
    const { snapshot, seq, reserved } = await store.startingKnowledge();
    if (snapshot) {
      const imported = importKnowledge(this.knowledge, snapshot.knowledge);
      if (imported.ok) for (const { owner, text } of snapshot.ahead) this.#meet(owner, text, 1);
      else onTrouble('the saved knowledge cannot be read and is begun anew', imported.error);
      await this.#catchUp(snapshot.seq, seq);
    }
    for (const hops of reserved) this.#reserve(hops);
    this.#seq = seq;
    await this.poll();
  }

  /** Takes in what other processes have learnt by now. Rejects as the store does. */
  poll(): Promise<void> {
    this.#polling = this.#polling.then(
      () => this.#poll(),
      () => this.#poll(),
    );
    return this.#polling;
  }

  /** Own lessons, which are in the log or will be. */
  learn(lessons: readonly SharedLesson[]): void {
    if (lessons.length === 0) return;
    this.#isNew = true;
    const lasting = lessons.filter(isLasting);
    const isKnown = lasting.length > 0 && this.#meet(this.#options.owner, lessonsToText(lasting), 1);
    this.#apply(isKnown ? lessons.filter((lesson) => !isLasting(lesson)) : lessons, this.#options.clock.now());
  }

  /** Own lessons that were learnt will never be in the log. */
  keepFromLog(lessons: readonly SharedLesson[]): void {
    this.#meet(this.#options.owner, lessonsToText(lessons.filter(isLasting)), -1);
  }

  /** Parts that no log knows of are reserved here alone. */
  reserve(hops: readonly HopUse[]): void {
    this.#reserve(hops);
  }

  release(hops: readonly HopUse[]): void {
    this.#release(hops);
  }

  /** To be called when the graph has grown. */
  graphGrew(): void {
    for (const [key, { hop, amountMsat }] of this.#early) {
      if (!this.#isKnown(hop)) continue;
      this.#early.delete(key);
      this.knowledge.reserve([{ ...hop, amountMsat }]);
    }
  }

  /** Saves what was learnt since the last time. Rejects as the store does. */
  async save(): Promise<void> {
    if (!this.#isNew) return;
    await this.poll();
    this.#isNew = false;
    // All of one moment: no lesson comes in between.
    const knowledge = exportKnowledge(this.knowledge, this.#options.clock.now());
    const snapshot = { seq: this.#seq, knowledge, ahead: this.#ownAhead() };
    try {
      await this.#options.store.saveKnowledge(snapshot, KEEP_LESSONS_MS);
    } catch (error) {
      this.#isNew = true;
      throw error;
    }
  }

  /** Lessons that the snapshot lacks. What they reserve is told by the parts that are out. */
  async #catchUp(from: bigint, to: bigint): Promise<void> {
    let seq = from;
    while (seq < to) {
      const rows = await this.#options.store.lessonsAfter(seq, ROWS_AT_ONCE);
      for (const row of rows.filter((each) => each.seq <= to)) this.#applyLasting(row);
      const last = rows.at(-1);
      if (!last || rows.length < ROWS_AT_ONCE) return;
      seq = last.seq;
    }
  }

  async #poll(): Promise<void> {
    for (;;) {
      const rows = await this.#options.store.lessonsAfter(this.#seq, ROWS_AT_ONCE);
      for (const row of rows) {
        if (row.seq <= this.#seq) continue;
        this.#seq = row.seq;
        // What is reserved and released by this process's own steps is so with their commits.
        if (row.owner !== this.#options.owner)
          this.#apply(
            row.lessons.filter((each) => !isLasting(each)),
            row.at,
          );
        this.#applyLasting(row);
      }
      if (rows.length < ROWS_AT_ONCE) return;
    }
  }

  /** What a row teaches, unless it was learnt ahead of the log. */
  #applyLasting({ owner, lessons, at }: StoredLessons): void {
    const lasting = lessons.filter(isLasting);
    if (lasting.length === 0 || this.#meet(owner, lessonsToText(lasting), -1)) return;
    this.#isNew = true;
    this.#apply(lasting, at);
  }

  /**
   * Lessons come to their other appearance: learnt (1) and read in the log (-1).
   * @returns whether the other appearance was first
   */
  #meet(owner: string, text: string, by: 1 | -1): boolean {
    const key = aheadKey(owner, text);
    const before = this.#ahead.get(key) ?? 0;
    const wasFirst = before * by < 0;
    // Of other processes nobody here will learn what their rows say.
    if (!wasFirst && by < 0 && owner !== this.#options.owner) return false;
    if (before + by === 0) this.#ahead.delete(key);
    else this.#ahead.set(key, before + by);
    return wasFirst;
  }

  #ownAhead(): readonly AheadLessons[] {
    const { owner } = this.#options;
    const start = aheadKey(owner, '');
    return [...this.#ahead]
      .filter(([key]) => key.startsWith(start))
      .flatMap(([key, times]) =>
        Array.from({ length: Math.max(0, times) }, () => ({ owner, text: key.slice(start.length) })),
      );
  }

  #apply(lessons: readonly SharedLesson[], at: Millis): void {
    // Clocks differ: nothing was learnt in the future.
    const when = Math.min(at, this.#options.clock.now());
    for (const lesson of lessons) {
      if (lesson.kind === 'reserved') this.#reserve(lesson.hops);
      else if (lesson.kind === 'released') this.#release(lesson.hops);
      else applyLessons(this.knowledge, [lesson], when);
    }
  }

  #reserve(hops: readonly HopUse[]): void {
    for (const hop of hops) {
      if ((hop.kind ?? 'public') !== 'public') continue;
      const early = this.#early.get(keyOf(hop));
      if (early) early.amountMsat += hop.amountMsat;
      else if (this.#isKnown(hop)) this.knowledge.reserve([hop]);
      else this.#early.set(keyOf(hop), { hop, amountMsat: hop.amountMsat });
    }
  }

  #release(hops: readonly HopUse[]): void {
    for (const hop of hops) {
      if ((hop.kind ?? 'public') !== 'public') continue;
      const early = this.#early.get(keyOf(hop));
      if (!early) {
        this.knowledge.release([hop]);
        continue;
      }
      early.amountMsat -= hop.amountMsat;
      if (early.amountMsat <= 0n) this.#early.delete(keyOf(hop));
    }
  }

  #isKnown({ scid }: HopUse): boolean {
    return this.knowledge.graph.capacityOf(scid) !== undefined || this.knowledge.bounds.get(scid) !== undefined;
  }
}

/** Reservations are of parts, and made anew from them after a start; everything else is kept. */
function isLasting({ kind }: SharedLesson): boolean {
  return kind !== 'reserved' && kind !== 'released';
}

const aheadKey = (owner: string, text: string): string => `${owner}\n${text}`;

const keyOf = ({ scid, direction }: HopUse): bigint => (scid << 1n) | BigInt(direction);
