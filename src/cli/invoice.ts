/** `manifold invoice …` */
import type { Command } from 'commander';
import { INVOICE_STATES } from '../daemon/invoice-state.js';
import { amountText, parseAmount } from './amount.js';
import { contentOf, hex32, invoiceId, oneOf, required, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError, writeLine } from './io.js';
import { qrLines } from './qr.js';

interface CreateOptions extends CommonOptions {
  readonly amount?: string;
  readonly description?: string;
  readonly descriptionHash?: string;
  readonly expiry?: string;
  readonly reference?: string;
  readonly metadata?: string;
  readonly hold?: boolean;
  readonly holdSeconds?: string;
  readonly hash?: string;
  readonly preimageFile?: string;
  readonly qr?: boolean;
}

export function registerInvoice(program: Command, io: Io): void {
  const invoice = program.command('invoice').description('create and follow invoices');
  withDaemon(invoice.command('create'))
    .description('create an invoice; on a terminal its QR code is shown')
    .option('--amount <amount>', 'like 50000sat, 50000000msat, 0.0005btc, or any (required)')
    .option('--description <text>', 'what the payer is told')
    .option('--description-hash <hex>', 'SHA-256 of a longer description')
    .option('--expiry <seconds>', 'how long it can be paid')
    .option('--reference <text>', 'your own name for it')
    .option('--metadata <json>', 'any JSON to keep with it')
    .option('--hold', 'accept the payment, then wait for settle or cancel')
    .option('--hold-seconds <seconds>', 'how long to wait for that (with --hold or --hash)')
    .option('--hash <hex>', 'payment hash of your own; makes it a hold invoice')
    .option('--preimage-file <file>', 'preimage of your own: 64 hex digits in a file')
    .option('--qr', 'show the QR code even if the terminal is narrow, or the output is no terminal')
    .option('--no-qr', 'leave the QR code out')
    .action(async (options: CreateOptions) => create(io, options));
  withDaemon(invoice.command('list'))
    .description('list stored invoices, and plain ones that were paid, newest first')
    .option('--state <state>', `only these: ${INVOICE_STATES.join(', ')}`)
    .option('--reference <text>', 'only those with this reference')
    .option('--limit <number>', 'at most so many (1 to 100)', '25')
    .option('--cursor <text>', 'go on after an earlier page')
    .action(async (options: ListOptions) => list(io, options));
  withDaemon(invoice.command('show'))
    .description('show an invoice and what happened to it')
    .argument('<invoice>', 'payment hash or the invoice itself')
    .action(async (id: string, options: CommonOptions) => {
      const path = `/v1/invoices/${invoiceId(id)}`;
      const client = await ApiClient.open(io, options);
      const shown = await client.get(path);
      await print(io, options, shown, () => invoiceLines(shown));
    });
  registerHold(invoice, io);
}

function registerHold(invoice: Command, io: Io): void {
  withDaemon(invoice.command('settle'))
    .description('settle an accepted hold invoice')
    .argument('<invoice>', 'payment hash or the invoice itself')
    .option('--preimage-file <file>', 'preimage of your own hash: 64 hex digits in a file')
    .action(async (id: string, options: CommonOptions & { preimageFile?: string }) => {
      const path = `/v1/invoices/${invoiceId(id)}/settle`;
      const preimage = await preimageOf(options.preimageFile);
      const client = await ApiClient.open(io, options);
      const settled = await client.post(path, preimage === undefined ? {} : { preimage }).catch(askForPreimage);
      await print(io, options, settled, () => invoiceLines(settled));
    });
  withDaemon(invoice.command('cancel'))
    .description('give back what is held for an invoice and accept nothing more')
    .argument('<invoice>', 'payment hash or the invoice itself')
    .action(async (id: string, options: CommonOptions) => {
      const path = `/v1/invoices/${invoiceId(id)}/cancel`;
      const canceled = await (await ApiClient.open(io, options)).post(path);
      await print(io, options, canceled, () => invoiceLines(canceled));
    });
}

function askForPreimage(error: unknown): never {
  if (error instanceof CliError && error.code === 'preimage_missing')
    throw new CliError(error.code, 'the hash is your own: pass its preimage with --preimage-file');
  throw error;
}

const DAY_SECONDS = 86_400;

async function create(io: Io, options: CreateOptions): Promise<void> {
  if (options.holdSeconds !== undefined && options.hold !== true && options.hash === undefined)
    throw usageError('--hold-seconds is for hold invoices: add --hold');
  const fields = {
    amount_msat: parseAmount(required(options.amount, '--amount'))?.toString(),
    description: options.description,
    description_hash: options.descriptionHash && hex32(options.descriptionHash, '--description-hash'),
    expiry_seconds: seconds(options.expiry, '--expiry', [1, 365 * DAY_SECONDS]),
    reference: options.reference,
    metadata: parsedJson(options.metadata),
    hold: options.hold,
    hold_seconds: seconds(options.holdSeconds, '--hold-seconds', [10, 30 * DAY_SECONDS]),
    payment_hash: options.hash && hex32(options.hash, '--hash'),
    preimage: await preimageOf(options.preimageFile),
  };
  const client = await ApiClient.open(io, options);
  const made = await client.post('/v1/invoices', fields);
  const bolt11 = textOf(made['bolt11']);
  const qr = options.json === true ? [] : await qrLines(bolt11, io.stdout, options.qr);
  await print(io, options, made, () => [...qr, bolt11, '', ...invoiceLines({ ...made, bolt11: undefined })]);
  if (made['enough_inbound'] === false && options.json !== true) {
    await writeLine(io, 'Warning: the members named in it cannot receive so much at present.');
  }
}

