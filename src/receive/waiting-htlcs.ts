/** The books of a session: HTLCs that are not judged yet, HTLCs that wait for their decision, and keys of those that are gone. */
import type { RecognisedScid } from '../phantom/index.js';
import type { BlockHeight, Millis, Msat } from '../wire/units.js';
import type { PartKey } from './ledger/types.js';
import type { InterceptedHtlc } from './node-port.js';
import { RecentKeys } from './recent-keys.js';
import { hasPassed } from './waiting.js';

/** An HTLC that is not judged yet. */
export interface Arrived {
  readonly key: PartKey;
  readonly htlc: InterceptedHtlc;
  readonly since: Millis;
  /** Undefined for one that only the ledger knows, from the time of a key epoch that is retired. */
  readonly recognised: RecognisedScid | undefined;
}

/** An HTLC that waits for its decision. */
export interface Held {
  readonly key: PartKey;
  readonly htlc: InterceptedHtlc;
  readonly since: Millis;
  /** Shared with the sender through the inner onion; undefined where that cannot be opened any more. */
  readonly sharedSecret: Uint8Array | undefined;
}

/** HTLCs remembered as gone, for finals that overtake what they are about. */
const GONE_LIMIT = 20_000;

/** Keyed by the text of the part key: showing an HTLC twice costs nothing. */
export class WaitingHtlcs {
  readonly inbox = new Map<string, Arrived>();
  readonly held = new Map<string, Held>();
  readonly #gone = new RecentKeys(GONE_LIMIT);

  get count(): number {
    return this.held.size + this.inbox.size;
  }

  get sumMsat(): Msat {
    return this.all().reduce((sum, { incomingAmountMsat }) => sum + incomingAmountMsat, 0n);
  }

  get nearestDeadline(): BlockHeight | undefined {
    const nearest = this.all().reduce((least, { deadline }) => Math.min(least, deadline), Infinity);
    return nearest === Infinity ? undefined : nearest;
  }

  all(): InterceptedHtlc[] {
    return [...this.held.values(), ...this.inbox.values()].map(({ htlc }) => htlc);
  }

  /** True if something has been held for `ms`. */
  holdsFor(ms: Millis, now: Millis): boolean {
    for (const { since } of this.held.values()) if (hasPassed(now, since, ms)) return true;
    return false;
  }

  isHeld(text: string): boolean {
    return this.held.has(text);
  }

  isGone(text: string): boolean {
    return this.#gone.has(text);
  }

  /** The node has let go of it. Returns what was held. */
  forget(text: string): Held | undefined {
    this.#gone.add(text);
    this.inbox.delete(text);
    return this.takeHeld(text);
  }

  takeHeld(text: string): Held | undefined {
    const held = this.held.get(text);
    this.held.delete(text);
    return held;
  }

  clear(): void {
    this.inbox.clear();
    this.held.clear();
  }
}
