/** Asks a person at a terminal. Questions go to standard error, so that what a program reads stays clean. */
import { createInterface, type Interface } from 'node:readline/promises';
import { CliError, type Io } from './io.js';

export class Prompter {
  readonly #io: Io;
  readonly #terminal: Interface;
  readonly #ended: Promise<never>;

  constructor(io: Io) {
    this.#io = io;
    this.#terminal = createInterface({ input: io.stdin, output: io.stderr, terminal: true, historySize: 0 });
    this.#ended = new Promise<never>((_, reject) => {
      this.#terminal.once('SIGINT', () => {
        reject(new CliError('interrupted', 'interrupted; nothing was written'));
      });
      this.#terminal.once('close', () => {
        reject(new CliError('interrupted', 'there were no more answers; nothing was written'));
      });
    });
    this.#ended.catch(() => undefined); // it comes after every dialogue
  }

  /** @param fallback taken for an empty answer */
  async ask(question: string, fallback?: string): Promise<string> {
    const hint = fallback === undefined ? '' : ` [${fallback}]`;
    const answer = await Promise.race([this.#terminal.question(`${question}${hint}: `), this.#ended]);
    return answer.trim() || (fallback ?? '');
  }

  /** Asks until `problem` finds none. */
  async askValid(
    question: string,
    fallback: string | undefined,
    problem: (answer: string) => string | undefined,
  ): Promise<string> {
    for (;;) {
      const answer = await this.ask(question, fallback);
      const wrong = problem(answer);
      if (wrong === undefined) return answer;
      this.say(`  ${wrong}`);
    }
  }

  async askYesNo(question: string, fallback: boolean): Promise<boolean> {
    const answer = await this.askValid(`${question} (y/n)`, fallback ? 'y' : 'n', (text) =>
      /^(y|yes|n|no)$/i.test(text) ? undefined : 'answer y or n',
    );
    return /^y/i.test(answer);
  }

  say(...lines: readonly string[]): void {
    for (const line of lines) this.#io.stderr.write(`${line}\n`);
  }

  close(): void {
    this.#terminal.close();
  }
}
