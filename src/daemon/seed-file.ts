/**
 * The cluster seed at rest (R10): an age file whose content is the 64 hex digits of the seed and a newline, so that the
 * operator's own `age -d` shows it and any age identity, hardware ones included, can be used to make it.
 */
import { link, open, rm } from 'node:fs/promises';
import { Decrypter, Encrypter } from 'age-encryption';
import { fromHex, isHexOf, toHex } from '../wire/bytes.js';
import { openToOthersWarning, readSmallFile } from './small-file.js';

export class SeedError extends Error {
  override readonly name = 'SeedError';
  readonly code: string;

  /** @param message what is wrong and what to do next; never a secret */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export type SeedLock =
  | { readonly type: 'passphrase'; readonly passphrase: string; readonly workFactor?: number }
  /** `age1…` */
  | { readonly type: 'recipients'; readonly recipients: readonly string[] };

/** How a seed file may be opened. The passphrase is asked for only when the file needs one. */
export interface SeedOpener {
  readonly passphrase: () => Promise<string>;
  /** Content of an age identity file. */
  readonly identities?: () => Promise<string | undefined>;
  /** Told about a seed file that other users of the machine can read or write. */
  readonly warn?: (message: string) => void;
}

/** age's format has no shorter files than this; far longer ones are not ours. */
const MAX_FILE_BYTES = 64 * 1024;

/** Writes a new file with mode 0600. @throws {SeedError} if it exists already or a recipient is bad */
export async function writeSeedFile(path: string, seed: Uint8Array, lock: SeedLock): Promise<void> {
  const encrypter = new Encrypter();
  if (lock.type === 'passphrase') {
    encrypter.setPassphrase(lock.passphrase);
    if (lock.workFactor !== undefined) encrypter.setScryptWorkFactor(lock.workFactor);
  } else {
    for (const recipient of lock.recipients) addRecipient(encrypter, recipient);
  }
  await writeNewFile(path, await encrypter.encrypt(`${toHex(seed)}\n`));
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch {
    const next = recipient.startsWith('age1')
      ? 'it is cut short or mistyped; copy it again (`age-keygen -y FILE` prints it)'
      : 'they begin with age1 (`age-keygen -y FILE` prints yours)';
    throw new SeedError('bad_recipient', `"${recipient}" is not an age recipient: ${next}`);
  }
}

/** What is wrong with an age recipient; undefined if it can be encrypted to. */
export function recipientProblem(recipient: string): string | undefined {
  try {
    addRecipient(new Encrypter(), recipient);
    return undefined;
  } catch (error) {
    if (error instanceof SeedError) return error.message;
    throw error;
  }
}

/** Creates a file that only its owner can read. @throws {SeedError} if there is one */
export async function writeNewFile(path: string, content: Uint8Array | string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename a link never replaces a file, and a crash before it leaves no half-written one.
    await link(draft, path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new SeedError(
        'file_exists',
        `${path} exists already and is not overwritten; move it away or choose another place`,
      );
    }
    throw new SeedError('cannot_write', `${path} cannot be written: ${(thrown as Error).message}`);
  } finally {
    await rm(draft, { force: true });
  }
}

/** @throws {SeedError} */
export async function readSeedFile(path: string, opener: SeedOpener): Promise<Uint8Array> {
  const file = await contentOf(path, opener);
  const header = Buffer.from(file.subarray(0, 4096)).toString('latin1');
  if (!header.startsWith('age-encryption.org/v1\n')) {
    throw new SeedError(
      'not_an_age_file',
      `${path} is not a binary age file; write one with \`manifold init\` or \`age -e -p\` (without --armor)`,
    );
  }
  const decrypter = new Decrypter();
  const needsPassphrase = header.includes('\n-> scrypt ');
  if (needsPassphrase) decrypter.addPassphrase(await opener.passphrase());
  else await addIdentities(decrypter, path, opener);
  let text: string;
  try {
    text = await decrypter.decrypt(file, 'text');
  } catch {
    throw needsPassphrase
      ? new SeedError(
          'wrong_passphrase',
          `${path} does not open with this passphrase (or the file is damaged); try again`,
        )
      : new SeedError(
          'wrong_identity',
          `${path} does not open with the identities given; name the right file in MANIFOLD_AGE_IDENTITY_FILE`,
        );
  }
  return seedOfText(text, path);
}

async function contentOf(path: string, { warn }: SeedOpener): Promise<Uint8Array> {
  try {
    const { content, isOpenToOthers } = await readSmallFile(path, MAX_FILE_BYTES);
    if (isOpenToOthers) warn?.(openToOthersWarning(path));
    if (content) return content;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new SeedError(
        'seed_missing',
        `there is no seed file ${path}; check seed_file in the configuration, or bring the file back from a copy`,
      );
    }
    throw new SeedError(
      'cannot_read',
      `the seed file ${path} cannot be read: ${(thrown as Error).message}; check seed_file in the configuration`,
    );
  }
  throw new SeedError(
    'not_an_age_file',
    `${path} is far too long for a seed file; check seed_file in the configuration`,
  );
}

async function addIdentities(decrypter: Decrypter, path: string, { identities }: SeedOpener): Promise<void> {
  const text = await identities?.();
  if (text === undefined) {
    throw new SeedError(
      'identity_missing',
      `${path} is encrypted to an age recipient; name its identity file in MANIFOLD_AGE_IDENTITY_FILE`,
    );
  }
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of lines) {
    try {
      decrypter.addIdentity(line);
    } catch {
      throw new SeedError(
        'bad_identity',
        'the age identity file has a line that is not an identity (AGE-SECRET-KEY-…); for a hardware identity decrypt with age and pass the seed by seed_env',
      );
    }
  }
}

/** @param source what to name in an error. @throws {SeedError} */
export function seedOfText(text: string, source: string): Uint8Array {
  const digits = text.trim();
  if (!isHexOf(digits, 32))
    throw new SeedError('bad_seed', `${source} does not hold a seed: 64 hex digits are expected`);
  const seed = fromHex(digits);
  if (seed.every((byte) => byte === seed[0])) {
    throw new SeedError(
      'bad_seed',
      `${source} holds 32 equal bytes, which anybody can guess, and no seed; make one with \`manifold init\` or \`openssl rand -hex 32\``,
    );
  }
  return seed;
}
