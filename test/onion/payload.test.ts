import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec, sha256 } from '../../src/crypto/index.js';
import {
  checkCustomRecords,
  decodePaymentPayload,
  encodePaymentPayload,
  INVOICE_REQUEST_RECORD,
  invalidPayloadFailure,
  KEYSEND_RECORD,
  keysendMatches,
  type PayloadContext,
  type PayloadFields,
  totalMsatOf,
} from '../../src/onion/index.js';
import { concat, fromHex, toHex } from '../../src/wire/bytes.js';
import { encodeTlvStream } from '../../src/wire/tlv.js';
import { MAX_U32, MAX_U64 } from '../../src/wire/units.js';
import { unwrap } from '../../src/wire/result.js';
import { vectorText } from '../wire/vectors.js';
import { bytes, oddRecords, point, u32, u64, withFlippedBit } from './arbitraries.js';

const RELAY: PayloadContext = { final: false, updateAddHasPathKey: false };
const FINAL: PayloadContext = { final: true, updateAddHasPathKey: false };
const CONTEXTS: readonly PayloadContext[] = [
  RELAY,
  FINAL,
  { final: false, updateAddHasPathKey: true },
  { final: true, updateAddHasPathKey: true },
];
const SECRET = new Uint8Array(32).fill(0x11);

const code = (fields: PayloadFields, context: PayloadContext): string => {
  const decoded = decodePaymentPayload(encodePaymentPayload(fields), context);
  return decoded.ok ? decoded.value.kind : decoded.error.code;
};

const custom = oddRecords(65_536n).map((records) => records.filter(({ type }) => type !== KEYSEND_RECORD));
const paymentData = fc.record({ paymentSecret: bytes(32), totalMsat: u64 });
const someCustom = custom.map((customRecords) => (customRecords.length > 0 ? { customRecords } : {}));

describe('payment payloads round trip', () => {
  const amounts = { amtToForward: u64, outgoingCltvValue: u32 };
  const check = (fields: PayloadFields, context: PayloadContext, kind: string): void => {
    const decoded = unwrap(decodePaymentPayload(encodePaymentPayload(fields), context));
    const { customRecords = [], ...rest } = decoded;
    expect(rest).toEqual({ ...fields, kind, customRecords: undefined });
    expect(customRecords.map(({ type, value }) => ({ type, value }))).toEqual(fields.customRecords ?? []);
  };

  it('relay', () => {
    fc.assert(
      fc.property(fc.record({ ...amounts, shortChannelId: u64 }), someCustom, (fields, more) => {
        check({ ...fields, ...more }, RELAY, 'relay');
      }),
    );
  });

  it('final', () => {
    const optional = fc.record({ paymentMetadata: bytes(0, 600), keysendPreimage: bytes(32) }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.record({ ...amounts, paymentData }), optional, someCustom, (fields, more, records) => {
        check({ ...fields, ...more, ...records }, FINAL, 'final');
      }),
    );
  });

  it('blinded, with the path key inside or beside', () => {
    const final = fc.record({ ...amounts, totalAmountMsat: u64, encryptedRecipientData: bytes(0, 300) });
    fc.assert(
      fc.property(final, point, (fields, currentPathKey) => {
        const { encryptedRecipientData } = fields;
        check({ encryptedRecipientData }, CONTEXTS[2]!, 'blinded_relay');
        check({ encryptedRecipientData, currentPathKey }, RELAY, 'blinded_relay');
        check(fields, CONTEXTS[3]!, 'blinded_final');
        check({ ...fields, currentPathKey }, FINAL, 'blinded_final');
      }),
      { numRuns: 30 },
    );
  });

  it('with amounts at the limits', () => {
    for (const amtToForward of [0n, 1n, MAX_U64]) {
      for (const outgoingCltvValue of [0, MAX_U32]) {
        const fields = { amtToForward, outgoingCltvValue, paymentData: { paymentSecret: SECRET, totalMsat: MAX_U64 } };
        check(fields, FINAL, 'final');
      }
    }
    expect(() => encodePaymentPayload({ amtToForward: MAX_U64 + 1n })).toThrow(RangeError);
  });
});

