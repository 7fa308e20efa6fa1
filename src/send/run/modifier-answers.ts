/**
 * Whether what an operator's modifier returns can be used. The machine guards amounts; this guards forms, for a value of
 * another form would be stored and could not be read again.
 */
import { HOP, LESSON, PRIVATE_LESSON, RECORDS, REFUSAL, TERMS } from '../payment/codec.js';
import type { Next, Reaction } from '../payment/failure/reaction.js';
import type { StopReason } from '../payment/payment.js';
import { amount, bytesOf, count, listOf, maybe, number, record, type Shape, tagged, text } from '../../wire/shape.js';
import type { Plan, PlannedPart } from '../plan/request.js';
import { refusable, type Result } from '../../wire/result.js';

const STOP = record<StopReason>({ code: text, message: text, refusal: maybe(REFUSAL) });

const PLANNED = record<PlannedPart>({
  source: bytesOf(33),
  amountMsat: amount,
  feeMsat: amount,
  hops: listOf(HOP),
  successProbability: number,
});

const ANSWER = tagged('kind', {
  plan: record<Omit<Plan, 'kind'>>({
    parts: listOf(PLANNED),
    feeMsat: amount,
    successProbability: number,
    cost: number,
  }),
  refusal: REFUSAL,
});

const NEXT = tagged('kind', {
  replan: record({}),
  repeat: record({}),
  pause: record<{ forMs: number }>({ forMs: number }),
  wait_height: record<{ height: number }>({ height: count }),
  stop: record<{ reason: StopReason }>({ reason: STOP }),
} satisfies Record<Next['kind'], Shape>);

/** Shared or private. */
const ANY_LESSON: Shape = (value, path) => {
  if (!refusable(() => LESSON(value, path)).ok) PRIVATE_LESSON(value, path);
};

const REACTION = record<Reaction>({
  words: text,
  lessons: listOf(ANY_LESSON),
  next: NEXT,
  seen: maybe(listOf(text)),
  adjust: maybe(record({})),
  alarm: maybe(text),
});

const PREPARED: Shape = (value, path) => {
  const isStop = typeof value === 'object' && value !== null && 'kind' in value;
  if (isStop) tagged('kind', { stop: record<{ reason: StopReason }>({ reason: STOP }) })(value, path);
  else TERMS(value, path);
};

const SHAPES = { prepare: PREPARED, plan: ANSWER, payload: RECORDS, send: number, outcome: REACTION };

/** The value, or what is wrong with it in words. */
export function checked<T>(stage: keyof typeof SHAPES, value: T): Result<T> {
  return refusable(() => {
    SHAPES[stage](value, 'its answer');
    return value;
  });
}
