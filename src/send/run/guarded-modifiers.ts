/** An operator's modifier may throw: that ends its payment with a reason, and never disturbs what is out. */
import { type Reaction, stopFor } from '../payment/failure/reaction.js';
import type { Modifier, Prepared } from '../payment/stages.js';
import type { Plan, Refusal } from '../plan/request.js';
import { checked } from './modifier-answers.js';

/** Thrown where a stage cannot answer for itself; whoever drives the payment turns it into a refusal. */
export class ModifierFault extends Error {}

type Stage = 'prepare' | 'plan' | 'payload' | 'send' | 'outcome';
type OnFault = (what: string, error: unknown) => void;

export function guarded(modifiers: readonly Modifier[], onFault: OnFault): readonly Modifier[] {
  return modifiers.map((modifier) => guard(modifier, onFault));
}

export const refusalFor = (message: string): Refusal => ({ kind: 'refusal', code: 'invalid_request', message });

function guard(modifier: Modifier, onFault: OnFault): Modifier {
  const { name } = modifier;
  const blame = (stage: string, error: unknown): string => {
    const why = error instanceof Error ? error.message : String(error);
    onFault(`modifier "${name}" failed at ${stage}`, error);
    return `modifier "${name}" failed at ${stage} (${why}): repair it or take it out of the list`;
  };
  /** What the stage gives, or what `otherwise` makes of the words about its fault. */
  const run = <T>(stage: Stage, stageOf: () => T, otherwise: (words: string) => T): T => {
    try {
      const answer = checked(stage, stageOf());
      return answer.ok ? answer.value : otherwise(blame(stage, new TypeError(answer.error.message)));
    } catch (error) {
      return otherwise(blame(stage, error));
    }
  };
  const fault = (words: string): never => {
    throw new ModifierFault(words);
  };
  return {
    name,
    ...(modifier.prepare && {
      prepare(terms, surroundings) {
        const stop = (message: string): Prepared => ({ kind: 'stop', reason: { code: 'bad_request', message } });
        return run('prepare', () => modifier.prepare?.(terms, surroundings) ?? terms, stop);
      },
    }),
    ...(modifier.plan && {
      plan: (request, next, view) =>
        run('plan', (): Plan | Refusal => modifier.plan?.(request, next, view) ?? next(request), refusalFor),
    }),
    ...(modifier.payload && {
      payload(records, part, view) {
        return run('payload', () => modifier.payload?.(records, part, view) ?? records, fault);
      },
    }),
    ...(modifier.send && {
      send(sendAt, part, plan, view) {
        return run('send', () => modifier.send?.(sendAt, part, plan, view) ?? sendAt, fault);
      },
    }),
    ...(modifier.outcome && {
      outcome(reaction, ended) {
        const stop = (words: string): Reaction => ({ ...reaction, next: stopFor('bad_request', words) });
        return run('outcome', () => modifier.outcome?.(reaction, ended) ?? reaction, stop);
      },
    }),
  };
}
