/** The command line as a child process, as users run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.js';
import { main } from '../../src/cli/main.js';

const ROOT = resolve(import.meta.dirname, '../..');
export const BIN = join(ROOT, 'bin', 'manifold.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Outcome>;
  /** What it said so far. */
  text(): Outcome;
}

export function launch(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Uint8Array = '',
): Running {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [BIN, ...args], { env: { PATH, HOME: '/nonexistent', ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const done = new Promise<Outcome>((resolveDone) => {
    child.on('close', (code) => {
      resolveDone({ code, stdout, stderr });
    });
  });
  return { child, done, text: () => ({ code: child.exitCode, stdout, stderr }) };
}

class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** The same without a process of its own, for what does not depend on one: many times faster. */
export async function inProcess(
  args: readonly string[],
  env: Record<string, string> = {},
  terminal: { readonly columns?: number } = {},
): Promise<Outcome> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const isTTY = terminal.columns !== undefined;
  const io = { stdin: Readable.from([]), stdout: Object.assign(stdout, { isTTY, ...terminal }), stderr, env };
  const code = await main(args, io as unknown as Io);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** A question, and what the person at the terminal types when it appears. */
export type Reply = readonly [question: RegExp, answer: string];

/** A person at a terminal who answers in this order. What is left unanswered at the end is returned. */
export async function atTerminal(
  args: readonly string[],
  replies: readonly Reply[],
  env: Record<string, string> = {},
): Promise<Outcome & { readonly unasked: readonly Reply[] }> {
  const left = [...replies];
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  let unread = '';
  const stderr = new (class extends Sink {
    override _write(chunk: Buffer, encoding: string, done: () => void): void {
      unread += chunk.toString();
      const [question, answer] = left[0] ?? [];
      if (question?.test(unread) && answer !== undefined) {
        left.shift();
        unread = '';
        setImmediate(() => stdin.write(answer === CTRL_D ? answer : `${answer}\n`));
      }
      super._write(chunk, encoding, done);
    }
  })();
  const stdout = new Sink();
  const io = { stdin, stdout: Object.assign(stdout, { isTTY: true, columns: 200 }), stderr, env };
  const code = await main(args, io as unknown as Io);
  return { code, stdout: stdout.text, stderr: stderr.text, unasked: left };
}

/** The person has no more to say. */
export const CTRL_D = '\u0004';

export function run(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Uint8Array = '',
): Promise<Outcome> {
  return launch(args, env, input).done;
}
