/** An operator's modifier may throw: that ends its payment with a reason, and never disturbs what is out. */
import { stopFor } from '../payment/failure/reaction.js';
import type { Modifier } from '../payment/stages.js';
import type { Refusal } from '../plan/request.js';

/** Thrown where a stage cannot answer for itself; whoever drives the payment turns it into a refusal. */
export class ModifierFault extends Error {}

type OnFault = (what: string, error: unknown) => void;

export function guarded(modifiers: readonly Modifier[], onFault: OnFault): readonly Modifier[] {
  return modifiers.map((modifier) => guard(modifier, onFault));
}

export const refusalFor = (message: string): Refusal => ({ kind: 'refusal', code: 'invalid_request', message });

function guard(modifier: Modifier, onFault: OnFault): Modifier {
  const { name } = modifier;
  const blame = (stage: string, error: unknown): string => {
    const words = `modifier "${name}" failed at ${stage}: repair it or take it out of the list`;
    onFault(words, error);
    return words;
  };
  return {
    name,
    ...(modifier.prepare && {
      prepare(terms, surroundings) {
        try {
          return modifier.prepare?.(terms, surroundings) ?? terms;
        } catch (error) {
          return { kind: 'stop', reason: { code: 'bad_request', message: blame('prepare', error) } };
        }
      },
    }),
    ...(modifier.plan && {
      plan(request, next, view) {
        try {
          return modifier.plan?.(request, next, view) ?? next(request);
        } catch (error) {
          return refusalFor(blame('plan', error));
        }
      },
    }),
    ...(modifier.payload && {
      payload(records, part, view) {
        try {
          return modifier.payload?.(records, part, view) ?? records;
        } catch (error) {
          throw new ModifierFault(blame('payload', error));
        }
      },
    }),
    ...(modifier.send && {
      send(sendAt, part, plan, view) {
        let at: number;
        try {
          at = modifier.send?.(sendAt, part, plan, view) ?? sendAt;
        } catch (error) {
          throw new ModifierFault(blame('send', error));
        }
        if (Number.isFinite(at)) return at;
        throw new ModifierFault(blame('send', new TypeError(`${at} is no time`)));
      },
    }),
    ...(modifier.outcome && {
      outcome(reaction, ended) {
        try {
          return modifier.outcome?.(reaction, ended) ?? reaction;
        } catch (error) {
          return { ...reaction, next: stopFor('bad_request', blame('outcome', error)) };
        }
      },
    }),
  };
}
