/** Words for people: amounts with separators, colours where there is a terminal. */
import { styleText } from 'node:util';
import type { Msat } from '../wire/units.js';

export interface Output {
  write(text: string): unknown;
}

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

  line(text = ''): void {
    this.#output.write(`${text}\n`);
  }

  chapter(title: string): void {
    this.#chapter += 1;
    this.line();
    this.line(this.style('bold', `${this.#chapter}. ${title}`));
  }

  say(text: string): void {
    this.line(`   ${text}`);
  }

  /** Something breaks, or somebody cheats. */
  trouble(text: string): void {
    this.line(`   ${this.style('yellow', `! ${text}`)}`);
  }

  good(text: string): void {
    this.line(`   ${this.style('green', `✓ ${text}`)}`);
  }

  bad(text: string): void {
    this.line(`   ${this.style('red', `✗ ${text}`)}`);
  }

  aside(text: string): void {
    this.line(`   ${this.style('dim', text)}`);
  }

  style(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }
}
