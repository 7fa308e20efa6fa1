/** Input made to hurt: every string and stream gets an answer, in bounded time and with a place to look at. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bolt12Result,
  bolt12Fields,
  decodeInvoice,
  decodeInvoiceError,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeInvoiceError,
  encodeOfferString,
  encodeRecords,
  merkleRoot,
  signerOf,
} from '../../src/bolt12/index.js';
import { sha256 } from '../../src/crypto/index.js';
import { compareBytes, concat, utf8 } from '../../src/wire/bytes.js';
import { encodeBigSize } from '../../src/wire/integers.js';
import { unwrap } from '../../src/wire/result.js';
import { encodeTlvStream, splitTlvStream, type TlvRecord } from '../../src/wire/tlv.js';
import { filled, invoiceFor, issuer, offerWith, pathTo, raw, requestFor, staticFor } from './support.js';

const DECODERS: readonly ((input: string | Uint8Array) => Bolt12Result<{ records: readonly TlvRecord[] }>)[] = [
  decodeOffer,
  decodeInvoiceRequest,
  decodeInvoice,
  decodeStaticInvoice,
];
const everyCode = (input: string | Uint8Array): string[] =>
  DECODERS.map((decode) => {
    const result = decode(input);
    return result.ok ? 'ok' : result.error.code;
  });

describe('streams', () => {
  it('of any bytes give a value or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void everyCode(bytes)),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (text) => void everyCode(`lno1${text}`)),
      { numRuns: 300 },
    );
  });

  it('longer than a message, and with too many records, are not looked into', () => {
    expect(new Set(everyCode(new Uint8Array(65_536)))).toEqual(new Set(['too_long']));
    expect(new Set(everyCode(`lno1${'q'.repeat(262_141)}`))).toEqual(new Set(['too_long']));
    const many = concat(...Array.from({ length: 1025 }, (_, i) => raw(1_000_000_001 + 2 * i, new Uint8Array())));
    expect(new Set(everyCode(many))).toEqual(new Set(['too_many_records']));
  });

  it('that announce more than they hold', () => {
    const path = concat(filled(2, 33), filled(2, 33), Uint8Array.of(255));
    expect(decodeOffer(raw(16, path))).toMatchObject({
      ok: false,
      error: { code: 'truncated:offer_paths', record: 16n },
    });
    const longHop = concat(filled(2, 33), filled(2, 33), Uint8Array.of(1), filled(2, 33), Uint8Array.of(255, 255));
    expect(everyCode(raw(16, longHop))[0]).toBe('truncated:offer_paths');
    expect(everyCode(Uint8Array.of(10, 0xff, ...filled(255, 8)))[0]).toBe('tlv_value_truncated');
    expect(everyCode(raw(91, Uint8Array.of(200, 65)))[1]).toBe('truncated:invreq_bip_353_name');
    expect(everyCode(raw(162, filled(0, 27)))[2]).toBe('truncated:invoice_blindedpay');
    expect(everyCode(raw(162, concat(filled(0, 26), Uint8Array.of(255, 255))))[3]).toBe('truncated:invoice_blindedpay');
    expect(everyCode(raw(12, concat(Uint8Array.of(1), new Uint8Array(60_000))))[0]).toBe(
      'unknown_required_feature:offer_features',
    );
  });

  it('with nothing in them are refused', () => {
    expect(everyCode(new Uint8Array())).toEqual([
      'missing_issuer_id_and_paths',
      'missing_invreq_metadata',
      'missing_invreq_metadata',
      'missing_offer_paths',
    ]);
    expect(everyCode(encodeTlvStream([{ type: 240n, value: filled(1, 64) }]))).not.toContain('ok');
    expect(everyCode(raw(241, filled(1, 64)))).not.toContain('ok');
  });

  it('cannot be read as another kind', () => {
    const offer = offerWith({ paths: [pathTo(21)] });
    const request = requestFor(offer);
    const kinds = [offer, request, invoiceFor(request), staticFor(offer)].map(({ records }) => encodeRecords(records));
    kinds.forEach((bytes, kind) => {
      expect(everyCode(bytes).map((code) => code === 'ok')).toEqual([0, 1, 2, 3].map((at) => at === kind));
    });
  });
});

describe('text', () => {
  const offer = offerWith();
  const text = encodeOfferString(offer);

  it('may be broken by + and blanks anywhere between two letters, and nowhere else', () => {
    fc.assert(
      fc.property(fc.nat({ max: text.length - 2 }), fc.constantFrom('+', '+ ', '+\n', '+\r\n\t  '), (at, join) => {
        expect(decodeOffer(text.slice(0, at + 1) + join + text.slice(at + 1))).toEqual(decodeOffer(text));
      }),
    );
    for (const bad of [`+${text}`, `${text}+`, `${text}+ `, `${text.slice(0, 9)}++${text.slice(9)}`, `${text} `]) {
      expect(decodeOffer(bad).ok, bad).toBe(false);
    }
  });

  it('has a prefix, and positions only where they are of the text', () => {
    const wrong = decodeInvoiceRequest(text);
    expect(wrong).toMatchObject({ ok: false, error: { code: 'wrong_hrp' } });
    expect(decodeOffer(`${text.slice(0, 10)}b${text.slice(11)}`)).toMatchObject({ error: { position: 10 } });
    const broken = decodeOffer('lno1pg');
    expect(broken).toMatchObject({ ok: false, error: { code: 'tlv_length_missing' } });
    expect(broken.ok || 'position' in broken.error).toBe(false);
  });
});

describe('invoice_error', () => {
  const errors = fc.record(
    {
      erroneousField: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      suggestedValue: fc.uint8Array({ maxLength: 300 }),
      error: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
    },
    { requiredKeys: ['error'] },
  );

  it('is read with a length in front and without', () => {
    fc.assert(
      fc.property(errors, fc.boolean(), (error, lengthPrefixed) => {
        expect(unwrap(decodeInvoiceError(encodeInvoiceError(error, { lengthPrefixed })))).toEqual(error);
      }),
      { numRuns: 500 },
    );
  });

  it('of a stranger may be anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeInvoiceError(bytes)),
      { numRuns: 500 },
    );
    expect(decodeInvoiceError(new Uint8Array(70_000))).toMatchObject({ ok: false, error: { code: 'too_long' } });
    expect(decodeInvoiceError(raw(2, filled(1)))).toMatchObject({ ok: false, error: { code: 'unknown_even_type' } });
    expect(decodeInvoiceError(raw(5, filled(255)))).toMatchObject({ ok: false, error: { code: 'invalid_utf8:error' } });
    expect(() => encodeInvoiceError({ error: '' })).toThrow(RangeError);
  });
});

/** The tree by the words of the specification, slow and plain. */
function plainRoot(records: readonly TlvRecord[]): Uint8Array {
  const tagged = (tag: Uint8Array, ...parts: Uint8Array[]) => sha256(sha256(tag), sha256(tag), ...parts);
  const encoded = (record: TlvRecord) => encodeTlvStream([record]);
  const branch = (a: Uint8Array, b: Uint8Array) => tagged(utf8('LnBranch'), ...[a, b].sort(compareBytes));
  let level = records
    .filter(({ type }) => type < 240n || type > 1000n)
    .map((record) =>
      branch(
        tagged(utf8('LnLeaf'), encoded(record)),
        tagged(concat(utf8('LnNonce'), encoded(records[0]!)), encodeBigSize(record.type)),
      ),
    );
  while (level.length > 1) {
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
      level[2 * i + 1] ? branch(level[2 * i]!, level[2 * i + 1]!) : level[2 * i]!,
    );
  }
  return level[0]!;
}

