/** How the command line opens seed files. */
import { readFile } from 'node:fs/promises';
import type { SeedOpener } from '../daemon/seed-file.js';
import { CliError, type Io } from './io.js';
import { existingPassphrase, type PassphraseOptions } from './passphrase.js';

/** Asks once even if several files need a passphrase. */
export function seedOpener(io: Io, options: PassphraseOptions): SeedOpener {
  let passphrase: Promise<string> | undefined;
  return {
    passphrase: () => (passphrase ??= existingPassphrase(io, options)),
    async identities() {
      const path = io.env['MANIFOLD_AGE_IDENTITY_FILE'];
      if (path === undefined) return undefined;
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        throw new CliError(
          'cannot_read',
          `the age identity file cannot be read: ${(error as Error).message}; check MANIFOLD_AGE_IDENTITY_FILE`,
        );
      }
    },
  };
}
