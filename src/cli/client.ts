/** Talks to the daemon's API. */
import { randomBytes } from '../crypto/index.js';
import { toHex } from '../wire/bytes.js';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CommonOptions, configPath, isConfigNamed } from './common.js';
import { CliError, type Io } from './io.js';

export type Json = Readonly<Record<string, unknown>>;

const DEFAULT_API = 'http://127.0.0.1:9740';
const TIMEOUT_MS = 30_000;

export class ApiClient {
  readonly #base: string;
  readonly #token: Token;

  constructor(base: string, token: Token) {
    this.#base = base.replace(/\/+$/, '');
    this.#token = token;
  }

  /** `MANIFOLD_API` and `MANIFOLD_TOKEN`, or what the configuration and the file beside it say. */
  static async open(io: Io, options: CommonOptions): Promise<ApiClient> {
    const path = configPath(io, options);
    const base = io.env['MANIFOLD_API'] ?? (await configuredApi(path, io, isConfigNamed(io, options)));
    const given = io.env['MANIFOLD_TOKEN'];
    return new ApiClient(
      base,
      given === undefined ? await storedToken(join(dirname(path), 'admin.token')) : { text: given },
    );
  }

  get(path: string): Promise<Json> {
    return this.#ask('GET', path);
  }

  post(path: string, body: Json = {}): Promise<Json> {
    return this.#ask('POST', path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#ask('DELETE', path);
  }

  async #ask(method: string, path: string, body?: Json): Promise<Json> {
    const response = await this.fetch(path, {
      method,
      headers: body ? { 'content-type': 'application/json', 'idempotency-key': toHex(randomBytes(16)) } : {},
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return text === '' ? {} : (JSON.parse(text) as Json);
  }

  /** Resolves with a good answer only. */
  async fetch(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers: Record<string, string> },
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#base + path, {
        ...init,
        headers: { authorization: `Bearer ${this.#token.text}`, ...init.headers },
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (response.ok) return response;
    throw withTokenAdvice(problemOf(response.status, await response.text()), this.#token);
  }

  #unreachable(error: unknown): CliError {
    if ((error as Error).name === 'TimeoutError')
      return new CliError('timeout', `the daemon at ${this.#base} does not answer; look at its log`);
    const { code, message } = Object((error as Error).cause) as { code?: string; message?: string };
    if (code === 'ECONNREFUSED') {
      return new CliError(
        'not_running',
        `no daemon answers at ${this.#base}; start it with \`manifold start\`, or name another with MANIFOLD_API`,
      );
    }
    return new CliError(
      'unreachable',
      `${this.#base} cannot be reached (${code ?? message ?? 'network error'}); check [api] in the configuration or MANIFOLD_API`,
    );
  }
}

interface Token {
  readonly text: string;
  /** Where it was found; absent if it came from MANIFOLD_TOKEN. */
  readonly path?: string;
}

/** What to do about a token that does not work, by where it came from. */
function withTokenAdvice(error: CliError, { path }: Token): CliError {
  if (error.code !== 'token_invalid') return error;
  const advice =
    path === undefined
      ? 'the token in MANIFOLD_TOKEN is unknown or revoked; unset it to use admin.token, or set another'
      : `the token in ${path} is unknown or revoked; restart the daemon, it writes a new one then`;
  return new CliError(error.code, advice);
}

function problemOf(status: number, text: string): CliError {
  try {
    const { code, detail, errors } = JSON.parse(text) as {
      code: string;
      detail: string;
      errors?: { field: string; message: string }[];
    };
    const fields = (errors ?? []).map(({ field, message }) => `\n  ${field}: ${message}`);
    return new CliError(code, detail + fields.join(''), status === 400 ? 2 : 1);
  } catch {
    return new CliError(
      'bad_answer',
      `the daemon answered with status ${status} and no explanation; is MANIFOLD_API the address of Manifold?`,
    );
  }
}

/** @param isNamed the user named the file, so it must be there */
async function configuredApi(path: string, io: Io, isNamed: boolean): Promise<string> {
  const { loadConfig, splitListen, ConfigError } = await import('../daemon/config/load.js');
  try {
    const { host, port } = splitListen((await loadConfig(path, io.env)).api.listen);
    if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
    return `http://${host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host}:${port}`;
  } catch (error) {
    // Without a configuration of its own the command line may still reach a daemon by token and address.
    if (error instanceof ConfigError && error.isMissing && !isNamed) return DEFAULT_API;
    throw error;
  }
}

async function storedToken(path: string): Promise<Token> {
  try {
    return { text: (await readFile(path, 'utf8')).trim(), path };
  } catch {
    throw new CliError(
      'no_token',
      `there is no token at ${path}; the daemon writes it at its first start (\`manifold start\`), or set MANIFOLD_TOKEN`,
    );
  }
}
