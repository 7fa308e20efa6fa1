/** Several daemons as one shop sees them: whoever answers is asked, until somebody does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, AskOptions, Daemon } from './daemon.js';
import { Unreachable } from './daemon.js';

const RETRY_MS = 60;

export class Cluster {
  readonly daemons: readonly Daemon[];
  /** Answers that no client may ever get. */
  readonly badAnswers: string[] = [];
  /** How often the API said that it cannot do it now. */
  refusals = 0;
  #next = 0;

  constructor(daemons: readonly Daemon[]) {
    this.daemons = daemons;
  }

  /** The next one that runs. */
  any(): Daemon {
    const running = this.daemons.filter((daemon) => daemon.awake);
    const some = running.length > 0 ? running : this.daemons;
    return some[this.#next++ % some.length]!;
  }

  /**
   * Asks one daemon after the other, as long as none answers or the one that does asks to wait. Undefined when patience
   * is over.
   */
  async insist(
    method: 'GET' | 'POST',
    path: string,
    options: AskOptions,
    patienceMs: number,
    isEnough: (answer: Answer) => boolean = () => true,
  ): Promise<Answer | undefined> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const answer = await this.#attempt(method, path, options);
      if (answer && answer.status < 500 && isEnough(answer)) return answer;
      if (Date.now() > deadline) return undefined;
      await sleep(RETRY_MS);
    }
  }

  async #attempt(method: 'GET' | 'POST', path: string, options: AskOptions): Promise<Answer | undefined> {
    let answer: Answer;
    try {
      answer = await this.any().ask(method, path, options);
    } catch (error) {
      if (error instanceof Unreachable) return undefined;
      throw error;
    }
    this.#judge(`${method} ${path}`, answer);
    return answer;
  }

  /** Whatever happens below, the API refuses in its own words and says when to come back. */
  #judge(what: string, { status, headers, body }: Answer): void {
    if (status < 500) return;
    this.refusals += 1;
    if (status !== 503 || headers.get('retry-after') === null) {
      this.badAnswers.push(`${what} was answered ${status} ${String(body['code'])}: ${String(body['detail'])}`);
    }
  }
}
