/** Events in order of time; those of the same time in the order in which they were added. */

interface Entry {
  readonly at: number;
  readonly turn: number;
  readonly run: () => void;
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.turn < b.turn);

export class EventQueue {
  /** Few events wait at any time: a sorted list is enough. */
  readonly #entries: Entry[] = [];
  #turn = 0;

  push(at: number, run: () => void): void {
    const entry = { at, turn: this.#turn++, run };
    let place = this.#entries.length;
    while (place > 0 && !isBefore(this.#entries[place - 1]!, entry)) place--;
    this.#entries.splice(place, 0, entry);
  }

  pop(): Entry | undefined {
    return this.#entries.shift();
  }
}
