/** The stream of the internal member: rows without an end are shown, and an end is written before anybody hears of it. */
import type { KeyRing } from '../../phantom/index.js';
import type { HtlcAnswer, HtlcKey, InterceptHandlers, InterceptSession } from '../../receive/node-port.js';
import type { Clock } from '../../send/run/ports.js';
import { toHex } from '../../wire/bytes.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import { isPlace, keptFailure, NEVER_CAME, shownHtlc } from './htlc.js';
import type { InternalHtlc, InternalHtlcs } from './store-port.js';

export interface InternalSessionOptions {
  readonly nodeId: NodeId;
  readonly store: InternalHtlcs;
  readonly keys: () => KeyRing;
  readonly clock: Clock;
  readonly pollMs: Millis;
  /** The last height that is known. */
  readonly height: () => BlockHeight;
  /** An end is durable. */
  readonly onEnded: (row: InternalHtlc) => void;
  readonly onClosed: () => void;
}

export class InternalSession implements InterceptSession {
  readonly #options: InternalSessionOptions;
  readonly #handlers: InterceptHandlers;
  /** Shown on this session, by HTLC id; until the store has an end for them. */
  readonly #shown = new Map<bigint, InternalHtlc>();
  readonly #answered = new Set<bigint>();
  #open = true;
  #height: BlockHeight;
  #cancel: (() => void) | undefined;

  constructor(options: InternalSessionOptions, handlers: InterceptHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#height = options.height();
  }

  /** Shows all that is held. Rejects when the database is away. */
  async begin(): Promise<void> {
    await this.look();
    this.#plan();
  }

  /** Shows one HTLC, unless it was shown already. */
  show(row: InternalHtlc): void {
    if (!this.#open || row.end.state !== 'held' || this.#shown.has(row.htlcId)) return;
    this.#shown.set(row.htlcId, row);
    if (isPlace(row)) {
      this.#answered.add(row.htlcId);
      this.#write(row, (store, key) => store.fail(key, NEVER_CAME));
      return;
    }
    const { keys, nodeId } = this.#options;
    this.#handlers.onHtlc(shownHtlc(keys(), nodeId, row));
  }

  /** Looks for what came, what ended and for new blocks. Rejects when the database is away. */
  async look(): Promise<void> {
    const { store, nodeId, height } = this.#options;
    const known = [...this.#shown.values()];
    const rows = await store.held(toHex(nodeId));
    if (!this.#open) return;
    const now = height();
    if (now !== this.#height) this.#handlers.onHeight((this.#height = now));
    const held = new Set(rows.map(({ htlcId }) => htlcId));
    // What another process has answered under its own lease.
    for (const row of known) if (!held.has(row.htlcId)) await this.#endedElsewhere(row);
    for (const row of rows) this.show(row);
  }

  async #endedElsewhere({ nodeId, channelId, htlcId }: InternalHtlc): Promise<void> {
    const row = await this.#options.store.lookup({ nodeId, channelId, htlcId });
    if (row) this.#ended(row);
  }

  #plan(): void {
    if (!this.#open) return;
    const { clock, pollMs } = this.#options;
    const again = (): void => {
      this.#plan();
    };
    this.#cancel = clock.after(pollMs, () => {
      this.look().then(again, again); // what is wrong with the database is the heartbeat's to tell
    });
  }

  readonly answer = (key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' | 'closed' => {
    if (!this.#open) return 'closed';
    const row = this.#shown.get(key.htlcId);
    if (!row || this.#answered.has(key.htlcId)) return 'unknown';
    this.#answered.add(key.htlcId);
    if (answer.action === 'settle') {
      this.#write(row, (store, name) => store.settle(name, toHex(answer.preimage)));
    } else {
      const failure = keptFailure(this.#options.keys(), row, answer);
      this.#write(row, (store, name) => store.fail(name, failure));
    }
    return 'sent';
  };

  /** Again until it is durable or the session is over; then the HTLC is shown again on the next. */
  #write(row: InternalHtlc, end: (store: InternalHtlcs, key: InternalHtlc) => Promise<InternalHtlc | undefined>): void {
    const { store, clock, pollMs } = this.#options;
    end(store, row).then(
      (written) => {
        if (written) this.#ended(written);
      },
      () => {
        clock.after(pollMs, () => {
          if (this.#open && this.#shown.has(row.htlcId)) this.#write(row, end);
        });
      },
    );
  }

  #ended(row: InternalHtlc): void {
    if (row.end.state === 'held') return;
    this.#options.onEnded(row);
    if (!this.#open || !this.#shown.delete(row.htlcId)) return;
    this.#answered.delete(row.htlcId);
    const { channelId, htlcId, end } = row;
    const key = { nodeId: this.#options.nodeId, channelId, htlcId };
    if (!isPlace(row)) this.#handlers.onFinal({ key, outcome: end.state, onChain: false });
  }

  /** The stream lives as long as the database answers: there is nothing else behind it. */
  readonly heartbeat = async (): Promise<BlockHeight> => {
    if (this.#open) await this.look();
    if (!this.#open) throw new Error('the session is closed');
    return this.#height;
  };

  readonly close = (): void => {
    this.end('closed by us');
  };

  end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#cancel?.();
    this.#options.onClosed();
    this.#handlers.onClosed(reason);
  }
}
