/** What the sender tells, for the log, the metrics and whoever is on call. */
import type { Report } from '../../send/index.js';
import type { StoredPayment } from '../../send/run/store-port.js';
import type { SenderOptions } from '../../send/run/types.js';
import { toHex } from '../../wire/bytes.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { SendingMetrics } from './metrics.js';

export interface ReporterOptions {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'alarm'>;
  readonly sendingMetrics: SendingMetrics;
  readonly now: () => number;
}

/** @param also told of every report as well */
export function reporter(
  { log, metrics, sendingMetrics, now }: ReporterOptions,
  also?: (payment: StoredPayment, report: Report) => void,
): Required<Pick<SenderOptions, 'onReport' | 'onTrouble'>> {
  return {
    onReport(payment, report) {
      sendingMetrics.reported(payment, report, now());
      if (report.kind === 'alarm') metrics.alarm('sending');
      write(log, payment, report);
      also?.(payment, report);
    },
    onTrouble(what, error) {
      log.warn({ err: error }, what);
    },
  };
}

/** Preimages are proofs of payment and stay out of the log. */
function write(log: Log, payment: StoredPayment, report: Report): void {
  const fields = { payment: payment.id, paymentHash: toHex(payment.state.terms.paymentHash) };
  switch (report.kind) {
    case 'progress':
      log.debug({ ...fields, ...report.progress }, 'payment');
      return;
    case 'stopping':
      log.info({ ...fields, code: report.reason.code, partsOut: report.pending.length }, report.reason.message);
      return;
    case 'succeeded':
      log.info({ ...fields, feeMsat: report.feeMsat.toString(), partsOut: report.pending.length }, 'paid');
      return;
    case 'failed':
      log.info({ ...fields, code: report.reason.code }, `not paid: ${report.reason.message}`);
      return;
    case 'ended':
      log.debug({ ...fields, feeMsat: report.feeMsat.toString() }, 'nothing of the payment is in flight any more');
      return;
    case 'told':
      log.debug({ ...fields, part: report.part }, 'the peer holds the part until it is released');
      return;
    case 'alarm':
      log.error({ alarm: 'sending', ...fields }, report.message);
      return;
  }
}
