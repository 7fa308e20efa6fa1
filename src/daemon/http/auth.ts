/** Who may do what: bearer tokens with scopes. */
import type { ApiToken, Tokens } from '../../store/index.js';
import type { Scope } from '../scopes.js';
import { Problem } from './problems.js';

export interface Caller {
  readonly tokenId: string;
  readonly scopes: readonly string[];
}

/** `admin` may do everything. */
export function holds(caller: Caller, scope: Scope): boolean {
  return caller.scopes.includes(scope) || caller.scopes.includes('admin');
}

const TOKEN = /^Bearer ([A-Za-z0-9_-]{16,256})$/i;

/**
 * The token is looked up by its hash, so how long that takes tells nothing about tokens that exist.
 * @throws {Problem} 401 or 403
 */
export async function authenticate(header: string | null, tokens: Pick<Tokens, 'find'>, scope: Scope): Promise<Caller> {
  const headers = { 'www-authenticate': 'Bearer realm="manifold"' };
  if (header === null) throw new Problem(401, 'token_missing', 'send a token: Authorization: Bearer …', { headers });
  const text = TOKEN.exec(header)?.[1];
  const token: ApiToken | undefined = text === undefined ? undefined : await tokens.find(text);
  if (!token)
    throw new Problem(
      401,
      'token_invalid',
      'this token is unknown or revoked; create one with `manifold token create`',
      { headers },
    );
  const caller = { tokenId: token.id, scopes: token.scopes };
  if (!holds(caller, scope))
    throw new Problem(403, 'scope_missing', `this token lacks the scope ${scope}; create one that has it`);
  return caller;
}
