/** `manifold probe` */
import type { Command } from 'commander';
import { amountText, feeFields, parseAmount } from './amount.js';
import { names, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { type CommonOptions, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, printable, usageError, writeJson, writeLine } from './io.js';

interface ProbeOptions extends CommonOptions {
  readonly max?: string;
  readonly maxFee?: string;
  readonly maxParts?: string;
  readonly maxBlocks?: string;
  readonly from?: string;
  readonly precision?: string;
  readonly timeout: string;
  readonly progress?: boolean;
}

export function registerProbe(program: Command, io: Io): void {
  withDaemon(program.command('probe'))
    .description('find out how much would get through, without paying')
    .argument('<payee>', 'a node id or an invoice')
    .option('--max <amount>', "the greatest amount of interest (default: the invoice's, or 1000000sat)")
    .option('--max-fee <fee>', 'most in fees: like 100sat, 5000msat or 0.5%')
    .option('--max-parts <number>', 'most parts at a time')
    .option('--max-blocks <number>', 'most blocks for which a part may be locked (default: 2016)')
    .option('--from <names>', 'only from these own nodes, with commas')
    .option('--precision <percent>', 'end when the bounds are this close (default: 5)')
    .option('--timeout <seconds>', 'end after so long with what was found', '60')
    .option('--progress', 'with --json: a line of JSON for every step, the last one the answer')
    .addHelpText('after', '\nExit code: 0 something gets through, 1 nothing does. Ctrl-C ends the probe.')
    .action(async (payee: string, options: ProbeOptions) => probe(io, payee, options));
}

async function probe(io: Io, payee: string, options: ProbeOptions): Promise<void> {
  if (options.progress === true && options.json !== true)
    throw usageError('--progress goes with --json: without it the steps are shown anyway');
  const request = requestOf(payee, options);
  const client = await ApiClient.open(io, options);
  const response = await client.fetch('/v1/probes', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
    body: JSON.stringify(request),
  });
  let answer: Json | undefined;
  for await (const line of jsonLines(response)) {
    if (line['problem']) throw brokenOff(line['problem'] as Json);
    if (line['probe']) answer = line['probe'] as Json;
    else if (options.json !== true) await writeLine(io, printable(stepLine(line['step'] as Json)));
    else if (options.progress === true) await writeJson(io, line['step']);
  }
  if (!answer)
    throw new CliError('probe_broken_off', 'the daemon ended before the probe did; nothing was paid, try again');
  if (options.json === true) await writeJson(io, answer);
  else for (const line of answerLines(answer)) await writeLine(io, printable(line));
  if (answer['arrived_msat'] === '0')
    throw new CliError('nothing_arrived', 'nothing gets through; the reason stands above', 1, options.json === true);
}

function requestOf(payee: string, options: ProbeOptions): Json {
  const max = options.max === undefined ? undefined : parseAmount(options.max);
  if (options.max !== undefined && max === undefined) throw usageError('--max: name an amount, like 1000000sat');
  const fields: Json = {
    ...(/^0[23][0-9a-fA-F]{64}$/.test(payee) ? { destination: payee } : { invoice: payee }),
    amount_msat: max?.toString(),
    ...feeFields(options.maxFee),
    max_parts: options.maxParts === undefined ? undefined : wholeNumber(options.maxParts, [1, 483], '--max-parts'),
    max_blocks: options.maxBlocks === undefined ? undefined : wholeNumber(options.maxBlocks, [1, 2016], '--max-blocks'),
    from: options.from === undefined ? undefined : names(options.from, '--from'),
    precision_percent:
      options.precision === undefined ? undefined : wholeNumber(options.precision, [1, 50], '--precision'),
    timeout_seconds: wholeNumber(options.timeout, [1, 300], '--timeout'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function* jsonLines(response: Response): AsyncGenerator<Json> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = text.split('\n');
      text = lines.pop()!;
      for (const line of lines) if (line !== '') yield JSON.parse(line) as Json;
    }
  } catch (error) {
    if (error instanceof CliError || error instanceof SyntaxError) throw error;
    // The connection broke: what came before is all there is.
  }
}

function brokenOff({ code, detail }: Json): CliError {
  return new CliError(textOf(code), textOf(detail));
}

function stepLine(step: Json): string {
  const sign = step['outcome'] === 'arrived' ? '✓' : '✗';
  const fee = step['outcome'] === 'arrived' ? `, fee ${amountText(textOf(step['fee_msat']))}` : '';
  return `${sign} ${amountText(textOf(step['amount_msat'])).padStart(16)}${fee}  ${textOf(step['words'])}`;
}

function answerLines(answer: Json): string[] {
  const { arrived_msat: arrived, failed_msat: failed, fee_msat: fee, reason } = answer as Record<string, unknown>;
  return [
    '',
    ...table([
      ['gets through', amountText(textOf(arrived))],
      ['fee', fee === undefined ? undefined : amountText(textOf(fee))],
      ['does not', failed === undefined ? undefined : amountText(textOf(failed))],
      ['why', reason === undefined ? undefined : textOf((reason as Json)['message'])],
      ['note', answer['complete'] === false ? 'the time was over before the bounds were close' : undefined],
    ]),
  ];
}
