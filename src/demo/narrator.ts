/** Words for people: amounts with separators, colours where there is a terminal. */
import { styleText } from 'node:util';
import type { Msat } from '../wire/units.js';
import { wrapWords } from './wrap.js';

export interface Output {
  write(text: string): unknown;
  /** Width of the terminal, if it is one. */
  readonly columns?: number | undefined;
}

const MARGIN = '   ';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** 1234567000 msat → `1,234,567 sat`; what is smaller than a satoshi stands behind the point. */
export function sats(amountMsat: Msat): string {
  const whole = (amountMsat / 1000n).toLocaleString('en-US');
  const rest = (amountMsat % 1000n).toString().padStart(3, '0').replace(/0+$/, '');
  return `${whole}${rest === '' ? '' : `.${rest}`} sat`;
}

/** `a`, `a and b`, `a, b and c` */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

export class Narrator {
  readonly #output: Output;
  readonly #colour: boolean;
  #chapter = 0;

  constructor(output: Output, colour: boolean) {
    this.#output = output;
    this.#colour = colour;
  }

  /** As it is, however long. */
  line(text = ''): void {
    this.#output.write(`${text}\n`);
  }

  /** Of the terminal; undefined if there is none. */
  get columns(): number | undefined {
    return this.#output.columns;
  }

  headline(text: string): void {
    this.#wrapped('', text, 'bold');
  }

  chapter(title: string): void {
    this.#chapter += 1;
    this.line();
    this.headline(`${this.#chapter}. ${title}`);
  }

  say(text: string): void {
    this.#wrapped(MARGIN, text);
  }

  /** Something breaks, or somebody cheats. */
  trouble(text: string): void {
    this.#wrapped(`${MARGIN}! `, text, 'yellow');
  }

  good(text: string): void {
    this.#wrapped(`${MARGIN}✓ `, text, 'green');
  }

  bad(text: string): void {
    this.#wrapped(`${MARGIN}✗ `, text, 'red');
  }

  aside(text: string): void {
    this.#wrapped(MARGIN, text, 'dim');
  }

  /** Something to copy: never broken. */
  command(text: string): void {
    this.line(MARGIN + text);
  }

  /** @param lead stands before the first line; the others are indented as far */
  #wrapped(lead: string, text: string, style?: Style): void {
    const { columns } = this.#output;
    const blank = ' '.repeat(lead.length);
    const mark = lead.slice(MARGIN.length);
    wrapWords(text, columns === undefined ? undefined : columns - lead.length).forEach((words, i) => {
      const shown = i === 0 ? mark + words : words;
      this.line((i === 0 ? lead.slice(0, MARGIN.length) : blank) + (style ? this.style(style, shown) : shown));
    });
  }

  style(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }
}