interface ListOptions extends CommonOptions {
  readonly state?: string;
  readonly reference?: string;
  readonly limit: string;
  readonly cursor?: string;
}

async function list(io: Io, { state, reference, limit, cursor, ...common }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ limit: String(wholeNumber(limit, [1, 100], '--limit')) });
  if (state !== undefined) oneOf(state, INVOICE_STATES, '--state');
  for (const [name, value] of Object.entries({ state, reference, cursor }))
    if (value !== undefined) query.set(name, value);
  const client = await ApiClient.open(io, common);
  const page = await client.get(`/v1/invoices?${query.toString()}`);
  const invoices = page['invoices'] as Json[];
  await print(io, common, page, () => {
    const next = page['next_cursor'] === undefined ? [] : ['', `More: --cursor ${textOf(page['next_cursor'])}`];
    if (invoices.length === 0) return [noneFound(state, reference), ...next];
    const rows = invoices.map((one) => [
      textOf(one['payment_hash']),
      textOf(one['state']),
      amountOf(one),
      textOf(one['created_at'] ?? one['settled_at'] ?? ''),
      textOf(one['reference'] ?? one['description'] ?? ''),
    ]);
    return [...columns(['PAYMENT HASH', 'STATE', 'AMOUNT', 'SINCE', 'ABOUT'], rows), ...next];
  });
}

function noneFound(...filters: readonly (string | undefined)[]): string {
  return filters.some((one) => one !== undefined)
    ? 'No invoices like that here. Plain ones are not stored before they are paid.'
    : 'No invoices yet. Plain ones are not stored before they are paid; with a --reference they are listed at once.';
}

/** Of a paid invoice that was not stored only its payment is known. */
function amountOf(invoice: Json): string {
  const promised = invoice['amount_msat'] as string | undefined;
  const isKnown = promised !== undefined || invoice['created_at'] !== undefined;
  if (isKnown) return amountText(promised);
  const received = invoice['received_msat'] as string | undefined;
  return received === undefined ? 'unknown' : amountText(received);
}

function invoiceLines(invoice: Json): string[] {
  const text = (name: string): string | undefined => (invoice[name] === undefined ? undefined : textOf(invoice[name]));
  // Found by its hash alone: pass the text of the invoice to see what it promised.
  const isBare = text('amount_msat') === undefined && text('created_at') === undefined;
  const held = text('held_msat') === '0' ? undefined : amountText(text('held_msat'));
  const parts = (invoice['parts'] as Json[]).map((part) => [
    textOf(part['state']),
    amountText(part['amount_msat'] as string),
    textOf(part['node_id']),
    `${textOf(part['channel_id'])}/${textOf(part['htlc_id'])}`,
  ]);
  return [
    ...table([
      ['state', text('state')],
      ['amount', isBare ? 'unknown' : amountText(text('amount_msat'))],
      ['received', invoice['received_msat'] === undefined ? undefined : amountText(text('received_msat'))],
      ['held', held],
      ['description', text('description')],
      ['reference', text('reference')],
      ['metadata', invoice['metadata'] === undefined ? undefined : JSON.stringify(invoice['metadata'])],
      ['hold', invoice['hold'] === true ? 'yes' : undefined],
      ['payment hash', text('payment_hash')],
      ['preimage', text('preimage')],
      ['created', text('created_at')],
      ['expires', text('expires_at')],
      ['settled', text('settled_at')],
      ['invoice', text('bolt11')],
    ]),
    ...(parts.length > 0 ? ['', ...columns(['PART', 'AMOUNT', 'NODE', 'CHANNEL/HTLC'], parts)] : []),
    ...(invoice['settle_requested'] === true && text('state') === 'accepted' ? ['', SETTLE_REQUESTED] : []),
  ];
}

const SETTLE_REQUESTED = 'Settlement requested; it happens when every node that holds a part is back.';

function seconds(text: string | undefined, option: string, range: readonly [number, number]): number | undefined {
  return text === undefined ? undefined : wholeNumber(text, range, option);
}

function parsedJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw usageError('--metadata is not valid JSON');
  }
}

async function preimageOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await contentOf(path, '--preimage-file');
  if (/^[0-9a-fA-F]{64}\s*$/.test(text)) return text.trim();
  throw new CliError('bad_preimage', `${path} does not hold a preimage: 64 hex digits are expected`);
}
