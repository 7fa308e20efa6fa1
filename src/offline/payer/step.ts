/** What happens to a payment to an offer: one step for each event (bolts#1149 for static invoices). */
import type { Millis } from '../../wire/units.js';
import type {
  AcceptedInvoice,
  HeldPart,
  OfferPayment,
  OfferPaymentCommand,
  OfferPaymentEvent,
  OfferPaymentFailure,
  OfferPaymentStep,
} from './types.js';

/** Waits between requests for an invoice; onion messages get lost without a word. */
const ASK_AGAIN_MS: readonly Millis[] = [4_000, 8_000, 16_000, 32_000];
/** Waits between announcements: the payee's LSP keeps the first, later ones help where it has lost or dropped it. */
const ANNOUNCE_AGAIN_MS: readonly Millis[] = [30_000, 120_000, 600_000, 3_600_000, 21_600_000];
/** A payee that does not wake up for so long is given up (LDK). */
export const RELEASE_WAIT_MS: Millis = 7 * 86_400_000;

export type NewOfferPayment = Pick<OfferPayment, 'id' | 'offer' | 'request' | 'amountMsat' | 'startedAt' | 'askUntil'>;

export function newOfferPayment(given: NewOfferPayment): OfferPayment {
  return {
    ...given,
    phase: 'asking',
    asked: 0,
    askAt: given.startedAt,
    isHeld: false,
    heldParts: [],
    announced: 0,
    announceAt: given.startedAt,
  };
}

/**
 * The next state of the payment and what is to be done. The state is written before a command is carried out. After a restart
 * `tick` brings up everything that is still to be done; `pay` may come again and must go on with the payment of that hash.
 */
export function stepOfferPayment(payment: OfferPayment, event: OfferPaymentEvent, now: Millis): OfferPaymentStep {
  switch (event.kind) {
    case 'tick':
      return tick(payment, now);
    case 'invoice':
      // Later ones are copies of the fan-out, or the answer of a payee that woke up: the first locks the payment.
      return payment.phase === 'asking' ? accept(payment, event.invoice, event.canHold, now) : unchanged(payment);
    case 'invoice_error':
      return payment.phase === 'asking' ? refused(payment, event.message, now) : unchanged(payment);
    case 'released':
      return payment.phase === 'unreleased' && payment.invoice
        ? begin(payment, payment.invoice, false)
        : unchanged(payment);
    case 'held':
      return heldAtPeer(payment, event.held, now);
    case 'no_holder':
      return noHolder(payment, now);
    case 'refused':
      return payment.phase === 'paying'
        ? failed(payment, now, { code: 'not_begun', message: event.message })
        : unchanged(payment);
    case 'begun':
      return begun(payment, event.hold);
    case 'payment':
      return paymentEnded(payment, event, now);
    case 'abandon':
      return abandon(payment, now);
  }
}

const unchanged = (payment: OfferPayment, ...commands: readonly OfferPaymentCommand[]): OfferPaymentStep => ({
  payment,
  commands,
});

/** When the machine wants to be stepped again; undefined once it has ended. */
export function wakeAt({ phase, askAt, askUntil, announceAt, invoice, heldParts }: OfferPayment): Millis | undefined {
  switch (phase) {
    case 'asking':
      return Math.min(askAt, askUntil);
    case 'unreleased':
      return Math.min(announceAt, invoice?.kind === 'static' ? invoice.expiresAt : announceAt);
    case 'paying':
      return heldParts.length > 0 ? announceAt : undefined;
    case 'paid':
    case 'failed':
      return undefined;
  }
}

function tick(payment: OfferPayment, now: Millis): OfferPaymentStep {
  switch (payment.phase) {
    case 'asking':
      if (now >= payment.askUntil) return failed(payment, now, NO_ANSWER);
      return now >= payment.askAt ? ask(payment, now) : unchanged(payment);
    case 'unreleased': {
      const over = releaseOver(payment, now);
      if (over) return failed(payment, now, over);
      return now >= payment.announceAt ? announce(payment, ['own_path'], now) : unchanged(payment);
    }
    case 'paying': {
      // The payment machine keeps the payment; asking again after a restart finds it there.
      const pay: OfferPaymentCommand = { kind: 'pay', invoice: payment.invoice!, hold: payment.isHeld };
      if (payment.heldParts.length === 0 || now < payment.announceAt) return unchanged(payment, pay);
      const step = announce(payment, payment.heldParts, now);
      return { ...step, commands: [pay, ...step.commands] };
    }
    case 'paid':
    case 'failed':
      return unchanged(payment);
  }
}

const NO_ANSWER: OfferPaymentFailure = {
  code: 'no_answer',
  message:
    'nobody answered with an invoice: the payee and its server are away, or no path to them works; try again later',
};

function ask(payment: OfferPayment, now: Millis): OfferPaymentStep {
  const { asked } = payment;
  const askAt = now + waitOf(ASK_AGAIN_MS, asked);
  return unchanged({ ...payment, asked: asked + 1, askAt }, { kind: 'ask', round: asked });
}

