/** The log: one JSON object per line, or short lines for a person at a terminal. Secrets have no way in (R10). */
import { Writable } from 'node:stream';
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** Names under which secrets travel through the program; their values never reach a line, however deep they stand. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'seed',
  'passphrase',
  'secret',
  'token',
  'authorization',
  'preimage',
  'password',
]);
const DEEPEST = 6;

export interface LogOptions {
  readonly level: string;
  readonly destination: DestinationStream;
  /** Short lines instead of JSON. */
  readonly pretty?: boolean;
}

export function createLog({ level, destination, pretty = false }: LogOptions): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => withoutSecrets(fields, DEEPEST) as Record<string, unknown>,
      },
      serializers: { err: (error: unknown) => error },
    },
    pretty ? prettyStream(destination) : destination,
  );
}

/** Messages of database drivers may quote addresses with passwords. */
export function withoutPasswords(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@]*@/gi, '$1:[redacted]@');
}

/** A plain copy. Bytes are never shown: nearly all that the program handles may be keys. */
function withoutSecrets(value: unknown, levels: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return errorFields(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '[deep]';
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return withoutSecrets((value.toJSON as () => unknown)(), levels - 1);
  if (Array.isArray(value)) return value.map((member) => withoutSecrets(member, levels - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      SECRET_NAMES.has(name) ? '[redacted]' : withoutSecrets(member, levels - 1),
    ]),
  );
}

function errorFields(error: Error): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: withoutPasswords(error.message),
    ...(typeof code === 'string' && { code }),
    stack: withoutPasswords(error.stack ?? ''),
  };
}

function prettyStream(destination: DestinationStream): DestinationStream {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n')) if (line !== '') destination.write(`${prettyLine(line)}\n`);
      done();
    },
  });
}

/** Node ids by their beginning, which tells them apart for a reader. */
function shortened(text: string): string {
  return text.replace(/\b(0[23][0-9a-f]{8})[0-9a-f]{56}\b/g, '$1…');
}

function prettyLine(line: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([name, value]) => `${name}=${shortened(typeof value === 'string' ? value : JSON.stringify(value))}`,
  );
  const reason = err === undefined ? [] : [`(${String((err as { message?: unknown }).message)})`];
  return [
    String(time).slice(11, 19),
    String(level).padEnd(5),
    typeof msg === 'string' ? shortened(msg) : '',
    ...fields,
    ...reason,
  ].join(' ');
}
