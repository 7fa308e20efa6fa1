/** How much one client may ask for: tokens that come back with time, for the clients that asked last. */
import type { Millis } from '../../wire/units.js';

export interface GateOptions {
  readonly burst: number;
  /** A token comes back after so long. */
  readonly everyMs: number;
  /** Clients that are remembered; the one that asked longest ago is forgotten first. */
  readonly mostClients: number;
}

interface Bucket {
  readonly tokens: number;
  readonly at: Millis;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** False if the client has to wait. */
  pass(client: string, now: Millis): boolean {
    const { burst, everyMs, mostClients } = this.#options;
    const bucket = this.#buckets.get(client) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / everyMs);
    const passes = tokens >= 1;
    this.#buckets.delete(client);
    this.#buckets.set(client, { tokens: passes ? tokens - 1 : tokens, at: now });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= mostClients) break;
      this.#buckets.delete(oldest);
    }
    return passes;
  }
}