function accept(payment: OfferPayment, invoice: AcceptedInvoice, canHold: boolean, now: Millis): OfferPaymentStep {
  if (invoice.kind === 'invoice') return begin({ ...payment, invoice }, invoice, false);
  if (canHold) return begin({ ...payment, invoice, announceAt: now }, invoice, true);
  return announce({ ...payment, invoice, phase: 'unreleased' }, ['own_path'], now);
}

function begin(payment: OfferPayment, invoice: AcceptedInvoice, hold: boolean): OfferPaymentStep {
  return unchanged({ ...payment, phase: 'paying', isHeld: hold }, { kind: 'pay', invoice, hold });
}

/** Other paths may lead to somebody who answers; the error is told if nobody does. */
function refused(payment: OfferPayment, message: string, now: Millis): OfferPaymentStep {
  if (payment.asked < ASK_AGAIN_MS.length) return unchanged({ ...payment, askAt: Math.min(payment.askAt, now) });
  return failed(payment, now, {
    code: 'invoice_error',
    message: `the payee refuses: ${message.slice(0, 200)}`,
  });
}

function heldAtPeer(payment: OfferPayment, held: HeldPart, now: Millis): OfferPaymentStep {
  if (payment.phase !== 'paying' || !payment.isHeld) return unchanged(payment);
  // A peer that reconnects before the commitment makes the path anew; the last one counts.
  const others = payment.heldParts.filter(({ part }) => part !== held.part);
  const next = { ...payment, heldParts: [...others, held] };
  return announce(next, [held], now);
}

/** What the first peers cannot do the payee's can: as if holding had not been thought of (bolts#1149). */
function noHolder(payment: OfferPayment, now: Millis): OfferPaymentStep {
  if (payment.phase !== 'paying' || !payment.isHeld || payment.heldParts.length > 0) return unchanged(payment);
  return announce({ ...payment, phase: 'unreleased', isHeld: false }, ['own_path'], now);
}

function announce(payment: OfferPayment, over: readonly ('own_path' | HeldPart)[], now: Millis): OfferPaymentStep {
  const { announced } = payment;
  const announceAt = now + waitOf(ANNOUNCE_AGAIN_MS, announced);
  const commands = over.map((replyOver) => ({ kind: 'announce' as const, replyOver, round: announced }));
  return unchanged({ ...payment, announced: announced + 1, announceAt }, ...commands);
}

const waitOf = (waits: readonly Millis[], times: number): Millis => waits[Math.min(times, waits.length - 1)]!;

function releaseOver({ invoice, startedAt }: OfferPayment, now: Millis): OfferPaymentFailure | undefined {
  if (invoice?.kind === 'static' && now >= invoice.expiresAt)
    return {
      code: 'invoice_expired',
      message: 'the static invoice expired before its payee woke up; pay the offer again',
    };
  if (now < startedAt + RELEASE_WAIT_MS) return undefined;
  return {
    code: 'never_released',
    message: 'the payee did not wake up for seven days; nothing was sent, pay again later',
  };
}

/** Two processes may have begun at once, and the one that could not was heard first: what is recorded counts. */
function begun(payment: OfferPayment, hold: boolean): OfferPaymentStep {
  const { failure, endedAt: _endedAt, ...open } = payment;
  const isDenied = payment.phase === 'unreleased' || (payment.phase === 'failed' && failure?.code !== 'payment_failed');
  if (!isDenied || !payment.invoice) return unchanged(payment);
  return unchanged({ ...open, phase: 'paying', isHeld: hold });
}

/** Money that moved is never denied, whatever was thought before; a failure says nothing about what never began. */
function paymentEnded(
  payment: OfferPayment,
  { outcome, message }: Extract<OfferPaymentEvent, { kind: 'payment' }>,
  now: Millis,
): OfferPaymentStep {
  const { phase, invoice } = payment;
  if (phase === 'paid' || !invoice) return unchanged(payment);
  if (outcome === 'failed') {
    return phase === 'failed' ? unchanged(payment) : failed(payment, now, { code: 'payment_failed', message });
  }
  const { failure: _failure, ...open } = payment;
  return unchanged({ ...open, phase: 'paid', endedAt: now }, { kind: 'tell', outcome });
}

/** Money that may be out is not given up here: the payment machine is asked to stop, and its end counts. */
function abandon(payment: OfferPayment, now: Millis): OfferPaymentStep {
  if (payment.phase !== 'asking' && payment.phase !== 'unreleased') return unchanged(payment);
  return failed(payment, now, { code: 'abandoned', message: 'given up as asked; nothing was sent' });
}

function failed(payment: OfferPayment, now: Millis, failure: OfferPaymentFailure): OfferPaymentStep {
  return unchanged({ ...payment, phase: 'failed', failure, endedAt: now }, { kind: 'tell', outcome: 'failed' });
}
