/** `manifold nodes`, `manifold hints …` and `manifold sim pay`. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { amountText, parseAmount } from './amount.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError, writeJson } from './io.js';

export function registerCluster(program: Command, io: Io): void {
  withDaemon(program.command('nodes'))
    .description('show the members of the cluster')
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

function nodeLines(shown: Json): string[] {
  const rows = (shown['nodes'] as Json[]).map((node) => [
    textOf(node['name']),
    `${textOf(node['state'])}${node['reason'] === undefined ? '' : ` (${textOf(node['reason'])})`}`,
    textOf(node['node_id'] ?? '-'),
    textOf(node['height'] ?? '-'),
    amountText(node['receivable_msat'] as string),
    `${textOf(node['held_htlcs'])} HTLCs`,
  ]);
  const imported = (shown['imported'] as Json[]).map((node) => `imported  ${textOf(node['node_id'])}`);
  return [
    `phantom node  ${textOf(shown['phantom_node_id'])}`,
    '',
    ...columns(['NAME', 'STATE', 'NODE', 'HEIGHT', 'RECEIVABLE', 'HELD'], rows),
    ...imported,
  ];
}

const MAX_IMPORT = 4_000_000;

async function importHints(io: Io, file: string, options: CommonOptions): Promise<void> {
  const text = file === '-' ? await wholeInput(io) : await contentOf(file);
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

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError('cannot_read', `the hints cannot be read: ${(error as Error).message}`);
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
  withDaemon(sim.command('pay'))
    .description('let a simulated wallet pay an invoice')
    .argument('<invoice>', 'a BOLT 11 invoice')
    .option('--amount <amount>', 'for an invoice without an amount')
    .option('--parts <number>', 'in how many parts', '1')
    .action(async (invoice: string, options: PayOptions) => {
      const amount = options.amount === undefined ? undefined : parseAmount(options.amount);
      if (!/^\d{1,2}$/.test(options.parts)) throw usageError('--parts is a number from 1 to 16');
      const client = await ApiClient.open(io, options);
      const paid = await client.post('/v1/sim/pay', {
        invoice,
        parts: Number(options.parts),
        ...(amount !== undefined && { amount_msat: amount.toString() }),
      });
      await print(io, options, paid, () => paymentLines(paid));
      if (paid['outcome'] === 'failed')
        throw new CliError('payment_failed', 'the payment failed; the attempts above say where');
    });
}

function paymentLines(paid: Json): string[] {
  const attempts = (paid['parts'] as Json[]).flatMap((part) =>
    (part['attempts'] as Json[]).map((attempt) => {
      const failure = attempt['failure'] as Json | undefined;
      const why = failure ? `${textOf(failure['name'] ?? failure['code'])} by ${textOf(failure['blamed'])}` : '';
      return [
        textOf(attempt['outcome']),
        amountText(attempt['sent_msat'] as string),
        (attempt['route'] as string[]).join(' > '),
        why,
      ];
    }),
  );
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
