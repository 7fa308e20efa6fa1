/** The sender within the daemon: begins when the database answers, and ends before it closes. */
import type { Clock } from '../../receive/clock.js';
import { isRetryable } from '../../receive/ledger/store-port.js';
import type { Paying, SenderStatus } from '../../send/run/types.js';
import type { Log } from '../log.js';

export interface SendingPartOptions {
  /** Undefined: switched off. Called again for another try after a start that failed. */
  readonly open: (() => Promise<Paying>) | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MS = 2_000;

export class SendingPart {
  readonly #options: SendingPartOptions;
  #sender: Paying | undefined;
  #isReady = false;
  #stopped = false;
  #cancel: (() => void) | undefined;
  #starting: Promise<void> = Promise.resolve();

  constructor(options: SendingPartOptions) {
    this.#options = options;
  }

  /** What can be asked to pay now. */
  get current(): Paying | 'off' | 'starting' {
    if (!this.#options.open) return 'off';
    return this.#isReady && this.#sender ? this.#sender : 'starting';
  }

  get status(): SenderStatus | undefined {
    const { current } = this;
    return typeof current === 'string' ? undefined : current.status();
  }

  /** Does not wait: forwards and receiving must not depend on a database that is away, or on a big graph. */
  start(): void {
    const { open } = this.#options;
    if (!open || this.#stopped) return;
    this.#starting = this.#begin(open).catch((error: unknown) => {
      this.#tryLater(error);
    });
  }

  async #begin(open: () => Promise<Paying>): Promise<void> {
    const sender = await open();
    this.#sender = sender;
    try {
      await sender.start();
    } catch (error) {
      await sender.stop().catch(() => undefined);
      throw error;
    }
    this.#isReady = true;
  }

  #tryLater(error: unknown): void {
    const { clock, log } = this.#options;
    const again = `paying cannot begin yet; it is tried again every ${RETRY_MS / 1000} s`;
    if (isRetryable(error)) log.warn({ err: error }, again);
    else log.error({ err: error }, again);
    if (this.#stopped) return;
    this.#cancel = clock.after(RETRY_MS, () => {
      this.start();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    this.#isReady = false;
    await Promise.all([this.#starting, this.#sender?.stop()]);
    this.#isReady = false;
  }
}
