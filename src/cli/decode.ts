/** `manifold decode`: needs no daemon and no configuration. */
import type { Command } from 'commander';
import { decodeText, type Decoded } from '../daemon/decode.js';
import { amountText } from './amount.js';
import { table, withJson } from './common.js';
import { bolt12Lines } from './decode-bolt12.js';
import { CliError, type Io, usageError, writeJson, writeLine } from './io.js';

/** Longer lines are refused without being kept; the longest text that is read has a quarter of it. */
const MAX_LINE = 1_048_576;
const SHOWN_OF_LONG_LINE = 100;

export function registerDecode(program: Command, io: Io): void {
  withJson(program.command('decode'))
    .description('decode an invoice or offer, or one per line of standard input to one JSON object per line')
    .argument(
      '<string>',
      'a BOLT 11 invoice, a BOLT 12 string (lno1, lnr1, lni1), a static invoice as hex, or - for standard input',
    )
    .addHelpText(
      'after',
      '\nExit code: 1 if STRING is not valid; with - it is 0 once every line has its answer, blank ones too.',
    )
    .action(async (text: string, options: { json?: boolean }) => {
      if (text === '-') await decodeLines(io);
      else await decodeOne(io, text, options.json === true);
    });
}

async function decodeOne(io: Io, text: string, json: boolean): Promise<void> {
  if (text === '') throw usageError('there is nothing to decode');
  const decoded = decodeText(text);
  if (json) await writeJson(io, decoded);
  if (!decoded.valid) {
    const { code, message, position } = decoded.error;
    const place = position === undefined ? '' : ` at character ${position}`;
    throw new CliError(code, `not a valid ${kindOf(text)}${place}: ${message} (${code})`, 1, json);
  }
  if (!json)
    for (const line of decoded.type === 'bolt11' ? readable(decoded) : bolt12Lines(decoded)) await writeLine(io, line);
}

/** What was meant, for the refusal. */
function kindOf(text: string): string {
  if (/lno1/i.test(text)) return 'offer';
  return /lnr1/i.test(text) ? 'invoice request' : 'invoice';
}

async function decodeLines(io: Io): Promise<void> {
  for await (const { text, isCut } of lines(io.stdin)) {
    await writeJson(io, isCut ? tooLong(text) : decodeText(text));
  }
}

function tooLong(text: string): Decoded {
  const input = text.slice(0, SHOWN_OF_LONG_LINE);
  return {
    input,
    valid: false,
    error: {
      code: 'line_too_long',
      message: `a line has at most ${MAX_LINE} characters; input shows its beginning`,
      position: MAX_LINE,
    },
  };
}

interface Line {
  readonly text: string;
  readonly isCut: boolean;
}

async function* lines(stdin: NodeJS.ReadableStream): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let begun = '';
  let isCut = false;
  const append = (piece: string): void => {
    isCut ||= begun.length + piece.length > MAX_LINE;
    begun = isCut ? (begun + piece.slice(0, SHOWN_OF_LONG_LINE)).slice(0, SHOWN_OF_LONG_LINE) : begun + piece;
  };
  for await (const chunk of stdin) {
    const pieces = decoder.decode(chunk as Uint8Array, { stream: true }).split('\n');
    for (const piece of pieces.slice(0, -1)) {
      append(piece);
      yield { text: begun.replace(/\r$/, ''), isCut };
      begun = '';
      isCut = false;
    }
    append(pieces.at(-1)!);
  }
  append(decoder.decode());
  if (begun !== '') yield { text: begun, isCut };
}

function readable({ fields }: Extract<Decoded, { type: 'bolt11' }>): string[] {
  const made = fields.timestamp * 1000;
  const expires = made + Number(fields.expiry) * 1000;
  const time = (millis: number): string => (millis <= 8.64e15 ? new Date(millis).toISOString() : 'never');
  const hints = (fields.routes ?? []).map(
    (hops) => ['route hint', hops.map((hop) => `${hop.pubkey} ${hop.short_channel_id}`).join(' → ')] as const,
  );
  return table([
    ['type', 'BOLT 11 invoice'],
    ['network', fields.network],
    ['amount', amountText(fields.amount_msat)],
    ['description', fields.description || undefined],
    ['description hash', fields.description_hash],
    ['payment hash', fields.payment_hash],
    ['payment secret', fields.payment_secret],
    ['payee', fields.payee],
    ['made', time(made)],
    ['expires', time(expires)],
    ['final CLTV', `${fields.min_final_cltv_expiry_delta} blocks`],
    ['features', fields.features.map(featureName).join(', ') || undefined],
    ['metadata', fields.payment_metadata],
    ['fallback', fields.fallbacks?.map(({ address }) => address).join(', ')],
    ...hints,
  ]);
}

/** Names of BOLT 9 that an invoice may carry, by their even bit. */
const FEATURE_NAMES: Readonly<Record<number, string>> = {
  8: 'var_onion_optin',
  14: 'payment_secret',
  16: 'basic_mpp',
  24: 'option_route_blinding',
  36: 'option_attribution_data',
  48: 'option_payment_metadata',
};

/** An even bit is required of the payer, an odd one is offered. */
function featureName(bit: number): string {
  const name = FEATURE_NAMES[bit - (bit % 2)];
  return `${name ?? 'unknown'} (${bit}, ${bit % 2 === 0 ? 'required' : 'optional'})`;
}
