/** `manifold offer …` */
import type { Command } from 'commander';
import { amountText, parseAmount } from './amount.js';
import { required, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, table, textOf, withDaemon } from './common.js';
import { type Io, usageError } from './io.js';
import { qrLines } from './qr.js';

interface CreateOptions extends CommonOptions {
  readonly amount?: string;
  readonly description?: string;
  readonly issuer?: string;
  readonly quantityMax?: string;
  readonly expires?: string;
  readonly reference?: string;
  readonly qr?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly limit: string;
  readonly cursor?: string;
}

export function registerOffer(program: Command, io: Io): void {
  const offer = program.command('offer').description('create and list offers (BOLT 12)');
  withDaemon(offer.command('create'))
    .description('create an offer that can be paid again and again at any node of the cluster')
    .option('--amount <amount>', 'per item, like 50000sat, or any (required)')
    .option('--description <text>', 'what the payer is told; needed with an amount')
    .option('--issuer <text>', 'who offers')
    .option('--quantity-max <number>', 'most items in one payment; 0 for any number')
    .option('--expires <seconds>', 'how long it can be paid; default: for ever')
    .option('--reference <text>', 'your own name for it')
    .option('--qr', 'show the QR code even if the terminal is narrow, or the output is no terminal')
    .option('--no-qr', 'leave the QR code out')
    .action(async (options: CreateOptions) => create(io, options));
  withDaemon(offer.command('list'))
    .description('list offers, newest first')
    .option('--limit <number>', 'at most so many (1 to 100)', '25')
    .option('--cursor <text>', 'go on after an earlier page')
    .action(async (options: ListOptions) => list(io, options));
  withDaemon(offer.command('show'))
    .description('show an offer')
    .argument('<offer>', 'its id or the offer itself')
    .action(async (id: string, options: CommonOptions) => {
      const shown = await (await ApiClient.open(io, options)).get(`/v1/offers/${offerId(id)}`);
      await print(io, options, shown, () => offerLines(shown));
    });
  for (const verb of ['disable', 'enable'] as const) {
    withDaemon(offer.command(verb))
      .description(verb === 'disable' ? 'answer no more requests for it' : 'answer requests for it again')
      .argument('<offer>', 'its id or the offer itself')
      .action(async (id: string, options: CommonOptions) => {
        const changed = await (await ApiClient.open(io, options)).post(`/v1/offers/${offerId(id)}/${verb}`);
        await print(io, options, changed, () => offerLines(changed));
      });
  }
}

const MOST_SECONDS = 100 * 365 * 86_400;

async function create(io: Io, options: CreateOptions): Promise<void> {
  const amount = parseAmount(required(options.amount, '--amount'));
  if (amount !== undefined && options.description === undefined)
    throw usageError('an offer with an amount says what for: add --description');
  const life = options.expires === undefined ? undefined : wholeNumber(options.expires, [1, MOST_SECONDS], '--expires');
  const fields = {
    amount_msat: amount?.toString(),
    description: options.description,
    issuer: options.issuer,
    quantity_max: options.quantityMax && String(wholeNumber(options.quantityMax, [0, 1e15], '--quantity-max')),
    expires_at: life === undefined ? undefined : Math.floor(Date.now() / 1000) + life,
    reference: options.reference,
  };
  const made = await (await ApiClient.open(io, options)).post('/v1/offers', fields);
  const bolt12 = textOf(made['bolt12']);
  const qr = options.json === true ? [] : await qrLines(bolt12, io.stdout, options.qr);
  await print(io, options, made, () => [...qr, bolt12, '', ...offerLines({ ...made, bolt12: undefined })]);
}

async function list(io: Io, { limit, cursor, ...common }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ limit: String(wholeNumber(limit, [1, 100], '--limit')) });
  if (cursor !== undefined) query.set('cursor', cursor);
  const page = await (await ApiClient.open(io, common)).get(`/v1/offers?${query.toString()}`);
  const offers = page['offers'] as Json[];
  await print(io, common, page, () => {
    const next = page['next_cursor'] === undefined ? [] : ['', `More: --cursor ${textOf(page['next_cursor'])}`];
    if (offers.length === 0) return ['No offers yet; `manifold offer create --amount any` makes one.', ...next];
    const rows = offers.map((one) => [
      textOf(one['offer_id']),
      textOf(one['state']),
      amountText(one['amount_msat'] as string | undefined),
      textOf(one['created_at']),
      textOf(one['reference'] ?? one['description'] ?? ''),
    ]);
    return [...columns(['OFFER ID', 'STATE', 'AMOUNT', 'SINCE', 'ABOUT'], rows), ...next];
  });
}

/** Ids and texts of offers hold letters and digits only; a text may be broken into pieces by `+` and spaces. */
function offerId(text: string): string {
  const id = text.replace(/\+\s*/g, '').trim();
  if (!/^[0-9A-Za-z]+$/.test(id)) throw usageError('that is neither an offer (lno1…) nor its id (64 hex digits)');
  return id;
}

function offerLines(offer: Json): string[] {
  const text = (name: string): string | undefined => (offer[name] === undefined ? undefined : textOf(offer[name]));
  return table([
    ['state', text('state')],
    ['amount', amountText(text('amount_msat'))],
    ['description', text('description')],
    ['issuer', text('issuer')],
    ['at most', text('quantity_max') === '0' ? 'any number' : text('quantity_max')],
    ['expires', text('expires_at')],
    ['reference', text('reference')],
    ['created', text('created_at')],
    ['offer id', text('offer_id')],
    ['offer', text('bolt12')],
  ]);
}
