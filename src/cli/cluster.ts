/** `manifold nodes`, `manifold hints …` and `manifold sim pay`. */
import type { Command } from 'commander';
import { amountText, parseAmount } from './amount.js';
import { contentOf, required, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError, writeJson } from './io.js';
import { nodeLines } from './node-lines.js';

export function registerCluster(program: Command, io: Io): void {
  withDaemon(program.command('nodes'))
    .description('show the nodes of the cluster, who serves them and how they are')
    .action(async (options: CommonOptions) => {
      const shown = await (await ApiClient.open(io, options)).get('/v1/nodes');
      await print(io, options, shown, () => nodeLines(shown));
    });
  const hints = program.command('hints').description('exchange phantom route hints with LDK programs');
  withDaemon(hints.command('export'))
    .description('print the hints of the own members as JSON, one per line')
    .action(async (options: CommonOptions) => {
      const { hints: found } = await (await ApiClient.open(io, options)).get('/v1/hints');
      for (const one of found as Json[]) await writeJson(io, one);
    });
  withDaemon(hints.command('import'))
    .description("take in the hints of LDK members: JSON with LDK's field names, or LDK's bytes in hex, one per line")
    .argument('<file>', 'file, or - for standard input')
    .action(async (file: string, options: CommonOptions) => importHints(io, file, options));
  registerSim(program, io);
}

const MAX_IMPORT = 4_000_000;

async function importHints(io: Io, file: string, options: CommonOptions): Promise<void> {
  const text = file === '-' ? await wholeInput(io) : await contentOf(file, 'hints import', { limit: MAX_IMPORT });
  const client = await ApiClient.open(io, options);
  for (const hints of parsedHints(text)) {
    const taken = await client.post('/v1/hints', hints);
    await print(io, options, taken, () => [
      `Taken in: node ${textOf(taken['node_id'])}, ${textOf(taken['phantom_scids'])} phantom SCID(s) in use.`,
    ]);
  }
}

/** One JSON value over all lines (an object or a list), or one object or hex text per line. */
function parsedHints(text: string): readonly Json[] {
  const whole = parsed(text);
  if (Array.isArray(whole)) return whole as Json[];
  if (whole !== undefined) return [whole as Json];
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw usageError('there are no hints in the input');
  return lines.map((line, i) => {
    if (/^([0-9a-fA-F]{2})+$/.test(line)) return { ldk: line };
    const json = parsed(line);
    if (typeof json === 'object' && json !== null) return json as Json;
    throw new CliError(
      'bad_hints',
      `line ${i + 1} is neither JSON nor hex; pass get_phantom_route_hints of the LDK node`,
    );
  });
}

function parsed(text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

async function wholeInput(io: Io): Promise<string> {
  let text = '';
  for await (const chunk of io.stdin) {
    text += String(chunk);
    if (text.length > MAX_IMPORT) throw new CliError('too_long', 'the input is far too long for hints');
  }
  return text;
}

interface PayOptions extends CommonOptions {
  readonly amount?: string;
  readonly parts: string;
}

function registerSim(program: Command, io: Io): void {
  const sim = program.command('sim').description('the simulated network inside the daemon');
  withDaemon(sim.command('invoice'))
    .description('let a simulated wallet make an invoice, to try `manifold pay`')
    .option('--amount <amount>', 'like 50000sat (required)')
    .option('--description <text>', 'what it is for')
    .action(async ({ amount, description, ...options }: CommonOptions & { amount?: string; description?: string }) => {
      const msat = parseAmount(required(amount, '--amount'));
      if (msat === undefined) throw usageError('--amount: a simulated wallet wants to know how much');
      const request = { amount_msat: msat.toString(), ...(description !== undefined && { description }) };
      const made = await (await ApiClient.open(io, options)).post('/v1/sim/invoices', request);
      await print(io, options, made, () => [textOf(made['bolt11'])]);
    });
  withDaemon(sim.command('pay'))
    .description('let a simulated wallet pay an invoice')
    .argument('<invoice>', 'a BOLT 11 invoice')
    .option('--amount <amount>', 'for an invoice without an amount')
    .option('--parts <number>', 'in how many parts (1 to 16)', '1')
    .action(async (invoice: string, options: PayOptions) => simPay(io, invoice, options));
}

async function simPay(io: Io, invoice: string, options: PayOptions): Promise<void> {
  const amount = options.amount === undefined ? undefined : parseAmount(options.amount);
  const parts = wholeNumber(options.parts, [1, 16], '--parts');
  const client = await ApiClient.open(io, options);
  const request = { invoice, parts, ...(amount !== undefined && { amount_msat: amount.toString() }) };
  const paid = await client.post('/v1/sim/pay', request).catch(askForAmount);
  const next = paid['outcome'] === 'pending' && options.json !== true ? await whatNext(client, paid) : [];
  await print(io, options, paid, () => [...paymentLines(paid), ...next]);
  if (paid['outcome'] === 'failed')
    throw new CliError('payment_failed', `the payment failed: ${whyFailed(paid)}`, 1, options.json === true);
}

function askForAmount(error: unknown): never {
  if (error instanceof CliError && error.code === 'amount_missing')
    throw usageError('the invoice leaves the amount to the payer: say how much with --amount, like --amount 1000sat');
  throw error;
}

async function whatNext(client: ApiClient, paid: Json): Promise<string[]> {
  const hash = textOf(paid['payment_hash']);
  const invoice = await client.get(`/v1/invoices/${hash}`).catch((): Json => ({}));
  if (invoice['hold'] !== true) return ['', `Still under way. See: manifold invoice show ${hash}`];
  return [
    '',
    'This is a hold invoice: the payment waits for your word.',
    `  manifold invoice settle ${hash}`,
    `  manifold invoice cancel ${hash}`,
  ];
}

function whyFailed(paid: Json): string {
  const isUnroutable = (paid['parts'] as Json[]).some(({ outcome }) => outcome === 'unroutable');
  return isUnroutable ? UNROUTABLE : 'the attempts above say where';
}

const UNROUTABLE =
  'unroutable, no path to the members named has room for it; try more --parts, and see `manifold nodes` for what they can receive';

function paymentLines(paid: Json): string[] {
  const attempts = (paid['parts'] as Json[]).flatMap((part) => [
    ...(part['attempts'] as Json[]).map((attempt) => {
      const failure = attempt['failure'] as Json | undefined;
      const why = failure ? `${textOf(failure['name'] ?? failure['code'])} by ${textOf(failure['blamed'])}` : '';
      return [
        textOf(attempt['outcome']),
        amountText(attempt['sent_msat'] as string),
        (attempt['route'] as string[]).join(' > '),
        why,
      ];
    }),
    ...(part['outcome'] === 'unroutable'
      ? [['unroutable', amountText(part['amount_msat'] as string), '-', 'no path has room for it']]
      : []),
  ]);
  return [
    ...table([
      ['outcome', textOf(paid['outcome'])],
      ['paid', amountText(paid['paid_msat'] as string)],
      ['preimage', paid['preimage'] as string | undefined],
    ]),
    '',
    ...columns(['ATTEMPT', 'SENT', 'ROUTE', 'WHY'], attempts),
  ];
}
