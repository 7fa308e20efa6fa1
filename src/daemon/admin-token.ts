/** The operator's own token: made at the first start and kept in a file next to the configuration, mode 0600. */
import { chmod, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomBytes } from '../crypto/index.js';
import type { KeyRing } from '../phantom/index.js';
import { StoreConflict, type Tokens } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import { tokenCandidates } from './cluster-ring.js';
import { writeNewFile } from './seed-file.js';

export function adminTokenPath(configPath: string): string {
  return join(dirname(configPath), 'admin.token');
}

/** Makes sure that the file holds a token that works; one that was revoked is replaced. */
export async function ensureAdminToken(
  path: string,
  tokens: Pick<Tokens, 'find' | 'add'>,
  ring: KeyRing,
): Promise<'kept' | 'created'> {
  const kept = await storedToken(path);
  if (kept !== undefined) {
    await chmod(path, 0o600);
    if (await tokens.find(kept)) return 'kept';
    if (await addUnlessRevoked(kept, tokens)) return 'kept';
    await rm(path);
  }
  const id = newId();
  const token = tokenCandidates(ring, id)[0]!;
  // The file first: a token that nobody can read would stay valid for nothing.
  await writeNewFile(path, `${token}\n`);
  await tokens.add(token, { id, name: 'admin', scopes: ['admin'] });
  return 'created';
}

async function storedToken(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (/^mft_[0-9a-f]{64}$/.test(text)) return text;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  throw new Error(`${path} does not hold a token; move it away and start again, a new one is written then`);
}

/** The database may be younger than the file. A revoked token's row is still there, so it cannot come back. */
async function addUnlessRevoked(token: string, tokens: Pick<Tokens, 'add'>): Promise<boolean> {
  try {
    await tokens.add(token, { id: newId(), name: 'admin', scopes: ['admin'] });
    return true;
  } catch (error) {
    if (error instanceof StoreConflict) return false;
    throw error;
  }
}

function newId(): string {
  return `tok_${toHex(randomBytes(8))}`;
}
