/** The payment's own lessons in the form that planners read. */
import { PaymentMemory } from '../knowledge/payment-memory.js';
import type { PaymentState } from './payment.js';
import { partsOut } from './sums.js';

/** What the payment knows for itself, with its own parts in flight, as planners read it. */
export function memoryOf(state: Pick<PaymentState, 'memory' | 'parts'>): PaymentMemory {
  const memory = new PaymentMemory();
  for (const lesson of state.memory) {
    switch (lesson.kind) {
      case 'channel_off':
        memory.excludeChannel(lesson.channel);
        break;
      case 'node_off':
        memory.excludeNode(lesson.node);
        break;
      case 'policy':
        memory.adoptPolicy(lesson.channel, lesson.policy);
        break;
      case 'at_most':
        // Nothing is reserved yet, so one more than the bound fails at the bound.
        memory.couldNotCarry({ ...lesson.channel, amountMsat: lesson.atMostMsat + 1n, kind: 'public' });
        break;
    }
  }
  for (const part of partsOut(state)) memory.reserve(part.hops);
  return memory;
}
