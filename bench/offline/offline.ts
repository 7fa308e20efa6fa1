/** Services for wallets that sleep: invoices served, mail kept, messages passed on. */
import { type BenchOptions, type BenchReport, machineName } from '../../src/bench/measure.js';
import { forwardRows } from './forward.js';
import { mailboxRows } from './mailbox.js';
import { servingRows } from './serving.js';

export async function benchOffline({ quick }: BenchOptions): Promise<BenchReport> {
  const results = [...(await forwardRows(quick)), ...(await servingRows(quick)), ...(await mailboxRows(quick))];
  return { name: 'offline', machine: machineName(), results };
}
