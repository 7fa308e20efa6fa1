/** A fake payer's record as JSON. */
import type { PaymentRecord } from '../../node/sim/payment.js';
import { compact } from '../compact.js';

export function paymentRecordJson(record: PaymentRecord): Record<string, unknown> {
  return compact({
    payment_hash: record.paymentHash,
    outcome: record.outcome,
    preimage: record.preimage,
    total_msat: record.totalMsat.toString(),
    paid_msat: record.paidMsat.toString(),
    milliseconds: record.endedAt === undefined ? undefined : record.endedAt - record.startedAt,
    parts: record.parts.map(({ amountMsat, outcome, attempts }) => ({
      amount_msat: amountMsat.toString(),
      outcome,
      attempts: attempts.map(({ route, outcome: end, failure, sentMsat }) =>
        compact({
          route: [...route],
          sent_msat: sentMsat.toString(),
          outcome: end,
          failure: failure && compact({ code: failure.code, name: failure.name, blamed: failure.blamed }),
        }),
      ),
    })),
  });
}
