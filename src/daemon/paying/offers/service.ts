/** Payments to offers: asks for invoices, waits for payees that sleep, and hands what can be paid to the sender. */
import { sha256 } from '../../../crypto/index.js';
import type { Messenger } from '../../../messages/index.js';
import { type Documents, updateDocument } from '../../../offline/documents.js';
import { newOfferPayment, stepOfferPayment } from '../../../offline/payer/step.js';
import type {
  AcceptedInvoice,
  OfferPaymentCommand,
  OfferPaymentEvent,
  OfferPaymentPhase,
} from '../../../offline/payer/types.js';
import type { Clock } from '../../../receive/clock.js';
import type { Report } from '../../../send/index.js';
import type { StoredPayment } from '../../../send/run/store-port.js';
import { toHex, utf8 } from '../../../wire/bytes.js';
import { err, ok, type Result } from '../../../wire/result.js';
import type { Millis } from '../../../wire/units.js';
import { ClaimLoop } from '../../claim-loop.js';
import type { Log } from '../../log.js';
import type { RequestOrigin } from '../../request-origin.js';
import type { BadRequest } from '../request.js';
import {
  documentOf,
  eventOf,
  missedEvents,
  type OfferPaymentBody,
  type OfferPaymentSender,
  type StoredOfferPayment,
} from './document.js';
import { announceHeld, askForInvoice, readAccepted, readAnswer, readRefusal } from './messages.js';
import { type OfferRequest, prepareOfferPayment } from './order.js';

export type { OfferPaymentBody, StoredOfferPayment } from './document.js';

export interface OfferPaymentsOptions {
  readonly documents: Documents<OfferPaymentBody>;
  readonly messenger: Messenger;
  readonly sender: OfferPaymentSender;
  readonly clock: Clock;
  readonly log: Log;
  readonly chainHash: Uint8Array;
  readonly randomBytes: (length: number) => Uint8Array;
  /** The first peers are asked to hold HTLCs for payees that sleep: for payers that sleep themselves. */
  readonly holdAtPeers: boolean;
  /** Whether an offer (by its id) was made here. */
  readonly isOwn: (offerId: Uint8Array) => Promise<boolean>;
}

const OUR_OWN: BadRequest = {
  code: 'to_ourselves',
  message: 'this cluster made the offer itself: to move money between its nodes make an invoice and pay that',
  field: 'offer',
};

const LEASE_MS: Millis = 30_000;
/** Another process may have made the step. */
const WATCH_MS: Millis = 500;
const DEFAULT_ASK_MS: Millis = 60_000;

export class OfferPayments {
  readonly #options: OfferPaymentsOptions;
  readonly #loop: ClaimLoop<StoredOfferPayment>;
  readonly #watchers = new Set<() => void>();
  readonly #stepping = new Set<Promise<void>>();
  /** Payments that this process is handing to the sender. */
  readonly #beginning = new Set<string>();
  #stops: (() => void)[] = [];
  #isStopped = false;

