/** Who is connected to an LND: its list, then its events. */
import { fromHex, isHexOf } from '../../../wire/bytes.js';
import type { Millis, NodeId } from '../../../wire/units.js';
import { toHex } from '../../../wire/bytes.js';
import { type PeerEvent, PeerEventType } from '../rpc/peers.js';

export class ConnectedPeers {
  readonly #onChange: (peer: NodeId, connected: boolean) => void;
  readonly #now: () => Millis;
  /** Since when, as seen here. */
  readonly #since = new Map<string, Millis>();
  readonly #waiters = new Map<string, Set<() => void>>();
  /** Events from before the list, which they may contradict: the last word on each peer is the newer one. */
  #early: PeerEvent[] | undefined = [];

  constructor(onChange: (peer: NodeId, connected: boolean) => void, now: () => Millis) {
    this.#onChange = onChange;
    this.#now = now;
  }

  listed(peers: readonly { readonly pubKey: string }[]): void {
    for (const { pubKey } of peers) this.#set(pubKey, true);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.changed(event);
  }

  changed(event: PeerEvent): void {
    if (this.#early) this.#early.push(event);
    else if (event.type === PeerEventType.online) this.#set(event.pubKey, true);
    else if (event.type === PeerEventType.offline) this.#set(event.pubKey, false);
  }

  #set(pubKey: string, connected: boolean): void {
    if (!isHexOf(pubKey, 33) || this.#since.has(pubKey) === connected) return;
    if (connected) this.#since.set(pubKey, this.#now());
    else this.#since.delete(pubKey);
    this.#onChange(fromHex(pubKey), connected);
    if (!connected) return;
    for (const wake of this.#waiters.get(pubKey) ?? []) wake();
    this.#waiters.delete(pubKey);
  }

  has(peer: NodeId): boolean {
    return this.#since.has(toHex(peer));
  }

  /** It was connected at that time already. */
  wasThere(peer: NodeId, at: Millis): boolean {
    const since = this.#since.get(toHex(peer));
    return since !== undefined && since <= at;
  }

  /** Whether the peer is connected, as soon as it is, within this time. */
  async come(peer: NodeId, withinMs: Millis): Promise<boolean> {
    const key = toHex(peer);
    if (this.#since.has(key)) return true;
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, waiters);
      const wake = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        waiters.delete(wake);
        if (waiters.size === 0) this.#waiters.delete(key);
        resolve(false);
      }, withinMs);
      waiters.add(wake);
    });
  }
}
