/** A payment as it goes on: bars that are redrawn on a terminal, a line per piece of news elsewhere. */
import { amountText } from './amount.js';
import type { Json } from './client.js';
import { textOf } from './common.js';
import { type Io, printable, writeLine } from './io.js';
import { partsOf, payeeText } from './payment-lines.js';

export interface ProgressView {
  news(payment: Json): Promise<void>;
  /** Nothing more comes. */
  end(): void;
}

export function progressView(io: Io): ProgressView {
  return io.stdout.isTTY && io.stdout.columns >= 40 ? new Bars(io) : new PlainLines(io);
}

/** What happened since the last time, a line each. */
class PlainLines implements ProgressView {
  readonly #io: Io;
  #seen: Json | undefined;

  constructor(io: Io) {
    this.#io = io;
  }

  async news(payment: Json): Promise<void> {
    for (const line of newsLines(this.#seen, payment)) await writeLine(this.#io, printable(line));
    this.#seen = payment;
  }

  end(): void {
    // Every line is out already.
  }
}

/** @param before undefined at the first look */
export function newsLines(before: Json | undefined, payment: Json): string[] {
  const lines = before ? [] : [headline(payment)];
  const known = new Map(partsOf(before ?? {}).map((part) => [part['part'], part]));
  for (const part of partsOf(payment)) {
    const earlier = known.get(part['part']);
    if (part['state'] === earlier?.['state']) continue;
    lines.push(`  part ${textOf(part['part'])}  ${verbOf(part)}`);
  }
  const waits = payment['waits_for'] as Json | undefined;
  const waited = before?.['waits_for'] as Json | undefined;
  if (waits && waits['words'] !== waited?.['words']) lines.push(`  waits: ${textOf(payment['words'])}`);
  if (payment['state'] === 'stopping' && before?.['state'] !== 'stopping')
    lines.push(`  stops: ${textOf(payment['words'])}`);
  return lines;
}

function headline(payment: Json): string {
  const about = payment['description'] === undefined ? '' : ` for "${textOf(payment['description'])}"`;
  return `Paying ${amountText(textOf(payment['amount_msat']))} to ${payeeText(payment)}${about}, fee at most ${amountText(textOf(payment['max_fee_msat']))}`;
}

function verbOf(part: Json): string {
  const sum = amountText(textOf(part['amount_msat']));
  const path = textOf(part['path']);
  switch (part['state']) {
    case 'planned':
      return `planned: ${sum} by ${path}`;
    case 'sent':
      return `flies: ${sum}, fee ${amountText(textOf(part['fee_msat']))}, by ${path}`;
    default:
      return `${VERBS[textOf(part['state'])] ?? textOf(part['state'])}: ${textOf(part['words'])}`;
  }
}

const VERBS: Readonly<Record<string, string>> = { settled: 'landed', failed: 'failed', unknown: 'unknown' };

const SIGNS: Readonly<Record<string, string>> = {
  planned: '·',
  sent: '→',
  unknown: '?',
  settled: '✓',
  failed: '✗',
};
/** Failed attempts that stay on the screen. */
const MOST_FAILED = 5;

class Bars implements ProgressView {
  readonly #io: Io;
  #drawn = 0;

  constructor(io: Io) {
    this.#io = io;
  }

  async news(payment: Json): Promise<void> {
    const width = this.#io.stdout.columns;
    const { rows } = this.#io.stdout;
    const lines = barLines(payment, width).slice(0, rows > 3 ? rows - 1 : undefined);
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\u001b[J`;
    this.#drawn = lines.length;
    this.#io.stdout.write(`${up}${lines.map((line) => cut(printable(line), width - 1)).join('\n')}\n`);
  }

  end(): void {
    this.#io.stdout.write('\n');
  }
}

/** The whole picture, as wide as the terminal. */
export function barLines(payment: Json, width: number): string[] {
  const parts = partsOf(payment);
  const failed = parts.filter(({ state }) => state === 'failed');
  const shown = new Set(failed.slice(-MOST_FAILED));
  const hidden = failed.length - shown.size;
  const rows = parts
    .filter((part) => part['state'] !== 'failed' || shown.has(part))
    .map((part) => {
      const sum = amountText(textOf(part['amount_msat'])).padStart(16);
      const about = part['state'] === 'failed' ? textOf(part['words']) : textOf(part['path']);
      return `${SIGNS[textOf(part['state'])] ?? ' '} ${sum}  ${about}`;
    });
  const more = hidden > 0 ? [`✗ ${String(hidden).padStart(12)} more  attempts that failed before`] : [];
  return [headline(payment), bar(payment, Math.min(60, width - 24)), ...more, ...rows];
}

/** Landed, in flight, and what still looks for a way. */
function bar(payment: Json, width: number): string {
  const [whole, settled, flying] = ['amount_msat', 'settled_msat', 'in_flight_msat'].map((name) =>
    Number(textOf(payment[name] ?? '0')),
  ) as [number, number, number];
  const cells = (sum: number): number => Math.min(width, Math.round((sum / Math.max(1, whole)) * width));
  const landed = cells(settled);
  const flies = Math.min(width - landed, cells(flying));
  const rest = width - landed - flies;
  return `[${'█'.repeat(landed)}${'▒'.repeat(flies)}${' '.repeat(rest)}] ${textOf(payment['state'])}`;
}

const cut = (line: string, width: number): string => (line.length <= width ? line : `${line.slice(0, width - 1)}…`);
