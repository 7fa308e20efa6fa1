/** Which steps need no commit. */
import type { PaymentEvent, Step } from '../payment/messages.js';
import type { PaymentState } from '../payment/payment.js';

/** Nothing changed that has to outlive the process, and nothing is to be done but to wait. */
export function isQuiet({ type }: PaymentEvent, before: PaymentState, { state, commands }: Step): boolean {
  if (commands.some((command) => command.type !== 'wait')) return false;
  if (type === 'accepted') return true;
  const members = new Set([...Object.keys(before), ...Object.keys(state)]) as Set<keyof PaymentState>;
  return [...members].every((member) => before[member] === state[member]);
}
