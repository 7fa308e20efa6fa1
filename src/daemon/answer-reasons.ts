/** Why HTLCs were answered as they were, in a few words that metrics may use as labels; the sentences are for the log. */

export const ANSWER_REASONS = [
  'settled',
  'canceled',
  'timeout',
  'expiry',
  'taken_back',
  'already_paid',
  'underpaid',
  'overpaid',
  'secret',
  'expired',
  'onion',
  'payload',
  'unknown',
] as const;

export type AnswerReason = (typeof ANSWER_REASONS)[number];

/** The first that matches. The sentences stand in the ledger and in the verdict. */
const BY_SENTENCE: readonly (readonly [pattern: RegExp, reason: AnswerReason])[] = [
  [/^settled$/, 'settled'],
  [/^the invoice was canceled$/, 'canceled'],
  [/in time$/, 'timeout'],
  [/taken back|took it back/, 'taken_back'],
  [/^a part came too near to its expiry$|^too few blocks|^locked for too long$|^expires too soon/, 'expiry'],
  [/^the HTLC expires at|^less CLTV than/, 'expiry'],
  [/^payment secret: expired$/, 'expired'],
  [/^payment secret: amount_too_low$|^the HTLC pays|^less than the payload|^nothing is paid$/, 'underpaid'],
  [/^more than (twice the amount|there is)$/, 'overpaid'],
  [/^payment secret|^no payment secret$|^nobody here knows the preimage/, 'secret'],
  [/^onion refused/, 'onion'],
  [/^payload refused|^keysend preimage of another|^the phantom is not the last hop$|^a blinded path/, 'payload'],
  [/already settled|was settled|is complete$|waits for the merchant already$/, 'already_paid'],
];

export function answerReason(sentence: string): AnswerReason {
  return BY_SENTENCE.find(([pattern]) => pattern.test(sentence))?.[1] ?? 'unknown';
}
