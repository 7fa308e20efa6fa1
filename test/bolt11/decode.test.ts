import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeInvoice,
  encodeInvoice,
  invoiceExpiresAt,
  MAX_INVOICE_LENGTH,
  stripLightningUri,
} from '../../src/bolt11/index.js';
import { signGroups } from '../../src/bolt11/encode.js';
import { SIGNATURE_GROUPS, Tag, TIMESTAMP_GROUPS } from '../../src/bolt11/invoice.js';
import { BECH32_CHARSET, bytesToGroups, encodeBech32, readBech32 } from '../../src/wire/bech32.js';
import { concat, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { baseDraft, filled, payeeKey, secretKey, withChangedGroups } from './support.js';

const text = unwrap(encodeInvoice(baseDraft, secretKey));
const textWithPayee = unwrap(encodeInvoice({ ...baseDraft, payee: payeeKey }, secretKey));

/** An invoice with exactly these fields, well signed. */
function signedFields(...fields: readonly (readonly [tag: number, groups: ArrayLike<number>])[]): string {
  const groups = fields.flatMap(([tag, content]) => [
    tag,
    content.length >> 5,
    content.length & 31,
    ...Array.from(content),
  ]);
  return signGroups('lnbc20m', concat(new Uint8Array(TIMESTAMP_GROUPS), Uint8Array.from(groups)), secretKey);
}

const hashField = [Tag.paymentHash, bytesToGroups(filled(1))] as const;
const secretField = [Tag.paymentSecret, bytesToGroups(filled(2))] as const;
const descriptionField = [Tag.description, bytesToGroups(Uint8Array.of(0x61))] as const;
const needed = [hashField, secretField, descriptionField];
/** Character offset of the first field behind {@link needed}: prefix, separator, time, two hashes, two characters. */
const AFTER_NEEDED = 'lnbc20m1'.length + TIMESTAMP_GROUPS + 2 * 55 + 5;

describe('one changed character', () => {
  it('is refused wherever it stands and whatever it becomes', () => {
    for (const original of [text, textWithPayee]) {
      let accepted = 0;
      for (let i = 0; i < original.length; i++) {
        for (const letter of `${BECH32_CHARSET}1b!~+ éQ`) {
          if (letter === original[i]) continue;
          if (decodeInvoice(original.slice(0, i) + letter + original.slice(i + 1)).ok) accepted++;
        }
      }
      expect(accepted).toBe(0);
    }
  });

  it('under a repaired checksum is refused or names another payee', () => {
    const { groups } = readBech32(text);
    let accepted = 0;
    for (let bit = 0; bit < groups.length * 5; bit++) {
      const changed = withChangedGroups(text, (copy) => {
        copy[Math.floor(bit / 5)]! ^= 1 << (bit % 5);
        return copy;
      });
      const result = decodeInvoice(changed);
      if (!result.ok) continue;
      accepted++;
      expect(toHex(result.value.payee)).not.toBe(toHex(payeeKey));
    }
    expect(accepted).toBeGreaterThan(1000);
  });

  it('under a repaired checksum never passes for the payee of field n', () => {
    const { groups } = readBech32(textWithPayee);
    const original = unwrap(decodeInvoice(textWithPayee));
    for (let bit = 0; bit < groups.length * 5; bit++) {
      const changed = withChangedGroups(textWithPayee, (copy) => {
        copy[Math.floor(bit / 5)]! ^= 1 << (bit % 5);
        return copy;
      });
      const result = decodeInvoice(changed);
      if (!result.ok || toHex(result.value.payee) !== toHex(payeeKey)) continue;
      // Next to n the recovery id has no use, and no signature covers it.
      expect({ ...result.value, recoveryId: 0 }).toEqual({ ...original, recoveryId: 0 });
    }
  });
});

describe('damaged and hostile text', () => {
  it('is refused when cut short, doubled or reversed', () => {
    for (let length = 0; length < text.length; length++) {
      expect(decodeInvoice(text.slice(0, length)).ok).toBe(false);
      expect(decodeInvoice(text.slice(length + 1)).ok).toBe(false);
    }
    expect(decodeInvoice(text + text).ok).toBe(false);
    expect(decodeInvoice([...text].reverse().join('')).ok).toBe(false);
  });

  it('may be upper case, but not mixed', () => {
    expect(decodeInvoice(text.toUpperCase())).toEqual(decodeInvoice(text));
    const mixed = `${text.slice(0, 30)}${text.slice(30).toUpperCase()}`;
    const at = [...text].findIndex((letter, i) => i >= 30 && /[a-z]/.test(letter));
    expect(decodeInvoice(mixed)).toMatchObject({ ok: false, error: { code: 'bech32_mixed_case', position: at } });
  });

  it('never throws on random text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: fc.constantFrom(...BECH32_CHARSET, '1', 'l', 'n'), maxLength: 300 }),
      fc
        .tuple(fc.nat({ max: text.length }), fc.nat({ max: text.length }), fc.string({ maxLength: 5 }))
        .map(([from, to, between]) => text.slice(0, from) + between + text.slice(to)),
    );
    fc.assert(
      fc.property(anyText, (candidate) => {
        const result = decodeInvoice(candidate);
        if (result.ok) expect(candidate).toBe(text);
        else expect(result.error.code).toMatch(/^[a-z0-9_]+$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on random fields under a good checksum, and names a place inside the text', () => {
    const field = fc
      .tuple(fc.nat({ max: 31 }), fc.oneof(fc.constantFrom(0, 1, 52, 53, 82), fc.nat({ max: 120 })))
      .chain(([tag, length]) =>
        fc
          .uint8Array({ minLength: length, maxLength: length, max: 31 })
          .map((g) => [tag, length >> 5, length & 31, ...g]),
      );
    const groups = fc
      .tuple(
        fc.uint8Array({ minLength: 7, maxLength: 7, max: 31 }),
        fc.array(field, { maxLength: 8 }),
        fc.oneof(
          fc.uint8Array({ minLength: 100, maxLength: 106, max: 31 }),
          // A signature with a recovery id from 0 to 3: most of them fit some key.
          fc
            .tuple(fc.uint8Array({ minLength: 102, maxLength: 102, max: 31 }), fc.nat({ max: 3 }))
            .map(([g, id]) => [...g, 0, id]),
        ),
        fc.boolean(),
      )
      .map(([time, fields, end, complete]) => [
        ...time,
        ...(complete ? needed.flatMap(([tag, g]) => [tag, g.length >> 5, g.length & 31, ...g]) : []),
        ...fields.flat(),
        ...end,
      ]);
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom('lnbc', 'lntb20m', 'lnbcrt1p', 'lnx'), groups, (hrp, data) => {
        const candidate = encodeBech32(hrp, Uint8Array.from(data));
        const result = decodeInvoice(candidate);
        seen.add(result.ok ? 'accepted' : result.error.code);
        if (!result.ok && result.error.position !== undefined) {
          expect(result.error.position).toBeLessThan(candidate.length);
        }
      }),
      { numRuns: 3000 },
    );
    expect(seen).toContain('accepted');
    expect(seen.size).toBeGreaterThan(8);
  });

  it('of many megabytes is refused at once', () => {
    const started = performance.now();
    for (const huge of ['q'.repeat(20_000_000), '1'.repeat(5_000_000), `lnbc1${'q'.repeat(5_000_000)}`]) {
      expect(decodeInvoice(huge)).toMatchObject({ ok: false, error: { code: 'invoice_too_long' } });
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('at the length limit is read in bounded time', () => {
    const room = MAX_INVOICE_LENGTH - 600;
    const manyTags = signedFields(...needed, ...Array.from({ length: Math.floor(room / 3) }, () => [31, []] as const));
    const started = performance.now();
    expect(unwrap(decodeInvoice(manyTags)).unknownTags.length).toBe(Math.floor(room / 3));
    const digits = encodeBech32(`lnbc${'0'.repeat(room)}x`, new Uint8Array(111));
    expect(decodeInvoice(digits)).toMatchObject({ ok: false, error: { code: 'invalid_multiplier' } });
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('places of refusals', () => {
  it.each([
    ['non_minimal_x', Tag.expiry, [0, 1]],
    ['expiry_overflow', Tag.expiry, [16, ...filled(0, 12)]],
    ['expiry_overflow', Tag.expiry, filled(1, 1000)],
    ['non_minimal_c', Tag.minFinalCltv, [0]],
    ['cltv_overflow', Tag.minFinalCltv, [4, 0, 0, 0, 0, 0, 0]],
    ['cltv_overflow', Tag.minFinalCltv, filled(1, 1000)],
    ['non_minimal_9', Tag.features, [0, 16, 8, 0]],
    ['unknown_required_feature', Tag.features, [1]],
    ['nonzero_padding', Tag.paymentMetadata, [1]],
    ['nonzero_padding', Tag.paymentMetadata, [1, 1]],
    ['invalid_utf8_description', Tag.description, bytesToGroups(Uint8Array.of(0xff))],
    ['duplicate_d', Tag.description, bytesToGroups(Uint8Array.of(0x62))],
    ['duplicate_s', Tag.paymentSecret, bytesToGroups(filled(2))],
    ['invalid_payee_pubkey', Tag.payee, bytesToGroups(filled(4, 33))],
    ['empty_fallback', Tag.fallback, []],
    ['invalid_fallback', Tag.fallback, [17, ...bytesToGroups(filled(1, 19))]],
    ['invalid_fallback', Tag.fallback, [0, ...bytesToGroups(filled(1, 25))]],
    ['empty_route_hint', Tag.routeHint, []],
    ['invalid_route_hint_length', Tag.routeHint, bytesToGroups(filled(1, 50))],
    ['invalid_route_hint_pubkey', Tag.routeHint, bytesToGroups(filled(5, 51))],
  ])('%s', (code, tag, groups) => {
    const result = decodeInvoice(signedFields(...needed, [tag, groups]));
    expect(result).toMatchObject({ ok: false, error: { code, position: AFTER_NEEDED } });
  });

  it.each([
    ['missing_payment_hash', [secretField, descriptionField]],
    ['missing_payment_secret', [hashField, descriptionField]],
    ['missing_description', [hashField, secretField]],
    ['both_descriptions', [...needed, [Tag.descriptionHash, bytesToGroups(filled(3))] as const]],
  ])('%s has none', (code, fields) => {
    const result = decodeInvoice(signedFields(...fields));
    expect(result).toEqual({ ok: false, error: { code, message: expect.any(String) as string } });
  });

  it('field_truncated and signature faults', () => {
    const groups = readBech32(signedFields(...needed)).groups;
    const end = groups.length - SIGNATURE_GROUPS;
    const spare = encodeBech32('lnbc', concat(groups.slice(0, end), Uint8Array.of(1), groups.slice(end)));
    const offset = 'lnbc1'.length + end;
    expect(decodeInvoice(spare)).toMatchObject({ ok: false, error: { code: 'field_truncated', position: offset } });
    const badId = encodeBech32('lnbc', concat(groups.slice(0, -1), Uint8Array.of(4)));
    expect(decodeInvoice(badId)).toMatchObject({ ok: false, error: { code: 'invalid_recovery_id', position: offset } });
  });
});

describe('values at their limits', () => {
  it('reads the largest and smallest expiry and final delta', () => {
    const largest = signedFields(
      ...needed,
      [Tag.expiry, [15, ...filled(31, 12)]],
      [Tag.minFinalCltv, [3, ...filled(31, 6)]],
    );
    const invoice = unwrap(decodeInvoice(largest));
    expect(invoice.expirySeconds).toBe(2n ** 64n - 1n);
    expect(invoice.minFinalCltvExpiryDelta).toBe(2 ** 32 - 1);
    expect(invoiceExpiresAt(invoice)).toBe(Number.MAX_SAFE_INTEGER);

    const none = unwrap(decodeInvoice(signedFields(...needed)));
    expect([none.expirySeconds, none.minFinalCltvExpiryDelta, none.features]).toEqual([3600n, 18, []]);
    expect(invoiceExpiresAt(none)).toBe(3600);

    const zero = unwrap(decodeInvoice(signedFields(...needed, [Tag.expiry, []], [Tag.minFinalCltv, []])));
    expect([zero.expirySeconds, zero.minFinalCltvExpiryDelta]).toEqual([0n, 0]);
  });

  it('keeps what it does not know', () => {
    const invoice = unwrap(decodeInvoice(signedFields(...needed, [20, [5, 5]], [Tag.fallback, [19, 1]])));
    expect(invoice.unknownTags).toEqual([{ tag: '5', words: '99' }]);
    expect(invoice.fallbacks).toEqual([]);
  });
});

describe('lightning: links', () => {
  it.each([
    [`lightning:${text}`],
    [`LIGHTNING:${text}`],
    [` lightning://${text}\n`],
    [`lightning:${text}?x=1&y=2`],
    [`  ${text} `],
  ])('%#', (link) => {
    expect(stripLightningUri(link)).toBe(text);
  });

  it('are refused by the strict decoder', () => {
    expect(decodeInvoice(`lightning:${text}`).ok).toBe(false);
  });
});
