/** What of a step is told to those who follow the cluster's events. */
import type { PaymentCommand } from '../payment/messages.js';
import type { PaymentState } from '../payment/payment.js';
import type { PaymentOutEvent } from './store-port.js';

/** Each end is told once: reports come again after a restart. */
export function outEvents(before: PaymentState, commands: readonly PaymentCommand[]): readonly PaymentOutEvent[] {
  const { amountMsat } = before.terms;
  return commands.flatMap((command): PaymentOutEvent[] => {
    if (command.type !== 'report') return [];
    const { report } = command;
    switch (report.kind) {
      case 'succeeded':
        return before.phase === 'succeeded' ? [] : [{ type: 'sending.succeeded', amountMsat, feeMsat: report.feeMsat }];
      case 'failed':
        if (before.phase === 'failed') return [];
        return [{ type: 'sending.failed', code: report.reason.code, message: report.reason.message }];
      case 'alarm':
        return [{ type: 'sending.alarm', message: report.message }];
      case 'progress':
      case 'stopping':
      case 'ended':
      case 'told':
        return [];
    }
  });
}
