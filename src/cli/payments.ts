/** `manifold payments …` */
import type { Command } from 'commander';
import { paymentId, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { type CommonOptions, print, textOf, withDaemon } from './common.js';
import type { Io } from './io.js';
import { listLines, paymentLines } from './payment-lines.js';

export function registerPayments(program: Command, io: Io): void {
  const payments = program.command('payments').description('payments made: what became of them, and why');
  withDaemon(payments.command('list'))
    .description('list payments made, newest first')
    .option('--limit <number>', 'at most so many (1 to 100)', '25')
    .option('--cursor <text>', 'go on after an earlier page')
    .action(async ({ limit, cursor, ...options }: CommonOptions & { limit: string; cursor?: string }) => {
      const query = new URLSearchParams({ limit: String(wholeNumber(limit, [1, 100], '--limit')) });
      if (cursor !== undefined) query.set('cursor', cursor);
      const page = await (await ApiClient.open(io, options)).get(`/v1/payments?${query.toString()}`);
      const found = page['payments'] as Json[];
      await print(io, options, page, () => {
        const next = page['next_cursor'] === undefined ? [] : ['', `More: --cursor ${textOf(page['next_cursor'])}`];
        return [...(found.length === 0 ? ['No payments yet.'] : listLines(found)), ...next];
      });
    });
  withDaemon(payments.command('show'))
    .description('show a payment and explain every attempt')
    .argument('<payment>', 'its id, its payment hash, or the invoice that it pays')
    .action(async (id: string, options: CommonOptions) => {
      const path = `/v1/payments/${paymentId(id)}`;
      const shown = await (await ApiClient.open(io, options)).get(path);
      await print(io, options, shown, () => paymentLines(shown));
    });
  withDaemon(payments.command('stop'))
    .description('begin no new parts; what is in flight resolves by itself')
    .argument('<payment>', 'its id, its payment hash, or the invoice that it pays')
    .action(async (id: string, options: CommonOptions) => {
      const path = `/v1/payments/${paymentId(id)}/stop`;
      const shown = await (await ApiClient.open(io, options)).post(path);
      await print(io, options, shown, () => paymentLines(shown));
    });
}