describe('the Merkle root', () => {
  it('is that of the specification for any records', () => {
    const types = fc.uniqueArray(fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 31 })), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 300 }), (numbers, value) => {
        const records = [0, ...numbers.filter((n) => n !== 0).sort((a, b) => a - b)].map((n, i) => ({
          type: BigInt(n),
          value: value.slice(i),
        }));
        expect(merkleRoot(records)).toEqual(plainRoot(records));
        expect(merkleRoot(splitTlvStream(encodeTlvStream(records)))).toEqual(plainRoot(records));
      }),
      { numRuns: 60 },
    );
    expect(() => merkleRoot([])).toThrow(RangeError);
  });
});

describe('secrets', () => {
  it('do not show in a signer', () => {
    const signer = signerOf(filled(0x41));
    expect(JSON.stringify(signer)).not.toContain('65,65,65');
    expect(signer.nodeId).toEqual(issuer.nodeId);
  });

  it('JSON of fields is plain', () => {
    const request = requestFor(offerWith({ paths: [pathTo(21)], quantityMax: 3n }), { quantity: 1n });
    const fields = bolt12Fields('invoice_request', request.records);
    expect(JSON.parse(JSON.stringify(fields))).toEqual(fields);
    expect(fields).toMatchObject({ offer_amount: '5000', invreq_quantity: '1', offer_quantity_max: '3' });
  });
});
