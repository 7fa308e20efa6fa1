/** Where the passphrase of a seed file comes from: a file, the environment, or a person; never an argument. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { contentOf } from './checks.js';
import { CliError, type Io } from './io.js';

export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

/** Undefined where only a person can tell. */
async function configuredPassphrase(io: Io, { passphraseFile }: PassphraseOptions): Promise<string | undefined> {
  const path = passphraseFile ?? io.env['MANIFOLD_PASSPHRASE_FILE'];
  if (path === undefined) return io.env['MANIFOLD_PASSPHRASE'];
  const option = passphraseFile === undefined ? 'MANIFOLD_PASSPHRASE_FILE' : '--passphrase-file';
  return (await contentOf(path, option)).replace(/\r?\n$/, '');
}

/** The passphrase of an existing file. */
export async function existingPassphrase(io: Io, options: PassphraseOptions): Promise<string> {
  return (await configuredPassphrase(io, options)) ?? ask(io, 'Passphrase of the seed file: ');
}

/** A new passphrase; a person types it twice. */
export async function newPassphrase(io: Io, options: PassphraseOptions): Promise<string> {
  const given = await configuredPassphrase(io, options);
  const chosen = given ?? (await ask(io, 'New passphrase for the seed file: '));
  if (chosen.length < MIN_LENGTH)
    throw new CliError(
      'weak_passphrase',
      `use a passphrase of at least ${MIN_LENGTH} characters, better a few random words`,
    );
  if (given === undefined && (await ask(io, 'The same again: ')) !== chosen) {
    throw new CliError('passphrases_differ', 'the two passphrases differ; nothing was written, try again');
  }
  return chosen;
}

const MIN_LENGTH = 8;

async function ask(io: Io, question: string): Promise<string> {
  if (!io.stdin.isTTY) {
    throw new CliError(
      'no_passphrase',
      'there is no terminal to ask for the passphrase; set MANIFOLD_PASSPHRASE_FILE or MANIFOLD_PASSPHRASE, or pass --passphrase-file',
    );
  }
  io.stderr.write(question);
  const silent = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const terminal = createInterface({ input: io.stdin, output: silent, terminal: true, historySize: 0 });
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once('SIGINT', () => {
        reject(new CliError('interrupted', 'interrupted'));
      });
      terminal.once('close', () => {
        reject(new CliError('no_passphrase', 'no passphrase was typed'));
      });
      terminal.question('').then(resolve, reject);
    });
  } finally {
    terminal.close();
    io.stderr.write('\n');
  }
}
