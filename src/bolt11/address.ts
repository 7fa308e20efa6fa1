/** Text of on-chain fallback addresses. */
import { sha256 } from '../crypto/index.js';
import { bytesToGroups, encodeBech32 } from '../wire/bech32.js';
import { concat } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import type { Currency, Fallback } from './invoice.js';

interface AddressStyle {
  readonly hrp: string;
  readonly p2pkh: number;
  readonly p2sh: number;
}

const TEST_STYLE: AddressStyle = { hrp: 'tb', p2pkh: 111, p2sh: 196 };

/** Signet shares the addresses of testnet, regtest all but the segwit prefix. Simnet is btcd's. */
const STYLES: Record<Currency, AddressStyle> = {
  bc: { hrp: 'bc', p2pkh: 0, p2sh: 5 },
  tb: TEST_STYLE,
  tbs: TEST_STYLE,
  bcrt: { ...TEST_STYLE, hrp: 'bcrt' },
  sb: { hrp: 'sb', p2pkh: 63, p2sh: 123 },
};

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Base58 with the 4-byte checksum of Bitcoin addresses. Meant for short input: quadratic time. */
function base58Check(payload: Uint8Array): string {
  const bytes = concat(payload, sha256(sha256(payload)).slice(0, 4));
  let text = '';
  for (let rest = uintOf(bytes); rest > 0n; rest /= 58n) text = BASE58.charAt(Number(rest % 58n)) + text;
  for (let i = 0; i < bytes.length && bytes[i] === 0; i++) text = BASE58.charAt(0) + text;
  return text;
}

/** The address that a fallback of a decoded invoice stands for. */
export function fallbackAddress(currency: Currency, { version, program }: Fallback): string {
  const { hrp, p2pkh, p2sh } = STYLES[currency];
  if (version === 17) return base58Check(concat(Uint8Array.of(p2pkh), program));
  if (version === 18) return base58Check(concat(Uint8Array.of(p2sh), program));
  const groups = concat(Uint8Array.of(version), bytesToGroups(program));
  return encodeBech32(hrp, groups, version === 0 ? 'bech32' : 'bech32m');
}
