/** Payments to blinded payees, planned for as the sender does it. */
import {
  DEFAULT_MODIFIERS,
  FlowPlanner,
  Knowledge,
  type PaymentPathLike,
  type PaymentTerms,
  type Plan,
  planMissing,
  preparePayment,
  type Refusal,
  type Surroundings,
} from '../../../src/send/index.js';
import { HEIGHT, termsOf } from '../payment/support.js';
import { channel, graphOf, sourceOf, type TestChannel } from '../support.js';
import { payeeOf } from './support.js';

export const NET = [channel(1, 0, 1, 1_000_000), channel(2, 1, 2, 1_000_000), channel(3, 0, 3, 1_000_000)];

export function around(channels: readonly TestChannel[], sources = [sourceOf(channels, 0)]): Surroundings {
  const knowledge = new Knowledge(graphOf(channels));
  return { sources, balancesReadAt: 0, knowledge, height: HEIGHT, now: 1_700_000_000_000, chance: () => 0.9 };
}

export const answerOf = (
  terms: PaymentTerms,
  surroundings: Surroundings,
): Plan | Refusal | { readonly code: string } => {
  const made = preparePayment(terms, surroundings, DEFAULT_MODIFIERS);
  if (made.kind === 'refused') return made.reason;
  return planMissing(made.state, surroundings, new FlowPlanner(surroundings.knowledge.graph), DEFAULT_MODIFIERS);
};

export const planOf = (terms: PaymentTerms, surroundings: Surroundings): Plan => {
  const answer = answerOf(terms, surroundings);
  if (!('kind' in answer) || answer.kind !== 'plan')
    throw new Error(JSON.stringify(answer, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)));
  return answer;
};

export const blindedTerms = (paths: readonly PaymentPathLike[], over: Partial<PaymentTerms> = {}): PaymentTerms =>
  termsOf({ payee: payeeOf(paths), maxBlocks: 2016, ...over });
