import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeDnssecProof,
  decodeDnssecQuery,
  DNSSEC_PROOF_TYPE,
  DNSSEC_QUERY_TYPE,
  encodeDnssecProof,
  encodeDnssecQuery,
} from '../../src/bip353/index.js';
import { concat, fromHex, toHex, utf8 } from '../../src/wire/bytes.js';
import { vectorCases } from '../wire/vectors.js';

interface MessageCase {
  readonly id: string;
  readonly kind: 'dnssec_query' | 'dnssec_proof';
  readonly tlv_type: number;
  readonly hex: string;
  readonly domain_name: string;
  readonly proof?: string;
  readonly valid: boolean;
  readonly error?: string;
}

describe('bLIP-32 messages', () => {
  it.each(vectorCases<MessageCase>('blip32-dns-messages').map((one) => [one.id, one] as const))(
    '%s',
    (_id, testCase) => {
      const { kind, hex, domain_name, proof, valid } = testCase;
      const isQuery = kind === 'dnssec_query';
      expect(BigInt(testCase.tlv_type)).toBe(isQuery ? DNSSEC_QUERY_TYPE : DNSSEC_PROOF_TYPE);
      const result = isQuery ? decodeDnssecQuery(fromHex(hex)) : decodeDnssecProof(fromHex(hex));
      expect(result.ok).toBe(valid);
      if (!result.ok) return;
      expect(result.value.domainName).toBe(domain_name);
      const given = { domainName: domain_name, proof: fromHex(proof ?? '') };
      expect(toHex(isQuery ? encodeDnssecQuery(given) : encodeDnssecProof(given))).toBe(hex);
    },
  );

  const QUERY = encodeDnssecQuery({ domainName: 'a.b.' });
  const PROOF = encodeDnssecProof({ domainName: 'a.b.', proof: Uint8Array.of(1, 2, 3) });

  it('are refused with more behind them, cut anywhere, or with a wrong name', () => {
    expect(decodeDnssecQuery(concat(QUERY, Uint8Array.of(0)))).toMatchObject({ error: { code: 'trailing_bytes' } });
    expect(decodeDnssecProof(concat(PROOF, Uint8Array.of(0)))).toMatchObject({ error: { code: 'trailing_bytes' } });
    for (let length = 0; length < PROOF.length; length++) {
      expect(decodeDnssecProof(PROOF.subarray(0, length))).toMatchObject({ error: { code: 'truncated' } });
    }
    const named = (name: string): Uint8Array => concat(Uint8Array.of(name.length), utf8(name));
    expect(decodeDnssecQuery(named('a\n.'))).toMatchObject({ error: { code: 'name_not_printable' } });
    expect(decodeDnssecQuery(named(''))).toMatchObject({ error: { code: 'name_without_final_dot' } });
  });

  it.each(['', 'a', 'ä.', `${'a'.repeat(255)}.`])('cannot be written for the name %j', (domainName) => {
    expect(() => encodeDnssecQuery({ domainName })).toThrow(RangeError);
  });

  it('have room for 65,535 bytes of proof', () => {
    const longest = { domainName: '.', proof: new Uint8Array(65_535) };
    expect(decodeDnssecProof(encodeDnssecProof(longest))).toEqual({ ok: true, value: longest });
    expect(() => encodeDnssecProof({ domainName: '.', proof: new Uint8Array(65_536) })).toThrow(RangeError);
  });

  it('write again what they read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (content) => {
        const query = decodeDnssecQuery(content);
        if (query.ok) expect(encodeDnssecQuery(query.value)).toEqual(content);
        const proof = decodeDnssecProof(content);
        if (proof.ok) expect(encodeDnssecProof(proof.value)).toEqual(content);
      }),
    );
  });
});
