/** The HTLCs of one stream that can still be answered: shown, not answered on it, not over. */
import type { HtlcKey, InterceptedHtlc } from '../../receive/node-port.js';
import type { BlockHeight } from '../../wire/units.js';

export class ShownHtlcs {
  readonly #htlcs = new Map<string, InterceptedHtlc>();
  /**
   * On-chain ones that LND showed although their time was over by the height known here: LND does not let go of them at
   * the next block, since its own height lags behind.
   */
  readonly #late = new Set<string>();

  /** A later one takes the place of an earlier: an HTLC is shown again when its channel is closed. */
  add(htlc: InterceptedHtlc, height: BlockHeight): void {
    const text = textOf(htlc.key);
    const isOver = htlc.deadline <= height;
    this.#late.delete(text);
    if (isOver && !htlc.onChain) return; // LND fails it at this very block
    this.#htlcs.set(text, htlc);
    if (isOver) this.#late.add(text);
  }

  get(key: HtlcKey): InterceptedHtlc | undefined {
    return this.#htlcs.get(textOf(key));
  }

  remove(key: HtlcKey): void {
    const text = textOf(key);
    this.#htlcs.delete(text);
    this.#late.delete(text);
  }

  /** LND lets go of an HTLC when its deadline height comes; an answer after that would end the stream. */
  heightIs(height: BlockHeight): void {
    for (const [text, { deadline }] of this.#htlcs) {
      if (deadline <= height && !this.#late.has(text)) this.#htlcs.delete(text);
    }
  }
}

function textOf({ channelId, htlcId }: HtlcKey): string {
  return `${channelId}/${htlcId}`;
}
