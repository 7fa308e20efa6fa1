/** Finds a part again among the attempts that LND has recorded for a payment hash. Pure. */
import type { PaymentPart } from '../../../send/payment/payment.js';
import type { Millis } from '../../../wire/units.js';
import { AttemptStatus, type Attempt } from '../rpc/payments.js';
import { nameOfLndRoute, routeName } from './route.js';

/** By so much LND's clock may be behind ours without a lesson being lost. */
const CLOCKS_APART_MS: Millis = 2_000;

export type Found =
  | { readonly kind: 'attempt'; readonly attempt: Attempt }
  /** LND's record has room for no attempt of the part. */
  | { readonly kind: 'missing' }
  /** There is an attempt that may be the part's or that of another part, whose call is still open. */
  | { readonly kind: 'unsure' };

/**
 * LND gives attempts no name of ours, so that parts with the same route can only be counted. They are the same in amount, fee
 * and way: whichever of their attempts is taken for whichever of them, the sums are right as long as none is taken twice.
 * LND may have deleted failed attempts (when their payment ended and was begun again, or resumed after a restart and ended);
 * attempts in flight and settled ones it keeps.
 * @param siblings all parts of the payment that this node was to send, `part` among them
 */
export function findAttempt(part: PaymentPart, siblings: readonly PaymentPart[], attempts: readonly Attempt[]): Found {
  const name = routeName(part);
  const alike = attempts.filter(({ route }) => route && nameOfLndRoute(route) === name);
  const twins = [part, ...siblings.filter((one) => one.id !== part.id && routeName(one) === name)];
  const open = [...alike].sort((a, b) => (a.attemptId < b.attemptId ? -1 : 1));
  for (const twin of twins) if (twin.id !== part.id) takeEnded(twin, open);
  const waiting = twins.filter(({ id, state }) => id === part.id || state === 'sent' || state === 'unknown');
  waiting.sort((a, b) => a.id - b.id);
  // Those that may still cost something come first. Failed ones of an earlier payment of the hash stay until a call of the
  // new one has come through: they say nothing of a call that may still be on its way.
  const live = open.filter(({ status }) => status !== AttemptStatus.failed);
  const failed = open.filter((attempt) => attempt.status === AttemptStatus.failed && !isOlder(attempt, part));
  const hasOpenCalls = waiting.some(({ id, state }) => id !== part.id && state === 'sent');
  if (hasOpenCalls && live.length > 0 && live.length < waiting.length) return { kind: 'unsure' };
  const attempt = [...live, ...failed][waiting.findIndex(({ id }) => id === part.id)];
  return attempt ? { kind: 'attempt', attempt } : { kind: 'missing' };
}

function isOlder({ attemptTimeNs }: Attempt, { sentAt = 0 }: PaymentPart): boolean {
  return Number(attemptTimeNs / 1_000_000n) < sentAt - CLOCKS_APART_MS;
}

/** A part whose end is known has an attempt with that end, unless LND refused it before it recorded one. */
function takeEnded({ state, failure }: PaymentPart, open: Attempt[]): void {
  const status =
    state === 'settled'
      ? AttemptStatus.succeeded
      : state === 'failed' && failure?.kind !== 'never_sent'
        ? AttemptStatus.failed
        : undefined;
  const index = status === undefined ? -1 : open.findIndex((attempt) => attempt.status === status);
  if (index >= 0) open.splice(index, 1);
}
