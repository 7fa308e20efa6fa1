/** Mail that was handed over a moment ago: a wallet's node may have been there before anybody at the wallet listened to it. */
import type { OnionMessage } from '../../onion/index.js';
import type { Millis } from '../../wire/units.js';

/** Longer than it takes a wallet to start. */
const SPAN_MS: Millis = 120_000;
/** Messages of all wallets; the oldest make room. */
const MOST = 2_000;

interface Handed {
  readonly client: number;
  readonly message: OnionMessage;
  readonly at: Millis;
}

export class HandedOver {
  /** Oldest first. */
  #handed: Handed[] = [];

  remember(client: number, messages: readonly OnionMessage[], now: Millis): void {
    const added = messages.map((message) => ({ client, message, at: now }));
    this.#handed = [...this.#young(now), ...added].slice(-MOST);
  }

  /** Oldest first. */
  of(client: number, now: Millis): readonly OnionMessage[] {
    this.#handed = this.#young(now);
    return this.#handed.filter((one) => one.client === client).map(({ message }) => message);
  }

  #young(now: Millis): Handed[] {
    const first = this.#handed.findIndex(({ at }) => now - at < SPAN_MS);
    return first < 0 ? [] : this.#handed.slice(first);
  }
}
