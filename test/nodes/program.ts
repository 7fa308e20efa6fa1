/** A node's program: ends with us, whatever ends us, and its log is kept to tell what happened. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../e2e/processes.js';

const KEPT_LINES = 4000;
const WAIT_MS = 60_000;
const LOOK_MS = 20;

export class Program {
  readonly exited: Promise<void>;
  readonly #child: Child;
  #ending: readonly string[] = [];

  /** @throws {Error} if it cannot be started */
  constructor(name: string, file: string, args: readonly string[]) {
    this.#child = Child.start(args, { file, keptLines: KEPT_LINES });
    this.exited = this.#child.exited.then(({ code, signal }) => {
      this.#ending = [`(${name} ended: code ${String(code)}, signal ${String(signal)})`];
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exit === undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.signal(signal);
  }

  kill(): Promise<void> {
    this.signal('SIGKILL');
    return this.exited;
  }

  /** Its log, and how it ended. */
  get lines(): readonly string[] {
    return [...this.#child.lines, ...this.#ending];
  }

  /** The end of its log. */
  tail(lines = 40): string {
    return this.lines.slice(-lines).join('\n');
  }
}

/** Waits for a condition; what it throws meanwhile counts as not yet. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { readonly timeoutMs?: number; readonly onLate?: () => string | Promise<string> } = {},
): Promise<void> {
  const { timeoutMs = WAIT_MS, onLate = () => '' } = options;
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline) {
      const why = lastError instanceof Error ? ` (${lastError.message})` : '';
      throw new Error(`waited ${timeoutMs / 1000} s for ${what}${why}\n${await onLate()}`);
    }
    await sleep(LOOK_MS);
  }
}
