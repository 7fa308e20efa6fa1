/** Ends a payment that fails and fails: so many failed parts, counted over the whole of it. */
import { type Modifier } from '../stages.js';

const DEFAULT_FAILURES = 100;

export function retryLimit(most = DEFAULT_FAILURES): Modifier {
  return {
    name: 'retry',
    outcome(reaction, { state }) {
      const before = state.parts.filter(
        (part) => part.state === 'failed' && part.failure?.kind !== 'never_sent',
      ).length;
      if (reaction.next.kind === 'stop' || before + 1 < most) return reaction;
      const message = `${most} parts have failed, the last one because ${reaction.words}: try a smaller amount or later`;
      return { ...reaction, next: { kind: 'stop', reason: { code: 'attempts', message } } };
    },
  };
}
