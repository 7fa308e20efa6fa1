/** The parts of an LSP for sleeping wallets, started and stopped together. */
import type { Clock } from '../../receive/clock.js';
import type { ForwardDesk } from '../../receive/forward-desk.js';
import type { Millis } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { PeerMessages } from '../messages/peers.js';
import type { ClientService } from './clients.js';
import type { HoldService } from './hold-service.js';
import type { MailboxService } from './mailbox.js';
import type { RodService } from './rod-service.js';
import type { OfflineService } from './service.js';
import type { StaticInvoiceService } from './static-invoices.js';
import type { Wakers } from './wakers.js';

export interface OfflineParts {
  readonly clients: ClientService;
  readonly hold: HoldService;
  readonly rods: RodService;
  readonly invoices: StaticInvoiceService;
  readonly mailbox: MailboxService;
  readonly wakers: Wakers;
  readonly peers: PeerMessages;
  readonly service: OfflineService;
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MS: Millis = 1_000;

export class OfflinePart {
  readonly #parts: OfflineParts;
  #cancel: (() => void) | undefined;
  #loading: Promise<void> = Promise.resolve();
  #isStopped = true;

  constructor(parts: OfflineParts) {
    this.#parts = parts;
  }

  /** For the API. */
  get service(): OfflineService {
    return this.#parts.service;
  }

  get desk(): ForwardDesk {
    return this.#parts.hold;
  }

  /** Does not wait for the database: the nodes' forwards do not either. */
  start(): void {
    this.#isStopped = false;
    const { hold, rods, invoices, mailbox, wakers, peers } = this.#parts;
    this.#load();
    for (const part of [hold, rods, invoices, mailbox, wakers, peers]) part.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    const { clients, hold, rods, invoices, mailbox, wakers, peers } = this.#parts;
    await peers.stop();
    invoices.stop();
    await Promise.all([wakers.stop(), mailbox.stop(), rods.stop(), hold.stop()]);
    await this.#loading;
    await clients.stop();
  }

  #load(): void {
    const { clients, hold, clock, log } = this.#parts;
    this.#loading = clients.start().then(
      () => {
        log.info({ wallets: clients.size }, 'wallets are served while they sleep');
        hold.clientsChanged();
      },
      (error: unknown) => {
        if (this.#isStopped) return;
        log.debug({ err: error }, 'the enrolled wallets could not be read; trying again');
        this.#cancel = clock.after(RETRY_MS, () => {
          this.#load();
        });
      },
    );
  }
}