describe('decodePaymentPayload', () => {
  const amounts = { amtToForward: 1000n, outgoingCltvValue: 700 };
  const data = { paymentData: { paymentSecret: SECRET, totalMsat: 5n } };
  const encryptedRecipientData = Uint8Array.of(1, 2, 3);

  it('demands what each place demands', () => {
    expect(code({ ...amounts }, RELAY)).toBe('missing:short_channel_id');
    expect(code({ ...amounts, shortChannelId: 1n, ...data }, RELAY)).toBe('unexpected:payment_data');
    expect(code({ ...amounts }, FINAL)).toBe('missing:payment_data');
    expect(code({ ...amounts, keysendPreimage: SECRET }, FINAL)).toBe('final');
    expect(code({ ...data, outgoingCltvValue: 1 }, FINAL)).toBe('missing:amt_to_forward');
    expect(code({ ...data, amtToForward: 1n }, FINAL)).toBe('missing:outgoing_cltv_value');
    expect(code({ encryptedRecipientData }, RELAY)).toBe('missing_path_key');
    expect(code({ ...amounts, ...data }, CONTEXTS[3]!)).toBe('missing:encrypted_recipient_data');
    expect(code({ ...amounts, encryptedRecipientData }, CONTEXTS[3]!)).toBe('missing:total_amount_msat');
  });

  it('refuses a path key without encrypted data, however complete the payload is', () => {
    const currentPathKey = ec.publicKey(SECRET);
    expect(code({ ...amounts, ...data, currentPathKey }, FINAL)).toBe('forbidden_type:12');
    expect(code({ ...amounts, shortChannelId: 1n, currentPathKey }, RELAY)).toBe('forbidden_type:12');
  });

  it('refuses payment_data without a whole secret', () => {
    const stream = (length: number) =>
      encodeTlvStream([
        { type: 2n, value: new Uint8Array() },
        { type: 4n, value: new Uint8Array() },
        { type: 8n, value: new Uint8Array(length).fill(1) },
      ]);
    const answer = (length: number): string => {
      const decoded = decodePaymentPayload(stream(length), FINAL);
      return decoded.ok ? 'accepted' : decoded.error.code;
    };
    expect([31, 32, 40, 41].map(answer)).toEqual(['bad_length', 'accepted', 'accepted', 'tu_too_long']);
  });

  it('refuses every further record in a blinded hop, odd and custom ones too', () => {
    for (const type of [1n, 2n, 4n, 6n, 8n, 16n, 18n, 19n, 65_537n, INVOICE_REQUEST_RECORD, KEYSEND_RECORD]) {
      const value =
        type === 8n || type === KEYSEND_RECORD ? SECRET : type === 6n ? new Uint8Array(8) : new Uint8Array();
      const stream = encodeTlvStream([
        { type: 10n, value: encryptedRecipientData },
        { type, value },
      ]);
      const decoded = decodePaymentPayload(stream, CONTEXTS[2]!);
      expect(decoded).toMatchObject({ error: { code: `forbidden_type:${type}`, recordType: type } });
    }
  });

  it('lets a blinded final hop have an invoice request and a preimage, and nothing else', () => {
    const final = { ...amounts, encryptedRecipientData, totalAmountMsat: 1000n };
    const invoiceRequest = Uint8Array.of(1, 2, 3);
    const both = { ...final, invoiceRequest, keysendPreimage: SECRET };
    for (const fields of [final, { ...final, invoiceRequest }, { ...final, keysendPreimage: SECRET }, both]) {
      const decoded = unwrap(decodePaymentPayload(encodePaymentPayload(fields), CONTEXTS[3]!));
      expect(decoded).toEqual({ ...fields, kind: 'blinded_final' });
    }
    for (const type of [77_775n, 77_779n, 65_537n, 19n]) {
      const customRecords = [{ type, value: SECRET }];
      expect(code({ ...both, customRecords }, CONTEXTS[3]!)).toBe(`forbidden_type:${type}`);
    }
    expect(code({ ...both, customRecords: [{ type: 77_778n, value: SECRET }] }, CONTEXTS[3]!)).toBe(
      'unknown_even_type',
    );
  });

  it('takes record 77777 for a custom one outside of blinded paths', () => {
    const customRecords = [{ type: INVOICE_REQUEST_RECORD, value: SECRET }];
    const plain = unwrap(decodePaymentPayload(encodePaymentPayload({ ...amounts, ...data, customRecords }), FINAL));
    expect(plain).toMatchObject({ kind: 'final', customRecords });
    expect(plain.invoiceRequest).toBeUndefined();
  });

  it('names the record and its offset in the failure', () => {
    const stream = encodeTlvStream([
      { type: 2n, value: Uint8Array.of(5) },
      { type: 4n, value: Uint8Array.of(0, 1) },
    ]);
    const decoded = decodePaymentPayload(stream, FINAL);
    if (decoded.ok) throw new Error('accepted');
    expect(decoded.error).toMatchObject({ code: 'tu_not_minimal', recordType: 4n, position: 3 });
    expect(toHex(invalidPayloadFailure(decoded.error))).toBe('4016' + '04' + '0003');
    const truncated = decodePaymentPayload(Uint8Array.of(2, 9, 1), FINAL);
    if (truncated.ok) throw new Error('accepted');
    expect(toHex(invalidPayloadFailure(truncated.error))).toBe('4016');
  });

  it('knows keysend or not, as told', () => {
    const stream = encodePaymentPayload({ ...amounts, ...data, keysendPreimage: SECRET });
    expect(decodePaymentPayload(stream, { ...FINAL, keysend: false })).toMatchObject({
      error: { code: 'unknown_even_type', recordType: KEYSEND_RECORD },
    });
    const payload = unwrap(decodePaymentPayload(stream, FINAL));
    expect(keysendMatches(payload, sha256(SECRET))).toBe(true);
    expect(keysendMatches(payload, SECRET)).toBe(false);
    expect(keysendMatches({}, sha256(SECRET))).toBe(false);
  });

  it('takes the amount of the part as total where no total is named', () => {
    const read = (fields: PayloadFields, context: PayloadContext) => {
      const payload = unwrap(decodePaymentPayload(encodePaymentPayload(fields), context));
      return payload.kind === 'final' || payload.kind === 'blinded_final' ? totalMsatOf(payload) : undefined;
    };
    expect(read({ ...amounts, keysendPreimage: SECRET }, FINAL)).toBe(1000n);
    expect(read({ ...amounts, ...data }, FINAL)).toBe(5n);
    expect(read({ ...amounts, encryptedRecipientData, totalAmountMsat: 9n }, CONTEXTS[3]!)).toBe(9n);
  });

  it('never throws on random or mutated bytes', () => {
    const good = encodePaymentPayload({ ...amounts, ...data, paymentMetadata: SECRET, keysendPreimage: SECRET });
    fc.assert(
      fc.property(bytes(0, 200), fc.nat(), (random, bit) => {
        for (const stream of [random, withFlippedBit(good, bit), concat(good, random)]) {
          for (const context of CONTEXTS) {
            const decoded = decodePaymentPayload(stream, context);
            if (!decoded.ok) expect(invalidPayloadFailure(decoded.error).length).toBeGreaterThanOrEqual(2);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

it("reads the final payload of LDK's payment by a static invoice", () => {
  const { payment_onion: onion } = JSON.parse(vectorText('static-invoice')) as { payment_onion: LdkPaymentOnion };
  const payload = fromHex(onion.expected.final_payload);
  const decoded = unwrap(decodePaymentPayload(payload, { final: true, updateAddHasPathKey: true }));
  expect(decoded).toMatchObject({ kind: 'blinded_final', amtToForward: 5000n, totalAmountMsat: 5000n });
  expect(toHex(decoded.keysendPreimage!)).toBe(onion.keysend_preimage);
  expect(keysendMatches(decoded, fromHex(onion.payment_hash))).toBe(true);
  expect(decoded.invoiceRequest!.length).toBeGreaterThan(300);
  expect(toHex(encodePaymentPayload(decoded))).toBe(toHex(payload));
});

interface LdkPaymentOnion {
  readonly payment_hash: string;
  readonly keysend_preimage: string;
  readonly expected: { readonly final_payload: string };
}

it('checkCustomRecords takes what belongs to applications only', () => {
  const at = (...types: bigint[]) => checkCustomRecords(types.map((type) => ({ type, value: SECRET }))).ok;
  expect(at(65_536n, 65_537n)).toBe(true);
  expect(at(65_535n)).toBe(false);
  expect(at(KEYSEND_RECORD)).toBe(false);
  expect(at(INVOICE_REQUEST_RECORD)).toBe(false);
  expect(at(65_537n, 65_537n)).toBe(false);
});
