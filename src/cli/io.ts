/** The world outside as a command sees it, and how commands end. */
import { once } from 'node:events';
import type { Environment } from '../daemon/config/load.js';

export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Environment;
}

/** A command that is refused or fails (exit code 1), or was called wrongly (2). The message says what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: string;
  readonly exitCode: 1 | 2;
  /** The output says it already: with --json there is one document only. */
  readonly isTold: boolean;

  constructor(code: string, message: string, exitCode: 1 | 2 = 1, isTold = false) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
    this.isTold = isTold;
  }
}

export function usageError(message: string): CliError {
  return new CliError('usage', message, 2);
}

/** Waits while the reader is slower than we are, so that output of any length costs little memory. */
async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, 'drain');
}

export async function writeLine(io: Io, text: string): Promise<void> {
  await write(io.stdout, `${text}\n`);
}

export async function writeJson(io: Io, value: unknown): Promise<void> {
  await writeLine(io, JSON.stringify(value));
}

/** For people; what a program reads stays as it is. */
export function warnPerson(io: Io, message: string): void {
  io.stderr.write(`manifold: warning: ${message}\n`);
}

/** Text from elsewhere, harmless to a terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
