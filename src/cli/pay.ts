/** `manifold pay` */
import type { Command } from 'commander';
import { feeFields, parseAmount } from './amount.js';
import { names, nodeId, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { type CommonOptions, print, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError, writeJson, writeLine } from './io.js';
import { follow } from './pay-follow.js';
import { isOver, outcomeLines, planLines } from './payment-lines.js';
import { followOffer, isOfferOrName, offerFields, offerOutcome } from './pay-offer.js';
import { progressView } from './pay-progress.js';

interface PayOptions extends CommonOptions {
  readonly keysend?: string;
  readonly record?: string[];
  readonly amount?: string;
  readonly maxFee?: string;
  readonly maxParts?: string;
  readonly maxBlocks?: string;
  readonly timeout?: string;
  readonly from?: string;
  readonly reference?: string;
  readonly dryRun?: boolean;
  readonly progress?: boolean;
  readonly quantity?: string;
  readonly note?: string;
  readonly proof?: string;
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];

export function registerPay(program: Command, io: Io): void {
  withDaemon(program.command('pay'))
    .description('pay an invoice, an offer, or a node by keysend, from one own node or several at once')
    .argument('[invoice]', 'a BOLT 11 invoice, an offer (lno1…), or a name like user@domain with --proof')
    .option('--keysend <node id>', 'pay a node that made no invoice')
    .option('--record <type=hex>', 'with --keysend: a custom record, as often as needed', collect)
    .option('--amount <amount>', 'for --keysend, or where the payee leaves it to the payer: like 50000sat')
    .option('--quantity <number>', 'of an offer: how many')
    .option('--note <text>', 'of an offer: what the payee is told')
    .option('--proof <file>', 'of a name: the DNSSEC proof (RFC 9102) that it stands for an offer')
    .option('--max-fee <fee>', 'most in fees: like 100sat, 5000msat or 0.5%')
    .option('--max-parts <number>', 'most parts at a time')
    .option('--max-blocks <number>', 'most blocks for which a part may be locked (default: 2016)')
    .option('--timeout <seconds>', 'begin no new part after so long')
    .option('--from <names>', 'only from these own nodes, with commas')
    .option('--reference <text>', 'your own name for it')
    .option('--dry-run', 'show the plan, its fee and its chance; send nothing')
    .option('--progress', 'with --json: a line of JSON for every news, the last one the end')
    .addHelpText(
      'after',
      '\nExit code: 0 paid, 1 refused, failed or still under way; the last words say which. Ctrl-C leaves it running.',
    )
    .action(async (invoice: string | undefined, options: PayOptions) => pay(io, invoice, options));
}

async function pay(io: Io, invoice: string | undefined, options: PayOptions): Promise<void> {
  const isOffer = invoice !== undefined && isOfferOrName(invoice);
  const request = requestOf(
    isOffer ? undefined : invoice,
    options,
    isOffer ? await offerFields(invoice, options) : undefined,
  );
  const client = await ApiClient.open(io, options);
  if (options.dryRun === true) {
    const plan = await client.post('/v1/payments', { ...request, dry_run: true }).catch(askForAmount);
    await print(io, options, plan, () => planLines(plan));
    return;
  }
  const json = options.json === true;
  const begun = isOffer
    ? await beginOffer(io, client, request, json)
    : await client.post('/v1/payments', request).catch(askForAmount);
  const view = json
    ? { news: async (one: Json) => (options.progress === true ? writeJson(io, one) : undefined), end: () => undefined }
    : progressView(io);
  const { payment, why } = await follow(client, begun, view);
  view.end();
  if (json && (options.progress !== true || !isOver(payment) || why !== undefined)) await writeJson(io, payment);
  if (!json) for (const line of outcomeLines(payment)) await writeLine(io, line);
  const error = errorOf(payment, why, json);
  if (error) throw error;
}

async function beginOffer(io: Io, client: ApiClient, request: Json, json: boolean): Promise<Json> {
  const begun = await client.post('/v1/offer-payments', request).catch(askForAmount);
  const say = (news: Json): unknown => (json ? undefined : writeLine(io, textOf(news['words'])));
  const { payment, offerPayment } = await followOffer(client, begun, say);
  if (payment) return payment;
  if (json) await writeJson(io, offerPayment);
  throw offerOutcome(offerPayment);
}

/** @param offer what is paid instead of an invoice */
function requestOf(invoice: string | undefined, options: PayOptions, offer?: Json): Json {
  const targets = [invoice, options.keysend, offer].filter((target) => target !== undefined);
  if (targets.length !== 1)
    throw usageError('name what to pay: an invoice, an offer, or a node with --keysend (one of them)');
  if (offer === undefined && (options.quantity ?? options.note ?? options.proof) !== undefined)
    throw usageError('--quantity, --note and --proof are for offers');
  if (offer !== undefined && options.dryRun === true)
    throw usageError('--dry-run needs an invoice: an offer has to be asked for one first');
  if (options.keysend !== undefined && options.amount === undefined)
    throw usageError('--keysend needs --amount: there is no invoice that names one');
  if (options.record !== undefined && options.keysend === undefined)
    throw usageError('--record is for --keysend: an invoice’s payee takes none');
  if (options.progress === true && options.json !== true)
    throw usageError('--progress goes with --json: without it the progress is shown anyway');
  const amount = options.amount === undefined ? undefined : parseAmount(options.amount);
  if (options.amount !== undefined && amount === undefined) throw usageError('--amount: name an amount, like 50000sat');
  const fields: Json = {
    ...(invoice !== undefined && { invoice }),
    ...offer,
    ...(options.keysend !== undefined && { keysend: keysendOf(options.keysend, options.record) }),
    amount_msat: amount?.toString(),
    ...feeFields(options.maxFee),
    max_parts: options.maxParts === undefined ? undefined : wholeNumber(options.maxParts, [1, 483], '--max-parts'),
    max_blocks: options.maxBlocks === undefined ? undefined : wholeNumber(options.maxBlocks, [1, 2016], '--max-blocks'),
    timeout_seconds: options.timeout === undefined ? undefined : wholeNumber(options.timeout, [1, 86_400], '--timeout'),
    from: options.from === undefined ? undefined : names(options.from, '--from'),
    reference: options.reference,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function keysendOf(destination: string, records: readonly string[] = []): Json {
  const custom = records.map((text) => {
    const [, type, hex] = /^(\d{1,20})=((?:[0-9a-fA-F]{2})*)$/.exec(text) ?? [];
    if (type === undefined) throw usageError(`--record is type=hex, like 7629169=74657374, not "${text}"`);
    return [type, hex] as const;
  });
  return {
    destination: nodeId(destination, '--keysend'),
    ...(custom.length > 0 && { custom_records: Object.fromEntries(custom) }),
  };
}

function askForAmount(error: unknown): never {
  if (error instanceof CliError && error.code === 'amount_missing')
    throw usageError('the payee leaves the amount to the payer: say how much with --amount, like --amount 1000sat');
  throw error;
}

function errorOf(payment: Json, why: string | undefined, isTold: boolean): CliError | undefined {
  const id = textOf(payment['id']);
  if (payment['state'] === 'succeeded') return undefined;
  if (payment['state'] === 'failed')
    return new CliError(
      'payment_failed',
      'nothing was paid and nothing is in flight; the reason stands above',
      1,
      isTold,
    );
  const advice = `look again: manifold payments show ${id}`;
  const lead = why ?? 'the payment is still under way';
  return new CliError(
    'payment_pending',
    `${lead}. Money may be out: do not pay this again by other means before it is over.\n  ${advice}\n  no new parts:  manifold payments stop ${id}`,
    1,
    isTold,
  );
}