  constructor(options: OfferPaymentsOptions) {
    this.#options = options;
    this.#loop = new ClaimLoop({
      clock: options.clock,
      pollMs: 1_000,
      mostAtOnce: 50,
      prepare: async () => undefined,
      claim: (limit) => options.documents.claimDue(limit, LEASE_MS),
      work: (stored) => this.#look(stored),
      lost: ({ id }, error) => {
        this.#later(id, error);
      },
    });
  }

  start(): void {
    const { messenger } = this.#options;
    const source = 'outbound_payment_for_offer';
    this.#stops = [
      messenger.handle('invoice', source, ({ content, context }) =>
        this.#answered(toHex(context.paymentId), 'invoice', content.bytes),
      ),
      messenger.handle('static_invoice', source, ({ content, context }) =>
        this.#answered(toHex(context.paymentId), 'static', content.bytes),
      ),
      messenger.handle('invoice_error', source, ({ content, context }) =>
        this.#step(toHex(context.paymentId), readRefusal(content.bytes)),
      ),
      messenger.handle('release_held_htlc', 'outbound_payment', ({ context }) =>
        this.#step(toHex(context.paymentId), { kind: 'released' }),
      ),
    ];
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    for (const watcher of [...this.#watchers]) watcher();
    await this.#loop.stop();
    // A payer that goes to sleep has told the payee before.
    await Promise.allSettled(this.#stepping);
  }

  /**
   * Resolves as soon as the payment is recorded; its invoice is asked for from then on. With an `origin` the repetition of an
   * interrupted request finds the payment that the first try has recorded.
   */
  async pay(request: OfferRequest, origin?: RequestOrigin): Promise<Result<StoredOfferPayment, BadRequest>> {
    const { clock, chainHash, documents, randomBytes } = this.#options;
    const paymentId = origin && sha256(utf8(`offer payment ${origin.identity}`)).slice(0, 16);
    const before = paymentId && (await documents.read(toHex(paymentId)));
    if (before) return ok(before);
    const askMs = request.timeoutSeconds === undefined ? DEFAULT_ASK_MS : request.timeoutSeconds * 1000;
    const prepared = prepareOfferPayment(request, { now: clock.now(), chainHash, askMs, randomBytes });
    if (!prepared.ok) return prepared;
    if (await this.#options.isOwn(prepared.value.offerId)) return err(OUR_OWN);
    const payment = newOfferPayment({ ...prepared.value.payment, ...(paymentId && { id: paymentId }) });
    const id = toHex(payment.id);
    const fields = documentOf(id, { payment, order: prepared.value.order }, clock.now());
    const stored = (await documents.write(fields, 0)) ?? (await documents.read(id));
    if (!stored) throw new Error('a payment to an offer disappeared: nothing deletes one that is open');
    // It is on its way whatever happens now: an error would only make the caller pay once more.
    await this.#step(id, { kind: 'tick' }).catch((error: unknown) => {
      this.#later(id, error);
    });
    return ok(stored);
  }

  read(id: string): Promise<StoredOfferPayment | undefined> {
    return this.#options.documents.read(id);
  }

  /** As soon as it is not in this phase any more, or as it is when the time is over or the daemon ends. */
  async waitWhile(id: string, phase: OfferPaymentPhase, waitMs: Millis): Promise<StoredOfferPayment | undefined> {
    const { clock } = this.#options;
    const until = clock.now() + waitMs;
    for (;;) {
      const stored = await this.read(id);
      if (stored?.body.payment.phase !== phase || clock.now() >= until || this.#isStopped) return stored;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(WATCH_MS, until - clock.now()), done);
        this.#watchers.add(done);
        const watchers = this.#watchers;
        function done(): void {
          cancel();
          watchers.delete(done);
          resolve();
        }
      });
    }
  }

  list(limit: number, before?: { createdAt: Millis; id: string }): Promise<readonly StoredOfferPayment[]> {
    return this.#options.documents.list({ limit, ...(before && { before }) });
  }

  /** Gives up while nothing is out; later the payment itself has to be stopped. */
  async abandon(id: string): Promise<Result<StoredOfferPayment, BadRequest>> {
    await this.#step(id, { kind: 'abandon' });
    const stored = await this.read(id);
    if (!stored) return err({ code: 'not_found', message: 'there is no such payment to an offer' });
    if (stored.body.payment.phase === 'failed') return ok(stored);
    const message = 'money may be out: stop the payment itself, `manifold payments stop`';
    return err({ code: 'payment_begun', message });
  }

  /** What the sender reports of its payments, as it happens. Never throws. */
  reported(payment: StoredPayment, report: Report): void {
    const id = payment.request.offerPaymentId;
    const event = id === undefined ? undefined : eventOf(report);
    if (id === undefined || !event) return;
    this.#step(id, event).catch((error: unknown) => {
      this.#later(id, error);
    });
  }

  /** Nothing is lost: the document falls due again, and the sender's payment is looked at. */
  #later(id: string, error: unknown): void {
    this.#options.log.warn(
      { offerPayment: id, err: error },
      'a payment to an offer could not be carried on; trying again',
    );
  }

  /** Due: time has passed, or a daemon died in between. */
  async #look({ id, body: { payment, paymentId } }: StoredOfferPayment): Promise<void> {
    const paid = paymentId === undefined ? undefined : await this.#options.sender.find(paymentId);
    for (const event of paid ? missedEvents(payment, paid) : []) await this.#step(id, event);
    await this.#step(id, { kind: 'tick' });
  }

  /** @param paymentId the sender's payment, to be kept with the step */
  async #step(id: string, event: OfferPaymentEvent, paymentId?: string): Promise<void> {
    const stepping = this.#stepNow(id, event, paymentId);
    this.#stepping.add(stepping);
    try {
      await stepping;
    } finally {
      this.#stepping.delete(stepping);
    }
  }

  async #stepNow(id: string, event: OfferPaymentEvent, paymentId: string | undefined): Promise<void> {
    const now = this.#options.clock.now();
    const changed = await updateDocument(this.#options.documents, id, (stored) => {
      if (!stored) return undefined;
      const { payment, commands } = stepOfferPayment(stored.body.payment, event, now);
      const isNews = payment !== stored.body.payment || commands.length > 0 || paymentId !== undefined;
      // What was claimed has to be written all the same, with the time of its next look.
      if (!isNews && (event.kind !== 'tick' || !stored.isOpen)) return undefined;
      const body = { ...stored.body, payment, ...(paymentId !== undefined && { paymentId }) };
      return { document: documentOf(id, body, now), commands, body };
    });
    for (const watcher of [...this.#watchers]) watcher();
    for (const command of changed?.commands ?? []) await this.#carryOut(id, changed!.body, command);
  }

  async #carryOut(id: string, body: OfferPaymentBody, command: OfferPaymentCommand): Promise<void> {
    const { messenger, log } = this.#options;
    switch (command.kind) {
      case 'ask': {
        const copies = await askForInvoice(messenger, body.payment, command.round);
        log.debug({ offerPayment: id, round: command.round, copies }, 'asked for an invoice');
        return;
      }
      case 'announce': {
        const copies = await announceHeld(messenger, body.payment, command.replyOver, command.round);
        log.debug({ offerPayment: id, round: command.round, copies }, 'told the payee that money waits');
        return;
      }
      case 'pay':
        return this.#pay(id, body, command);
      case 'tell': {
        const { failure } = body.payment;
        log.info({ offerPayment: id, ...failure }, `offer ${command.outcome}`);
      }
    }
  }

  /** Hands the payment to the sender, once: what it has recorded is never begun again. */
  async #pay(
    id: string,
    body: OfferPaymentBody,
    { invoice, hold }: Extract<OfferPaymentCommand, { kind: 'pay' }>,
  ): Promise<void> {
    if (body.paymentId !== undefined || this.#beginning.has(id)) return;
    const read = readAccepted(invoice);
    if (!read.ok) throw new Error(`an invoice that was accepted cannot be read any more: ${read.error.code}`);
    this.#beginning.add(id);
    try {
      const answer = await this.#options.sender.begin(id, body, read.value, hold);
      switch (answer.kind) {
        case 'begun':
          await this.#step(id, { kind: 'begun', hold }, answer.paymentId);
          return;
        case 'no_holder':
          await this.#step(id, { kind: 'no_holder' });
          return;
        case 'refused':
          await this.#step(id, { kind: 'refused', message: answer.message });
          return;
        case 'later':
          return; // the document falls due again
      }
    } finally {
      this.#beginning.delete(id);
    }
  }

  async #answered(id: string, kind: AcceptedInvoice['kind'], bytes: Uint8Array): Promise<void> {
    const { clock, chainHash, holdAtPeers, log, randomBytes } = this.#options;
    const stored = await this.read(id);
    if (stored?.body.payment.phase !== 'asking') return;
    const options = { now: Math.floor(clock.now() / 1000), chains: [chainHash], holdAtPeers, randomBytes };
    const event = readAnswer(stored.body.payment, kind, bytes, options);
    if (event.ok) return this.#step(id, event.value);
    log.debug({ offerPayment: id, code: event.error.code }, 'an answer to an invoice request was ignored');
  }
}
