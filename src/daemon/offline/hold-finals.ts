/** Ends of held HTLCs that were told while nobody listened: the node is asked for them, some at a time. */
import type { ForwardStream } from '../../receive/forward-desk.js';
import type { FinalResult, HtlcKey } from '../../receive/node-port.js';
import type { Millis } from '../../wire/units.js';
import type { HoldParts } from './hold-parts.js';

const EVERY_MS: Millis = 30_000;
const AT_ONCE = 50;

export class HoldFinals {
  readonly #node: string;
  readonly #parts: Pick<HoldParts, 'clock' | 'log'>;
  readonly #found: (final: Pick<FinalResult, 'key' | 'outcome'>) => void;
  #isLooking = false;
  #lookedAt: Millis = -Infinity;
  /** Goes round, so that those which last long keep nobody from being asked for. */
  #next = 0;

  constructor(
    node: string,
    parts: Pick<HoldParts, 'clock' | 'log'>,
    found: (final: Pick<FinalResult, 'key' | 'outcome'>) => void,
  ) {
    this.#node = node;
    this.#parts = parts;
    this.#found = found;
  }

  /** A stream begins: look at once. */
  opened(): void {
    this.#lookedAt = -Infinity;
  }

  /** Asks for some of these, unless it did so a moment ago. Never rejects. */
  async look(stream: ForwardStream, missing: readonly HtlcKey[]): Promise<void> {
    const { clock, log } = this.#parts;
    if (this.#isLooking || missing.length === 0 || clock.now() - this.#lookedAt < EVERY_MS) return;
    this.#isLooking = true;
    this.#lookedAt = clock.now();
    try {
      for (let asked = 0; asked < Math.min(AT_ONCE, missing.length); asked++) {
        const key = missing[this.#next++ % missing.length]!;
        const outcome = await stream.lookUpFinal(key);
        if (outcome) this.#found({ key, outcome });
      }
    } catch (error) {
      log.debug({ err: error, node: this.#node }, 'the node does not tell how HTLCs ended; asking again');
    } finally {
      this.#isLooking = false;
    }
  }
}
