/** A session's talk with the ledger: what it asks about HTLCs, what it reports of their end, and both again after a loss. */
import type { Clock } from './clock.js';
import { type Ledger, paymentHashOf } from './ledger/ledger.js';
import { isRetryable, refusesRows } from './ledger/store-port.js';
import type { LedgerCommand, LedgerReply, PartKey } from './ledger/types.js';

export interface RecordedPart {
  readonly key: PartKey;
  readonly paymentHash: string;
}

/** What a session needs of the ledger before phantom HTLCs can be put to it. */
export interface Serving {
  /** Of the lease under which the stream is served. */
  readonly epoch: number;
  /** Parts of this node that the ledger knows and that are not final, by key text. */
  readonly recorded: Map<string, RecordedPart>;
}

/** The commands that ask what to do with one HTLC. */
export type Question = Extract<LedgerCommand, { type: 'admit' | 'refuse' | 'recall' }>;
type Report = Extract<LedgerCommand, { type: 'final' }>;

export interface ConsultationOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly isGone: (text: string) => boolean;
  readonly onReply: (text: string, reply: LedgerReply) => void;
  /** The ledger rejects the question for a reason that waiting does not mend. */
  readonly onRejected: (text: string, error: unknown) => void;
}

const RETRY_MS = 500;
/** For errors that nobody expects: slowly, so that a log stays readable. */
const SLOW_RETRY_MS = 5_000;

export class Consultation {
  readonly #options: ConsultationOptions;
  #closed = false;

  constructor(options: ConsultationOptions) {
    this.#options = options;
  }

  /** Nothing more is reported or tried again. */
  close(): void {
    this.#closed = true;
  }

  /**
   * @param text key text of the HTLC that `question` is about
   * @param isOpen false when the HTLC is answered, or was shown anew, so that another question has taken this one's place
   */
  async ask(text: string, question: Question, recorded: Serving['recorded'], isOpen: () => boolean): Promise<void> {
    const { ledger, isGone, onReply } = this.#options;
    let reply: LedgerReply;
    try {
      reply = await ledger.submit(question, () => !this.#closed && !isGone(text));
    } catch (error) {
      this.#storeFailed(text, error, isOpen, () => this.ask(text, question, recorded, isOpen));
      return;
    }
    if (this.#closed || reply.type === 'overtaken') return;
    if ((reply.type === 'hold' || reply.type === 'settle' || reply.type === 'fail') && !isGone(text)) {
      const key = question.type === 'recall' ? question.key : question.part.key;
      recorded.set(text, { key, paymentHash: paymentHashOf(question) });
    }
    onReply(text, reply);
  }

  /** The store is away: the HTLC stays held and is put before it again. The node fails it at its deadline at the latest. */
  #storeFailed(text: string, error: unknown, isOpen: () => boolean, askAgain: () => Promise<void>): void {
    const { clock, onRejected } = this.#options;
    if (this.#closed || !isOpen()) return;
    if (!isRetryable(error)) onRejected(text, error);
    if (refusesRows(error)) return;
    clock.after(isRetryable(error) ? RETRY_MS : SLOW_RETRY_MS, () => {
      if (!this.#closed && isOpen()) void askAgain();
    });
  }

  /** Has an HTLC's end recorded, however long the store is away. */
  report(text: string, final: Report, recorded: Serving['recorded']): void {
    const { ledger, clock } = this.#options;
    ledger.submit(final).then(
      () => recorded.delete(text),
      (error: unknown) => {
        if (this.#closed || refusesRows(error)) return; // found again by lookup
        clock.after(RETRY_MS, () => {
          if (!this.#closed) this.report(text, final, recorded);
        });
      },
    );
  }
}
