/** `manifold invoice …` */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { stripLightningUri } from '../bolt11/uri.js';
import { amountText, parseAmount } from './amount.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError, writeLine } from './io.js';

interface CreateOptions extends CommonOptions {
  readonly amount: string;
  readonly description?: string;
  readonly descriptionHash?: string;
  readonly expiry?: string;
  readonly reference?: string;
  readonly metadata?: string;
  readonly hold?: boolean;
  readonly holdSeconds?: string;
  readonly hash?: string;
  readonly preimageFile?: string;
  readonly qr: boolean;
}

export function registerInvoice(program: Command, io: Io): void {
  const invoice = program.command('invoice').description('create and follow invoices');
  withDaemon(invoice.command('create'))
    .description('create an invoice and show its QR code')
    .requiredOption('--amount <amount>', 'like 50000sat, 50000000msat, 0.0005btc, or any')
    .option('--description <text>', 'what the payer is told')
    .option('--description-hash <hex>', 'SHA-256 of a longer description')
    .option('--expiry <seconds>', 'how long it can be paid')
    .option('--reference <text>', 'your own name for it')
    .option('--metadata <json>', 'any JSON to keep with it')
    .option('--hold', 'accept the payment, then wait for settle or cancel')
    .option('--hold-seconds <seconds>', 'how long to wait for that')
    .option('--hash <hex>', 'payment hash of your own; makes it a hold invoice')
    .option('--preimage-file <file>', 'preimage of your own: 64 hex digits in a file')
    .option('--no-qr', 'leave the QR code out')
    .action(async (options: CreateOptions) => create(io, options));
  withDaemon(invoice.command('list'))
    .description('list stored invoices, newest first')
    .option('--state <state>', 'open, accepted, paid, canceled or expired')
    .option('--reference <text>', 'only those with this reference')
    .option('--limit <number>', 'at most so many (1 to 100)', '25')
    .option('--cursor <text>', 'go on after an earlier page')
    .action(async (options: ListOptions) => list(io, options));
  withDaemon(invoice.command('show'))
    .description('show an invoice and what happened to it')
    .argument('<invoice>', 'payment hash or the invoice itself')
    .action(async (id: string, options: CommonOptions) => {
      const client = await ApiClient.open(io, options);
      const shown = await client.get(`/v1/invoices/${pathPart(id)}`);
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
      const preimage = await preimageOf(options.preimageFile);
      const client = await ApiClient.open(io, options);
      const settled = await client.post(
        `/v1/invoices/${pathPart(id)}/settle`,
        preimage === undefined ? {} : { preimage },
      );
      await print(io, options, settled, () => invoiceLines(settled));
    });
  withDaemon(invoice.command('cancel'))
    .description('give back what is held for an invoice and accept nothing more')
    .argument('<invoice>', 'payment hash or the invoice itself')
    .action(async (id: string, options: CommonOptions) => {
      const client = await ApiClient.open(io, options);
      const canceled = await client.post(`/v1/invoices/${pathPart(id)}/cancel`);
      await print(io, options, canceled, () => invoiceLines(canceled));
    });
}

async function create(io: Io, options: CreateOptions): Promise<void> {
  const fields = {
    amount_msat: parseAmount(options.amount)?.toString(),
    description: options.description,
    description_hash: options.descriptionHash,
    expiry_seconds: wholeSeconds(options.expiry, '--expiry'),
    reference: options.reference,
    metadata: parsedJson(options.metadata),
    hold: options.hold,
    hold_seconds: wholeSeconds(options.holdSeconds, '--hold-seconds'),
    payment_hash: options.hash,
    preimage: await preimageOf(options.preimageFile),
  };
  const client = await ApiClient.open(io, options);
  const made = await client.post('/v1/invoices', fields);
  const bolt11 = textOf(made['bolt11']);
  const qr = options.qr && options.json !== true ? [await qrCode(bolt11)] : [];
  await print(io, options, made, () => [...qr, bolt11, '', ...invoiceLines({ ...made, bolt11: undefined })]);
  if (made['enough_inbound'] === false && options.json !== true) {
    await writeLine(io, 'Warning: the members named in it cannot receive so much at present.');
  }
}

/** Upper case makes a smaller code, and invoices may be written in either. */
async function qrCode(text: string): Promise<string> {
  const { encodeQR } = await import('qr');
  return encodeQR(`LIGHTNING:${text.toUpperCase()}`, 'ascii', { ecc: 'low', border: 2 });
}

interface ListOptions extends CommonOptions {
  readonly state?: string;
  readonly reference?: string;
  readonly limit: string;
  readonly cursor?: string;
}

async function list(io: Io, { state, reference, limit, cursor, ...common }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ limit });
  for (const [name, value] of Object.entries({ state, reference, cursor }))
    if (value !== undefined) query.set(name, value);
  const client = await ApiClient.open(io, common);
  const page = await client.get(`/v1/invoices?${query.toString()}`);
  const invoices = page['invoices'] as Json[];
  await print(io, common, page, () => {
    if (invoices.length === 0)
      return [
        'No stored invoices. Plain ones are not stored before they are paid; give them a --reference to list them.',
      ];
    const rows = invoices.map((one) => [
      textOf(one['payment_hash']),
      textOf(one['state']),
      amountText(one['amount_msat'] as string | undefined),
      textOf(one['created_at'] ?? ''),
      textOf(one['reference'] ?? one['description'] ?? ''),
    ]);
    const next = page['next_cursor'] === undefined ? [] : ['', `More: --cursor ${textOf(page['next_cursor'])}`];
    return [...columns(['PAYMENT HASH', 'STATE', 'AMOUNT', 'CREATED', 'ABOUT'], rows), ...next];
  });
}

export function invoiceLines(invoice: Json): string[] {
  const text = (name: string): string | undefined => (invoice[name] === undefined ? undefined : textOf(invoice[name]));
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
      ['amount', amountText(text('amount_msat'))],
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
  ];
}

function pathPart(id: string): string {
  const text = stripLightningUri(id);
  if (!/^[A-Za-z0-9]+$/.test(text)) throw usageError('name an invoice by its payment hash or its text');
  return text;
}

function wholeSeconds(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw usageError(`${option} is a number of seconds`);
  return Number(text);
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
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new CliError('cannot_read', `the preimage file cannot be read: ${(error as Error).message}`);
  });
  if (/^[0-9a-fA-F]{64}\s*$/.test(text)) return text.trim();
  throw new CliError('bad_preimage', `${path} does not hold a preimage: 64 hex digits are expected`);
}
