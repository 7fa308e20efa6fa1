import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePaymentName } from '../../src/bip353/index.js';
import { compareNames, parseDnsName } from '../../src/bip353/dns-name.js';
import { vectorCases } from '../wire/vectors.js';

interface NameCase {
  readonly id: string;
  readonly kind: string;
  readonly hrn: string;
  readonly valid: boolean;
  readonly user: string;
  readonly domain: string;
  readonly dns_name: string;
}

const codeOf = (text: string): string => {
  const result = parsePaymentName(text);
  return result.ok ? 'accepted' : result.error.code;
};

describe('payment names', () => {
  it.each(
    vectorCases<NameCase>('bip353')
      .filter(({ kind }) => kind === 'name')
      .map((one) => [one.hrn, one] as const),
  )('%s', (_hrn, { hrn, valid, user, domain, dns_name }) => {
    const result = parsePaymentName(hrn);
    if (valid) expect(result).toEqual({ ok: true, value: { user, domain, dnsName: dns_name } });
    else expect(result.ok).toBe(false);
  });

  it.each([
    ['a@b', 'accepted'],
    ['A.b_c-9@EXAMPLE.com.', 'accepted'],
    ['xn--mtt-qla@example.com', 'accepted'],
    ['₿₿a@b', 'name_bad_character'],
    ['a@b@c', 'name_malformed'],
    ['', 'name_malformed'],
    ['@', 'name_malformed'],
    ['a@.', 'name_malformed'],
    ['a@b..', 'name_malformed'],
    ['a@.b', 'name_malformed'],
    ['.a@b', 'name_malformed'],
    ['a..b@c', 'name_malformed'],
    [' a@b', 'name_bad_character'],
    ['a@b\n', 'name_bad_character'],
    ['*@b', 'name_bad_character'],
    ['a\\.b@c', 'name_bad_character'],
    ['a@b/c', 'name_bad_character'],
    ['а@b', 'name_bad_character'], // Cyrillic
    [`${'u'.repeat(63)}@b`, 'accepted'],
    [`${'u'.repeat(64)}@b`, 'name_too_long'],
    [`a@${'d'.repeat(64)}`, 'name_too_long'],
    [`a@${'d.'.repeat(114)}d`, 'accepted'], // 255 bytes as DNS writes it
    [`aa@${'d.'.repeat(114)}d`, 'name_too_long'],
    ['@'.repeat(100_000), 'name_too_long'],
  ])('%j: %s', (text, wanted) => {
    expect(codeOf(text)).toBe(wanted);
  });

  it('stay what they are through their own text', () => {
    const part = fc.stringMatching(/^[0-9A-Za-z_-]{1,20}(\.[0-9A-Za-z_-]{1,20}){0,3}$/);
    fc.assert(
      fc.property(part, part, (user, domain) => {
        const dnsName = `${user}.user._bitcoin-payment.${domain}.`;
        expect(parsePaymentName(`₿${user}@${domain}`)).toEqual({ ok: true, value: { user, domain, dnsName } });
      }),
    );
  });

  it('never throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof codeOf(text) === 'string'));
  });
});

describe('DNS names', () => {
  /** The list of RFC 4034 §6.1, in order. */
  const ORDERED = [
    'example.',
    'a.example.',
    'yljkjljk.a.example.',
    'Z.a.example.',
    'zABC.a.EXAMPLE.',
    'z.example.',
    '\u0001.z.example.',
    '*.z.example.',
    '\u00c8.z.example.',
  ].map((text) => parseDnsName(text)!);

  it('sort as RFC 4034 says', () => {
    for (const [i, a] of ORDERED.entries()) {
      for (const [j, b] of ORDERED.entries()) expect(Math.sign(compareNames(a, b))).toBe(Math.sign(i - j));
    }
  });
});
