/** Which wallet has to wake up for a held HTLC, and when it is told. */
import type { HeldHtlc } from '../../offline/hold/types.js';
import { EXPIRY_SOON_BLOCKS } from '../../offline/wake/index.js';
import { toHex } from '../../wire/bytes.js';
import type { BlockHeight } from '../../wire/units.js';
import type { ChannelBook } from './hold-channels.js';
import { type HoldParts, TELL_PAYER_AFTER_MS } from './hold-parts.js';

const MOST_REMEMBERED = 50_000;

export class HoldWakes {
  readonly #parts: Pick<HoldParts, 'clients' | 'wake' | 'clock'>;
  readonly #book: ChannelBook;
  readonly #told = new Set<string>();

  constructor(parts: Pick<HoldParts, 'clients' | 'wake' | 'clock'>, book: ChannelBook) {
    this.#parts = parts;
    this.#book = book;
  }

  wakePayee(number: number): void {
    const client = this.#parts.clients.clientNumbered(number);
    if (client) this.#parts.wake(client, { method: 'lsps5.payment_incoming' });
  }

  /** Something is on its way back to the payer, or will be soon. */
  tellPayer({ payer, holdId, htlc }: HeldHtlc): void {
    const client = payer === undefined ? undefined : this.#parts.clients.clientNumbered(payer);
    if (!client || this.#book.isAwake(client.nodeId) || !this.#once(`${toHex(holdId)} told`)) return;
    this.#parts.wake(client, { method: 'manifold.settlement_pending', deadline: htlc.incomingExpiry });
  }

  /** What time has made urgent. */
  review(held: HeldHtlc, height: BlockHeight): void {
    const { clients, wake, clock } = this.#parts;
    const { phase, payee, payer, failAt, awaitsRelease, decidedAt, holdId } = held;
    const { incomingExpiry: timeout } = held.htlc;
    if (phase === 'held') {
      const client = payee === undefined || awaitsRelease ? undefined : clients.clientNumbered(payee);
      if (client && height >= failAt - EXPIRY_SOON_BLOCKS && this.#once(`${toHex(holdId)} payee`)) {
        wake(client, { method: 'lsps5.expiry_soon', timeout: failAt });
      }
      return;
    }
    const client = payer === undefined ? undefined : clients.clientNumbered(payer);
    if (!client || this.#book.isAwake(client.nodeId)) return;
    if (height >= timeout - EXPIRY_SOON_BLOCKS && this.#once(`${toHex(holdId)} payer`)) {
      wake(client, { method: 'lsps5.expiry_soon', timeout });
    }
    if (clock.now() >= (decidedAt ?? 0) + TELL_PAYER_AFTER_MS) this.tellPayer(held);
  }

  /** Once in the life of a process: who sleeps on is called again by the service that wakes. */
  #once(what: string): boolean {
    if (this.#told.has(what)) return false;
    if (this.#told.size >= MOST_REMEMBERED) this.#told.clear();
    this.#told.add(what);
    return true;
  }
}
