/** Policies whose channel is not known yet: gossip of one channel comes over several ways. */
import type { Millis, ShortChannelId } from '../../wire/units.js';
import type { PolicyUpdate } from './policy.js';

const KEPT_FOR_MS: Millis = 60_000;
const MOST_CHANNELS = 20_000;

interface Early {
  readonly at: Millis;
  readonly updates: PolicyUpdate[];
}

export class EarlyPolicies {
  /** In the order in which their first policy came. */
  readonly #channels = new Map<ShortChannelId, Early>();

  keep(update: PolicyUpdate, now: Millis): void {
    this.#forget(now);
    const early = this.#channels.get(update.scid);
    if (!early) {
      this.#channels.set(update.scid, { at: now, updates: [update] });
      return;
    }
    const index = early.updates.findIndex(({ direction }) => direction === update.direction);
    if (index < 0) early.updates.push(update);
    else if (early.updates[index]!.timestamp < update.timestamp) early.updates[index] = update;
  }

  /** The channel is known now. */
  take(scid: ShortChannelId, now: Millis): readonly PolicyUpdate[] {
    const early = this.#channels.get(scid);
    this.#channels.delete(scid);
    return early && now - early.at <= KEPT_FOR_MS ? early.updates : [];
  }

  #forget(now: Millis): void {
    for (const [scid, { at }] of this.#channels) {
      if (now - at <= KEPT_FOR_MS && this.#channels.size < MOST_CHANNELS) return;
      this.#channels.delete(scid);
    }
  }
}
