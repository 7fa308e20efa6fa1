import { bech32, bech32m, createBase58check } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fallbackAddress } from '../../src/bolt11/index.js';
import { sha256 } from '../../src/crypto/index.js';
import { fromHex } from '../../src/wire/bytes.js';
import { currencies } from './support.js';

const base58check = createBase58check((bytes: Uint8Array) => sha256(bytes));
const SEGWIT = { bc: 'bc', tb: 'tb', tbs: 'tb', bcrt: 'bcrt', sb: 'sb' };
const P2PKH = { bc: 0, tb: 111, tbs: 111, bcrt: 111, sb: 63 };
const P2SH = { bc: 5, tb: 196, tbs: 196, bcrt: 196, sb: 123 };

describe('fallback addresses', () => {
  it('agree with @scure/base', () => {
    const program = fc.uint8Array({ minLength: 20, maxLength: 20 });
    const witness = fc.uint8Array({ minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.constantFrom(...currencies),
        program,
        witness,
        fc.nat({ max: 16 }),
        (currency, hash, bytes, version) => {
          expect(fallbackAddress(currency, { version: 17, program: hash })).toBe(
            base58check.encode(Uint8Array.of(P2PKH[currency], ...hash)),
          );
          expect(fallbackAddress(currency, { version: 18, program: hash })).toBe(
            base58check.encode(Uint8Array.of(P2SH[currency], ...hash)),
          );
          const coder = version === 0 ? bech32 : bech32m;
          expect(fallbackAddress(currency, { version, program: bytes })).toBe(
            coder.encode(SEGWIT[currency], [version, ...coder.toWords(bytes)]),
          );
        },
      ),
    );
  });

  it('keep leading zero bytes of a hash', () => {
    const program = fromHex('00'.repeat(20));
    expect(fallbackAddress('bc', { version: 17, program })).toBe('1111111111111111111114oLvT2');
  });
});
