/** A TypeScript file of this folder as a process of its own, asked over its channel and ended with us. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Numbered } from './orders.js';

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
}

export class OwnProcess<Question> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  constructor(file: string) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      execArgv: ['--import', import.meta.resolve('tsx')],
    });
    this.#child.on('message', ({ id, body }: Numbered<Answer>) => {
      this.#waiting.get(id)?.(body);
      this.#waiting.delete(id);
    });
    this.#child.on('exit', (code) => {
      for (const answer of this.#waiting.values()) answer({ error: `${file} ended with code ${code ?? 'none'}` });
      this.#waiting.clear();
    });
  }

  async ask<T>(question: Question): Promise<T> {
    const id = ++this.#lastId;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, body: question });
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result as T;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
