/** `manifold payments …` */
import type { Command } from 'commander';
import { paymentId, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { type CommonOptions, print, textOf, withDaemon } from './common.js';
import { amountText } from './amount.js';
import { type Io, usageError } from './io.js';
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
  withDaemon(payments.command('offers'))
    .description('list payments to offers, newest first: those that wait for an invoice or a payee, too')
    .option('--limit <number>', 'at most so many (1 to 100)', '25')
    .option('--cursor <text>', 'go on after an earlier page')
    .action(async ({ limit, cursor, ...options }: CommonOptions & { limit: string; cursor?: string }) => {
      const query = new URLSearchParams({ limit: String(wholeNumber(limit, [1, 100], '--limit')) });
      if (cursor !== undefined) query.set('cursor', cursor);
      const page = await (await ApiClient.open(io, options)).get(`/v1/offer-payments?${query.toString()}`);
      const found = page['offer_payments'] as Json[];
      await print(io, options, page, () => {
        const next = page['next_cursor'] === undefined ? [] : ['', `More: --cursor ${textOf(page['next_cursor'])}`];
        return [...(found.length === 0 ? ['No payments to offers yet.'] : found.flatMap(offerPaymentLines)), ...next];
      });
    });
  withDaemon(payments.command('abandon'))
    .description('give up a payment to an offer while nothing is out')
    .argument('<id>', 'as `manifold payments offers` shows it')
    .action(async (id: string, options: CommonOptions) => {
      if (!/^[0-9a-f]{32}$/.test(id))
        throw usageError(`"${id}" is no id of a payment to an offer: it has 32 hex digits`);
      const ended = await (await ApiClient.open(io, options)).post(`/v1/offer-payments/${id}/abandon`);
      await print(io, options, ended, () => offerPaymentLines(ended));
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

function offerPaymentLines(one: Json): string[] {
  const lead = `${textOf(one['id'])}  ${textOf(one['created_at'])}  ${amountText(one['amount_msat'] as string)}`;
  const paid = one['payment_id'] === undefined ? '' : `  (payment ${textOf(one['payment_id'])})`;
  return [lead, `  ${textOf(one['words'])}${paid}`];
}
