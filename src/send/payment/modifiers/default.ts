/** The modifiers of an ordinary payment, in their order. */
import type { Modifier } from '../stages.js';
import { directPay } from './direct-pay.js';
import { ownBalances } from './own-balances.js';
import { payeeLimits } from './payee-limits.js';
import { retryLimit } from './retry.js';
import { routeHints } from './route-hints.js';
import { sameRoute } from './same-route.js';
import { shadowOffset } from './shadow-offset.js';
import { waitHeight } from './wait-height.js';

/**
 * The budget is taken as it is: whoever makes the terms decides what a small payment may pay (`exemptFee`).
 * Order matters: balances are right before a plan reads them, limits are set before blocks are drawn from them, and waiting
 * for a block comes before counting failures, for it makes one kind of failure into a pause. Splitting is the planner's:
 * `presplitting` and `adaptiveSplitting` go behind `directPay` where a single-route planner is used.
 */
export const DEFAULT_MODIFIERS: readonly Modifier[] = [
  ownBalances,
  routeHints,
  payeeLimits,
  shadowOffset,
  sameRoute,
  directPay,
  waitHeight,
  retryLimit(),
];
