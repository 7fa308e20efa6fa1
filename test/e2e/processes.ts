/** Child processes that end with whoever started them, even if that one is killed itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Lines of output kept to tell what happened. */
const KEPT_LINES = 60;
/** Waits for a line; if there is none because its writer is gone, carries out the rest. */
const IF_ABANDONED = 'read -r _ || ';

/** Does `command` in a shell once this process is gone, unless it is released before. */
function guard(command: string, argument: string): () => void {
  const guardian = spawn('/bin/sh', ['-c', IF_ABANDONED + command, argument], { stdio: ['pipe', 'ignore', 'ignore'] });
  guardian.on('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  guardian.unref();
  return () => guardian.stdin.end('\n');
}

export class Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #onLine: (line: string) => void;
  #exit: Exit | undefined;

  private constructor(process: ChildProcess, pid: number, onLine: (line: string) => void) {
    this.#process = process;
    this.pid = pid;
    this.#onLine = onLine;
    const release = guard('kill -KILL "$0"', String(pid));
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        release();
        resolve(this.#exit);
      });
    });
    this.#read(process.stdout);
    this.#read(process.stderr);
  }

  /** @throws {Error} if it cannot be started */
  static start(
    args: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly onLine?: (line: string) => void } = {},
  ): Child {
    const { env = process.env, onLine = () => undefined } = options;
    const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'pipe'], cwd: REPOSITORY });
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    if (child.pid === undefined) throw new Error(`cannot start ${args.join(' ')}`);
    return new Child(child, child.pid, onLine);
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The last lines it wrote. */
  get output(): string {
    return this.#lines.join('\n');
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  #read(stream: NodeJS.ReadableStream | null): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        this.#lines.push(line);
        this.#onLine(line);
      }
      this.#lines.splice(0, Math.max(0, this.#lines.length - KEPT_LINES));
    });
  }
}

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export function repositoryPath(path: string): string {
  return join(REPOSITORY, path);
}

/** A folder that goes with `remove`, or with this process. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'manifold-e2e-'));
  const release = guard('{ sleep 1; umount -l "$0/data"; rm -rf -- "$0"; }', path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      release();
    },
  };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
