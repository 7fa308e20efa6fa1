/** A connection that is there when it is needed: made on first use, made again on the next use after it was lost. */
import type { TLSSocket } from 'node:tls';
import type { Millis } from '../../../wire/units.js';
import { Link, type LinkTimes, type LinkUser } from './link.js';

export interface ConnectionTimes extends LinkTimes {
  /** After a failed attempt the next one waits this long, then twice as long, … */
  readonly minBackoffMs: Millis;
  /** … and never longer than this. */
  readonly maxBackoffMs: Millis;
}

export class Connection {
  readonly #dial: () => TLSSocket;
  readonly #times: ConnectionTimes;
  /** Takes calls, or will. */
  #link: Link | undefined;
  /** Those that finish their calls too. */
  readonly #links = new Set<Link>();
  #backoffMs: Millis = 0;
  #notBefore: Millis = 0;
  #isClosed = false;

  /** @param dial begins a TLS connection; may throw */
  constructor(dial: () => TLSSocket, times: ConnectionTimes) {
    this.#dial = dial;
    this.#times = times;
  }

  /** A call made between two attempts waits for the next one, and hears how that went. */
  join(user: LinkUser): Link {
    this.#link ??= this.#newLink();
    this.#link.join(user);
    return this.#link;
  }

  /** Ends all calls; those made later fail. */
  close(): void {
    this.#isClosed = true;
    for (const link of [...this.#links]) link.close();
  }

  #newLink(): Link {
    const link = new Link({
      dial: () => {
        if (this.#isClosed) throw new Error('this client is closed');
        return this.#dial();
      },
      delayMs: this.#isClosed ? 0 : Math.max(0, this.#notBefore - performance.now()),
      times: this.#times,
      onChange: (changed) => {
        this.#handleChange(changed);
      },
    });
    this.#links.add(link);
    return link;
  }

  #handleChange(link: Link): void {
    if (link.state === 'lost') this.#links.delete(link);
    if (link.state === 'ready') {
      this.#backoffMs = 0;
      return;
    }
    if (this.#link === link) this.#link = undefined;
    if (link.state === 'lost' && !link.wasReady) {
      const { minBackoffMs, maxBackoffMs } = this.#times;
      this.#backoffMs = Math.min(maxBackoffMs, Math.max(minBackoffMs, 2 * this.#backoffMs));
      this.#notBefore = performance.now() + this.#backoffMs;
    }
  }
}
