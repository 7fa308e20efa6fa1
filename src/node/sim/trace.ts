/** What happened in a simulated world, as a running hash: two runs with the same hash did the same things in the same order. */
import type { Millis } from '../../wire/units.js';

export class Trace {
  readonly #now: () => Millis;
  readonly #keep: boolean;
  readonly #lines: string[] = [];
  #low = 0x811c_9dc5;
  #high = 0x4195_1d3b;
  #count = 0;

  /** @param keep also keep the lines, for reading; the hash needs constant memory */
  constructor(now: () => Millis, keep: boolean) {
    this.#now = now;
    this.#keep = keep;
  }

  note(what: string): void {
    const line = `${this.#now()} ${what}`;
    this.#count += 1;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      this.#low = Math.imul(this.#low ^ code, 0x0100_0193);
      this.#high = Math.imul(this.#high ^ code, 0x85eb_ca6b) ^ (this.#low >>> 13);
    }
    if (this.#keep) this.#lines.push(line);
  }

  get count(): number {
    return this.#count;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** 16 hex digits. */
  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
