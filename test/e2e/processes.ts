/** Child processes that end with whoever started them, even if that one is killed itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Lines of output kept to tell what happened, unless told otherwise. */
const KEPT_LINES = 60;
/** Waits for a line; if there is none because its writer is gone, carries out the rest. */
const IF_ABANDONED = 'read -r _ || ';

/** Does `command` in a shell once this process is gone, unless it is released before. */
function guard(command: string, argument: string): () => void {
  const guardian = spawn('/bin/sh', ['-c', IF_ABANDONED + command, argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Whatever ends our whole process group is not to end the guardian with it.
    detached: true,
  });
  guardian.on('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  guardian.unref();
  return () => guardian.stdin.end('\n');
}

export interface ChildOptions {
  /** Default: this Node. */
  readonly file?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly keptLines?: number;
  readonly onLine?: (line: string) => void;
}

export class Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #options: Required<Pick<ChildOptions, 'onLine' | 'keptLines'>>;
  #exit: Exit | undefined;

  private constructor(
    process: ChildProcess,
    pid: number,
    { onLine = () => undefined, keptLines = KEPT_LINES }: ChildOptions,
  ) {
    this.#process = process;
    this.pid = pid;
    this.#options = { onLine, keptLines };
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
  static start(args: readonly string[], options: ChildOptions = {}): Child {
    const { env = process.env, file = process.execPath } = options;
    const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'], cwd: REPOSITORY });
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    if (child.pid === undefined) throw new Error(`cannot start ${file} ${args.join(' ')}`);
    return new Child(child, child.pid, options);
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The last lines it wrote, oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The same as one text. */
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
        this.#options.onLine(line);
      }
      this.#lines.splice(0, Math.max(0, this.#lines.length - this.#options.keptLines));
    });
  }
}

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export function repositoryPath(path: string): string {
  return join(REPOSITORY, path);
}

/** A folder that goes with `remove`, or with this process. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'manifold-test-'));
  const release = guard('{ sleep 1; umount -l "$0/data"; rm -rf -- "$0"; }', path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      release();
    },
  };
}

/** What systems leave to servers: they give none of these to connections that go out. */
const SERVER_PORTS = [10_240, 32_000] as const;

/** A port that was free a moment ago, and is not lent to others while its user restarts. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...SERVER_PORTS);
    if (await canListen(port)) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
