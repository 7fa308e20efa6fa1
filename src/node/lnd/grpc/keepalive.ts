/** Notices that the other side of a connection is gone without a word: by pings while a call is open and nothing is heard. */
import type { Millis } from '../../../wire/units.js';

export interface KeepaliveTimes {
  /** Silence after which to ping; LND drops clients that ping more often than every 5 s. */
  readonly pingMs: Millis;
  readonly pingTimeoutMs: Millis;
}

export interface KeepaliveUser {
  /** @returns false: the ping was not sent */
  ping(onAnswer: () => void): boolean;
  onSilence(): void;
}

/** A call after a long rest is given this long to be answered before a ping has to be. */
const FIRST_ANSWER_MS: Millis = 1_000;

export class Keepalive {
  readonly #times: KeepaliveTimes;
  readonly #user: KeepaliveUser;
  /** Of the last thing heard, or the last ping. */
  #since: Millis = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #isAwaited = false;

  constructor(times: KeepaliveTimes, user: KeepaliveUser) {
    this.#times = times;
    this.#user = user;
  }

  heard(): void {
    this.#since = performance.now();
  }

  /** A call is open. */
  run(): void {
    this.#isRunning = true;
    if (this.#timer) return;
    const due = this.#since + this.#times.pingMs - performance.now();
    this.#wait(Math.max(due, Math.min(FIRST_ANSWER_MS, this.#times.pingMs)));
  }

  /** No call is open. A ping that is under way still has to be answered. */
  rest(): void {
    this.#isRunning = false;
    if (!this.#isAwaited) this.stop();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAwaited = false;
  }

  #wait(ms: Millis): void {
    this.#timer = setTimeout(() => {
      const rest = this.#since + this.#times.pingMs - performance.now();
      if (rest > 0) this.#wait(rest);
      else this.#ping();
    }, ms).unref();
  }

  #ping(): void {
    this.#timer = undefined;
    this.heard();
    const isSent = this.#user.ping(() => {
      if (!this.#isAwaited) return;
      this.stop();
      this.heard();
      if (this.#isRunning) this.#wait(this.#times.pingMs);
    });
    if (!isSent) {
      this.#wait(this.#times.pingMs);
      return;
    }
    this.#isAwaited = true;
    this.#timer = setTimeout(() => {
      // If it was we who stood still, the answer is there and is read before this.
      setImmediate(() => {
        if (this.#isAwaited) this.#user.onSilence();
      });
    }, this.#times.pingTimeoutMs).unref();
  }
}
