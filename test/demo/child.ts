/** Runs the demo in a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { resolve } from 'node:path';

const PROGRAM = resolve(import.meta.dirname, '../../bin/manifold.js');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when the text has appeared on stdout; rejects if the process ends before. */
  readonly said: (text: string) => Promise<void>;
  readonly outcome: Promise<Outcome>;
}

export function startDemo(...args: string[]): Running {
  const child = spawn(process.execPath, [PROGRAM, 'demo', ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const outcome = new Promise<Outcome>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (stdout.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.on('close', () => reject(new Error(`ended without saying "${text}": ${stdout}${stderr}`)));
      look();
    });
  return { child, said, outcome };
}

export const runDemo = (...args: string[]): Promise<Outcome> => startDemo(...args).outcome;
