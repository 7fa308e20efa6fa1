/** Small payments may pay a base fee or two: a budget below the exempt fee is raised to it. */
import type { Msat } from '../../../wire/units.js';
import { EXEMPT_FEE_MSAT } from '../../classic/fee-share.js';
import type { Modifier } from '../stages.js';

export function exemptFee(exemptMsat: Msat = EXEMPT_FEE_MSAT): Modifier {
  return {
    name: 'exempt-fee',
    prepare(terms) {
      return terms.budgetMsat >= exemptMsat ? terms : { ...terms, budgetMsat: exemptMsat };
    },
  };
}
