/** How the command line opens seed files. */
import type { SeedOpener } from '../daemon/seed-file.js';
import { contentOf } from './checks.js';
import type { Io } from './io.js';
import { existingPassphrase, type PassphraseOptions } from './passphrase.js';

/** Asks once even if several files need a passphrase. */
export function seedOpener(io: Io, options: PassphraseOptions, warn: (message: string) => void): SeedOpener {
  let passphrase: Promise<string> | undefined;
  return {
    warn,
    passphrase: () => (passphrase ??= existingPassphrase(io, options)),
    async identities() {
      const path = io.env['MANIFOLD_AGE_IDENTITY_FILE'];
      if (path === undefined) return undefined;
      return contentOf(path, 'MANIFOLD_AGE_IDENTITY_FILE');
    },
  };
}
