/** Work that waits for answers of LND: a few pieces at a time, the rest in line, and no more in line than is bearable. */

/** Questions under way at once. */
const AT_WORK = 16;
const MAX_WAITING = 512;
/** Of those, from one source: a flood of one peer keeps the others' messages out of nothing. */
const MAX_WAITING_PER_SOURCE = 128;

interface Waiting {
  readonly source: string;
  readonly work: () => Promise<void>;
}

export class Backlog {
  readonly #waiting: Waiting[] = [];
  readonly #waitingOf = new Map<string, number>();
  #atWork = 0;
  /** Pieces that found no place. */
  dropped = 0;

  /** @param work what it rejects with is not told: whatever it was for is dropped */
  put(source: string, work: () => Promise<void>): void {
    const ofSource = this.#waitingOf.get(source) ?? 0;
    if (this.#waiting.length >= MAX_WAITING || ofSource >= MAX_WAITING_PER_SOURCE) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push({ source, work });
    this.#waitingOf.set(source, ofSource + 1);
    this.#next();
  }

  /** What waits is forgotten. */
  clear(): void {
    this.#waiting.length = 0;
    this.#waitingOf.clear();
  }

  #next(): void {
    if (this.#atWork >= AT_WORK) return;
    const next = this.#waiting.shift();
    if (!next) return;
    const left = this.#waitingOf.get(next.source)! - 1;
    if (left > 0) this.#waitingOf.set(next.source, left);
    else this.#waitingOf.delete(next.source);
    this.#atWork += 1;
    void next
      .work()
      .catch(() => undefined)
      .finally(() => {
        this.#atWork -= 1;
        this.#next();
      });
  }
}
