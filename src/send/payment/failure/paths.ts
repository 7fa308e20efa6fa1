/** What is left of the ways that the payee has told. */
import type { RouteHop } from '../../plan/request.js';
import type { PaymentState } from '../payment.js';
import { keyOfHop } from './context.js';

export const NO_PATH_LEFT =
  'no blinded path of the invoice works: the payee may be offline, or the invoice paid or expired; ask for a new one';

/** Whether the payment has another of the payee's last hops than this one. */
export function isPathLeft({ state }: { readonly state: PaymentState }, gone: RouteHop): boolean {
  const off = new Set([keyOfHop(gone)]);
  for (const lesson of state.memory) {
    if (lesson.kind === 'channel_off') off.add(`${lesson.channel.scid}/${lesson.channel.direction}`);
  }
  return state.terms.payee.hints.some((hint) => {
    const scid = hint.at(-1)?.scid;
    return scid !== undefined && !off.has(`${scid}/0`) && !off.has(`${scid}/1`);
  });
}
