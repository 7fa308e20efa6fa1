/**
 * Real LDK nodes (the published crate, built from `ldk/`) in one child process, told what to do from here.
 *
 *   const ldk = await LdkProgram.start();
 *   await ldk.call('build', { time, nodes: [{ name: 'payer' }, …], channels: [{ from: 'payer', to: 'lsp', sat: 1_000_000 }] });
 *   await ldk.call('payOffer', { node: 'payer', offer, paymentId });
 *   ldk.one('paymentSent', { node: 'payer' });
 *
 * All commands and events with their fields: `ldk-protocol.ts`. How it works:
 * - Nothing happens between two commands: each runs until no message, event or forward is left, and what happened is in
 *   `events` when its answer is here. So tests need no waiting and no timeouts.
 * - Chain and clock: blocks come by `mine` only, and LDK's only clock is the time in them. `tick` is the minute timer.
 *   LDK without a clock of its own gives most expiries two hours of grace.
 * - Channels: `build` and `open`. Announced ones make their nodes known to all others. Private ones do not.
 * - Asleep: `sleep` cuts a node off, `wake` brings it back. `withhold` and `release` stop one direction of one link.
 * - Foreign nodes: `connect` with the id of a node that is none of these makes LDK believe that it is a peer. What LDK
 *   sends it in onion messages comes as `foreignMessage`, and `deliver` is what it sends. It can have no channels.
 * - Stand-in for a daemon with an interceptor (`standIn: true`): an HTLC whose next hop is a channel nobody has comes as
 *   `htlc`, with the raw update_add_htlc, and waits for `settleHtlc`, `failHtlc` or `resumeHtlc`. Settling goes over a
 *   hidden node (its name ends in `!`) and a channel of 10 BTC; the payer cannot tell.
 * - Our side of it: `LdkVirtualNode` is a foreign node with a key that opens messages and HTLCs; `LdkMessagePort` makes an
 *   LDK node a member of our `Messenger` (then await `settled()` after each command).
 * - What surprises: LDK connects by itself to the first node of every path that is announced, and sends most messages in
 *   several copies (at most 10). It does not open failures from inside a blinded path of several hops.
 * - Node secrets are in the answer to `build`: peel with them what a daemon would show peeled.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { ldkBinary } from './ldk-binary.js';
import type { LdkCommands, LdkEvent, LdkEvents } from './ldk-protocol.js';

/** Turns of the event loop without a command: more than promises of ours take from an event to their command. */
const QUIET_TURNS = 20;

interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly result?: unknown;
  readonly error?: string;
}

type Wanted<Kind extends keyof LdkEvents> = Partial<LdkEvents[Kind] & { readonly node: string }>;
type Found<Kind extends keyof LdkEvents> = LdkEvents[Kind] & { readonly node: string };

export class LdkProgram {
  /** All that happened, oldest first. */
  readonly events: LdkEvent[] = [];
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #listeners = new Set<(event: LdkEvent) => void>();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<void>;
  #stderr = '';
  #hasEnded = false;
  #lastId = 0;

  private constructor(file: string) {
    // It ends when its input does, so it cannot outlive this process.
    this.#process = spawn(file, [], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdin.on('error', () => undefined);
    this.#process.stderr.setEncoding('utf8');
    this.#process.stderr.on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-4000)));
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#read(line));
    this.#ended = new Promise((resolve) => {
      this.#process.on('error', (error) => (this.#stderr += error.message));
      this.#process.on('close', () => {
        this.#hasEnded = true;
        const error = `the LDK program ended: ${this.#stderr}`;
        for (const [id, answer] of this.#waiting) answer({ id, ok: false, error });
        resolve();
      });
    });
  }

  /** @throws {Error} saying what to install, if the program has to be built first and cannot be */
  static async start(): Promise<LdkProgram> {
    return new LdkProgram(await ldkBinary());
  }

  #read(line: string): void {
    const value = JSON.parse(line) as LdkEvent | Answer;
    if ('event' in value) {
      this.events.push(value);
      for (const listener of this.#listeners) listener(value);
      return;
    }
    const answer = this.#waiting.get(value.id);
    this.#waiting.delete(value.id);
    answer?.(value);
  }

  /** @throws {Error} what the program or LDK says against it */
  async call<Name extends keyof LdkCommands>(cmd: Name, args: LdkCommands[Name][0]): Promise<LdkCommands[Name][1]> {
    const id = ++this.#lastId;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      if (this.#hasEnded) resolve({ id, ok: false, error: `it has ended: ${this.#stderr}` });
      this.#process.stdin.write(`${JSON.stringify({ ...args, id, cmd })}\n`);
    });
    if (!answer.ok) throw new Error(`${cmd}: ${answer.error ?? 'no reason given'}`);
    return answer.result as LdkCommands[Name][1];
  }

  /** The events of a kind that have these fields, oldest first. */
  all<Kind extends keyof LdkEvents>(kind: Kind, wanted: Wanted<Kind> = {}): Found<Kind>[] {
    return this.events.filter((event) => {
      const fields = event as unknown as Record<string, unknown>;
      return event.event === kind && Object.entries(wanted).every(([name, value]) => fields[name] === value);
    }) as unknown as Found<Kind>[];
  }

  /** The only such event. @throws {Error} unless there is exactly one; it tells what there is */
  one<Kind extends keyof LdkEvents>(kind: Kind, wanted: Wanted<Kind> = {}): Found<Kind> {
    const found = this.all(kind, wanted);
    if (found.length !== 1) {
      const seen = this.events.map((event) => JSON.stringify(event).slice(0, 300)).join('\n');
      throw new Error(`${found.length} events ${kind} ${JSON.stringify(wanted)} among:\n${seen}`);
    }
    return found[0]!;
  }

  /** Tells of every event from now on. @returns what ends that */
  listen(listener: (event: LdkEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Until code that answers events with commands has nothing more to say. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      const before = this.#lastId;
      await setImmediate();
      if (this.#waiting.size > 0 || this.#lastId !== before) quiet = -1;
    }
  }

  /** Forgets the events so far. */
  forget(): void {
    this.events.length = 0;
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }
}
