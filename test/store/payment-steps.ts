/** Payments of ours for the store's tests: small, but driven by the real machine. */
import { randomUUID } from 'node:crypto';
import { sha256 } from '../../src/crypto/index.js';
import { newPayment, type PaymentState, type SharedLesson, step, type StepContext } from '../../src/send/index.js';
import type { PaymentOutEvent, StepCommit, StoredPayment } from '../../src/send/run/store-port.js';
import { nodeId } from '../send/support.js';
import { HEIGHT, partOf, planOf, PREIMAGE, START, termsOf } from '../send/payment/support.js';

export const TTL = 60_000;

let counter = 0;

/** A hash of its own. */
export function newPreimage(): Uint8Array {
  const preimage = new Uint8Array(32).fill(7);
  new DataView(preimage.buffer).setUint32(0, ++counter);
  return preimage;
}

type New = Pick<StoredPayment, 'id' | 'request' | 'state' | 'createdAt' | 'owner'>;

export function order(owner: string, preimage: Uint8Array = PREIMAGE, createdAt = START): New {
  const id = randomUUID().replaceAll('-', '');
  const state = newPayment(termsOf({ paymentHash: sha256(preimage) }));
  return { id, owner, createdAt, state, request: { kind: 'invoice', bolt11: 'lnbc1', from: ['alpha'] } };
}

const CONTEXT: StepContext = { now: START, height: HEIGHT, modifiers: [] };

/** What a plan for the whole amount in two parts makes of a payment: both are out. */
export function sent(state: PaymentState): PaymentState {
  const started = step(state, { type: 'start' }, CONTEXT).state;
  const answer = planOf(partOf(60_000n), partOf(40_000n, { source: 5, via: [6] }));
  return step(started, { type: 'planned', ticket: started.plans, answer }, CONTEXT).state;
}

export function settled(state: PaymentState, preimage: Uint8Array = PREIMAGE): PaymentState {
  return state.parts.reduce(
    (before, { id }) =>
      step(before, { type: 'outcome', part: id, outcome: { kind: 'settled', preimage } }, CONTEXT).state,
    state,
  );
}

export function stopped(state: PaymentState): PaymentState {
  return step(state, { type: 'stop' }, CONTEXT).state;
}

export function failedPart(state: PaymentState, part: number): PaymentState {
  const failure = { kind: 'local', reason: 'channel_busy' } as const;
  return step(state, { type: 'outcome', part, outcome: { kind: 'failed', failure } }, CONTEXT).state;
}

export const lesson = (weight: number): SharedLesson => ({ kind: 'mark_node', node: nodeId(9), weight });

/** The step from what is stored to `state`. */
export function commitOf(
  payment: StoredPayment,
  state: PaymentState,
  more: { readonly lessons?: readonly SharedLesson[]; readonly events?: readonly PaymentOutEvent[] } = {},
): StepCommit {
  const { id, owner, epoch, version } = payment;
  const changed = state.parts.filter((part) => part !== payment.state.parts[part.id]);
  return { id, owner, epoch, version, state, changed, lessons: [], events: [], ...more };
}
