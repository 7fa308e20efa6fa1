import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeReleasePaths,
  encodeReleasePaths,
  HOLD_HTLC_RECORD,
  RELEASE_PATHS_TYPE,
} from '../../src/messages/hold-records.js';
import { encodeBlindedPath } from '../../src/onion/index.js';
import { concat, fromHex, toHex } from '../../src/wire/bytes.js';
import { decodeMessage, encodeMessage, printableText, type PeerMessage } from '../../src/wire/messages.js';
import { unwrap } from '../../src/wire/result.js';
import { MAX_U32, MAX_U64 } from '../../src/wire/units.js';
import { vectorText } from '../wire/vectors.js';

const LDK = (
  JSON.parse(vectorText('static-invoice')) as {
    readonly wire: {
      readonly update_add_htlc_hold_tlv_stream: string;
      readonly update_add_htlc_fixed_length_without_type: number;
      readonly revoke_and_ack_plain: string;
      readonly revoke_and_ack_with_release_paths: {
        readonly bytes: string;
        readonly entries: readonly { readonly htlc_id: number; readonly path: string }[];
      };
    };
  }
).wire;

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const upTo = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: length });
const u64 = fc.bigInt({ min: 0n, max: MAX_U64 });
const u32 = fc.integer({ min: 0, max: MAX_U32 });
const pathKey = fc.tuple(fc.constantFrom(2, 3), bytes(32)).map(([head, rest]) => concat(Uint8Array.of(head), rest));

/** Odd types that no message here knows. */
const unknownRecords = fc
  .uniqueArray(
    fc.record({ type: fc.bigInt({ min: 3n, max: MAX_U64 >> 1n }).map((n) => 2n * n + 1n), value: upTo(40) }),
    {
      selector: ({ type }) => type,
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((records) => records.sort((a, b) => (a.type < b.type ? -1 : 1)));

const address = { channelId: bytes(32), id: u64 };
const optional = { requiredKeys: [] as never[] };

function withOptional<T extends object, O extends object>(
  required: { [K in keyof T]: fc.Arbitrary<T[K]> },
  rest: { [K in keyof O]: fc.Arbitrary<O[K]> },
): fc.Arbitrary<T & Partial<O>> {
  return fc
    .tuple(fc.record(required), fc.record(rest, optional))
    .map(([first, second]) => ({ ...first, ...second })) as fc.Arbitrary<T & Partial<O>>;
}

const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  withOptional(
    {
      type: fc.constant('update_add_htlc' as const),
      ...address,
      amountMsat: u64,
      paymentHash: bytes(32),
      cltvExpiry: u32,
      onion: bytes(1366),
    },
    { pathKey, unknownRecords },
  ),
  withOptional(
    { type: fc.constant('update_fulfill_htlc' as const), ...address, preimage: bytes(32) },
    { attributionData: bytes(920), unknownRecords },
  ),
  withOptional(
    { type: fc.constant('update_fail_htlc' as const), ...address, reason: upTo(400) },
    { attributionData: bytes(920), unknownRecords },
  ),
  withOptional(
    {
      type: fc.constant('update_fail_malformed_htlc' as const),
      ...address,
      sha256OfOnion: bytes(32),
      failureCode: fc.integer({ min: 0x8000, max: 0xffff }),
    },
    { unknownRecords },
  ),
  withOptional(
    {
      type: fc.constant('revoke_and_ack' as const),
      channelId: bytes(32),
      perCommitmentSecret: bytes(32),
      nextPerCommitmentPoint: pathKey,
    },
    { unknownRecords },
  ),
  withOptional(
    { type: fc.constant('init' as const), features: upTo(40) },
    { networks: fc.array(bytes(32), { maxLength: 3 }), remoteAddress: upTo(40), unknownRecords },
  ),
  withOptional(
    { type: fc.constantFrom('error' as const, 'warning' as const), channelId: bytes(32), data: upTo(100) },
    { unknownRecords },
  ),
  withOptional(
    { type: fc.constant('ping' as const), pongBytes: fc.integer({ min: 0, max: 0xffff }), ignored: upTo(100) },
    { unknownRecords },
  ),
  withOptional({ type: fc.constant('pong' as const), ignored: upTo(100) }, { unknownRecords }),
);

const code = (hex: string): string => {
  const result = decodeMessage(fromHex(hex));
  return result.ok ? 'ok' : result.error.code;
};

const channel = '11'.repeat(32);

describe('layout', () => {
  it('of update_add_htlc', () => {
    const bytesOfAdd = encodeMessage({
      type: 'update_add_htlc',
      channelId: new Uint8Array(32).fill(0x11),
      id: 5n,
      amountMsat: 0x0102030405060708n,
      paymentHash: new Uint8Array(32).fill(0x22),
      cltvExpiry: 0xdeadbeef,
      onion: new Uint8Array(1366).fill(0x33),
      pathKey: new Uint8Array(33).fill(2),
    });
    const expected = `0080${channel}00000000000000050102030405060708${'22'.repeat(32)}deadbeef${'33'.repeat(1366)}0021${'02'.repeat(33)}`;
    expect(toHex(bytesOfAdd)).toBe(expected);
  });

  it('of the removals', () => {
    const channelId = new Uint8Array(32).fill(0x11);
    const id = 1n;
    const preimage = new Uint8Array(32).fill(0x44);
    const attributionData = new Uint8Array(920).fill(0x55);
    expect(toHex(encodeMessage({ type: 'update_fulfill_htlc', channelId, id, preimage, attributionData }))).toBe(
      `0082${channel}0000000000000001${'44'.repeat(32)}01fd0398${'55'.repeat(920)}`,
    );
    expect(toHex(encodeMessage({ type: 'update_fail_htlc', channelId, id, reason: fromHex('abcdef') }))).toBe(
      `0083${channel}00000000000000010003abcdef`,
    );
    expect(
      toHex(
        encodeMessage({
          type: 'update_fail_malformed_htlc',
          channelId,
          id,
          sha256OfOnion: preimage,
          failureCode: 0xc005,
        }),
      ),
    ).toBe(`0087${channel}0000000000000001${'44'.repeat(32)}c005`);
  });

  it('of revoke_and_ack, with and without the paths of release that LDK writes', () => {
    const plain = unwrap(decodeMessage(fromHex(LDK.revoke_and_ack_plain)));
    expect(plain).toEqual({
      type: 'revoke_and_ack',
      channelId: new Uint8Array(32).fill(2),
      perCommitmentSecret: new Uint8Array(32).fill(1),
      nextPerCommitmentPoint: fromHex('031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f'),
    });
    expect(toHex(encodeMessage(plain as PeerMessage))).toBe(LDK.revoke_and_ack_plain);
    const { bytes: withPaths, entries } = LDK.revoke_and_ack_with_release_paths;
    const message = unwrap(decodeMessage(fromHex(withPaths)));
    if (message.type !== 'revoke_and_ack') throw new Error('another message');
    const [record, ...more] = message.unknownRecords!;
    expect([record!.type, more]).toEqual([RELEASE_PATHS_TYPE, []]);
    const paths = unwrap(decodeReleasePaths(record!.value));
    expect(paths.map(({ htlcId, path }) => [Number(htlcId), toHex(encodeBlindedPath(path))])).toEqual(
      entries.map(({ htlc_id, path }) => [htlc_id, path]),
    );
    const again = { ...message, unknownRecords: [{ type: RELEASE_PATHS_TYPE, value: encodeReleasePaths(paths) }] };
    expect(toHex(encodeMessage(again))).toBe(withPaths);
  });

  it('of the flag in update_add_htlc by which LDK asks to hold', () => {
    const fixed = {
      type: 'update_add_htlc',
      channelId: new Uint8Array(32),
      id: 0n,
      amountMsat: 0n,
      paymentHash: new Uint8Array(32),
      cltvExpiry: 0,
      onion: new Uint8Array(1366),
    } as const;
    const flagged = encodeMessage({ ...fixed, unknownRecords: [HOLD_HTLC_RECORD] });
    expect(toHex(flagged.slice(2 + LDK.update_add_htlc_fixed_length_without_type))).toBe(
      LDK.update_add_htlc_hold_tlv_stream,
    );
    expect(unwrap(decodeMessage(flagged))).toEqual({ ...fixed, unknownRecords: [HOLD_HTLC_RECORD] });
  });

  it('of set-up and keep-alive', () => {
    expect(unwrap(decodeMessage(fromHex('0010' + '000180' + '00024000')))).toEqual({
      type: 'init',
      features: fromHex('4080'),
    });
    expect(code('0010' + '0000' + '0000' + '012000')).toBe('tlv_value_truncated');
    expect(
      toHex(encodeMessage({ type: 'init', features: fromHex('2002'), networks: [fromHex('66'.repeat(32))] })),
    ).toBe(`00100000000220020120${'66'.repeat(32)}`);
    expect(unwrap(decodeMessage(fromHex('0012000a00020000')))).toEqual({
      type: 'ping',
      pongBytes: 10,
      ignored: new Uint8Array(2),
    });
    expect(unwrap(decodeMessage(fromHex(`0011${channel}0002480a`)))).toMatchObject({ type: 'error' });
    expect(printableText(fromHex('480a7f7e20'))).toBe('H..~ ');
  });
});

describe('strictness', () => {
  const fulfill = `0082${channel}0000000000000001${'44'.repeat(32)}`;

  it.each([
    ['', 'truncated'],
    ['00', 'truncated'],
    ['0014', 'unknown_even_type'],
    ['0080', 'truncated'],
    [fulfill.slice(0, -2), 'truncated'],
    [`${fulfill}0000`, 'unknown_even_type'],
    [`${fulfill}0100`, 'bad_length'],
    [`${fulfill}fd000100`, 'tlv_type_not_minimal'],
    [`${fulfill}03000300`, 'tlv_duplicate_type'],
    [`${fulfill}05000300`, 'tlv_out_of_order'],
    [`0083${channel}00000000000000010004abcdef`, 'truncated'],
    [`0087${channel}0000000000000001${'44'.repeat(32)}4005`, 'missing_badonion'],
    [`0080${channel}${'00'.repeat(8 + 8 + 32 + 4 + 1366)}0021${'04'.repeat(33)}`, 'invalid_point'],
    [`0080${channel}${'00'.repeat(8 + 8 + 32 + 4 + 1366)}0020${'02'.repeat(32)}`, 'invalid_point'],
    [`0085${'00'.repeat(64)}`, 'truncated'],
    [`0085${'00'.repeat(64)}${'04'.repeat(33)}`, 'invalid_point'],
    [`0085${'00'.repeat(64)}${'02'.repeat(33)}0000`, 'unknown_even_type'],
    ['00100000000001' + '1f' + '00'.repeat(31), 'bad_length'],
  ])('refuses %#', (hex, expected) => {
    expect(code(hex)).toBe(expected);
  });

  it('ignores odd messages and keeps odd records', () => {
    expect(unwrap(decodeMessage(fromHex('0015abcd')))).toEqual({
      type: 'unknown',
      number: 21,
      payload: fromHex('abcd'),
    });
    expect(unwrap(decodeMessage(fromHex(`${fulfill}fe00010001` + '02aabb')))).toMatchObject({
      unknownRecords: [{ type: 65537n, value: fromHex('aabb') }],
    });
  });

  it('does not write what it would not read', () => {
    const address = { channelId: new Uint8Array(32), id: 0n };
    const sha256OfOnion = new Uint8Array(32);
    expect(() =>
      encodeMessage({ type: 'update_fail_malformed_htlc', ...address, sha256OfOnion, failureCode: 0x4005 }),
    ).toThrow(RangeError);
    expect(() => encodeMessage({ type: 'update_fulfill_htlc', ...address, preimage: new Uint8Array(31) })).toThrow(
      RangeError,
    );
    expect(() => encodeMessage({ type: 'update_fail_htlc', ...address, reason: new Uint8Array(65_500) })).toThrow(
      RangeError,
    );
    expect(() => encodeMessage({ type: 'pong', ignored: new Uint8Array(70_000) })).toThrow(RangeError);
    expect(decodeMessage(new Uint8Array(65_536)).ok).toBe(false);
  });
});

describe('properties', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(message, (original) => {
        const encoded = encodeMessage(original);
        const decoded = unwrap(decodeMessage(encoded));
        expect(decoded).toEqual(original);
        if (decoded.type !== 'unknown') expect(toHex(encodeMessage(decoded))).toBe(toHex(encoded));
      }),
      { numRuns: 300 },
    );
  });

  it('never throws, and what it accepts after a mutation it writes back the same', () => {
    fc.assert(
      fc.property(
        message,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.nat(2000),
        (original, changes, cut) => {
          const mutated = encodeMessage(original).slice(0, cut % 3 === 0 ? cut : undefined);
          for (const [at, value] of changes) if (mutated.length > 0) mutated[at % mutated.length] = value;
          const result = decodeMessage(mutated);
          if (!result.ok || result.value.type === 'unknown') return;
          const again = decodeMessage(encodeMessage(result.value));
          expect(again).toEqual(result);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('never throws on random bytes', () => {
    const numbers = fc.constantFrom(1, 16, 17, 18, 19, 128, 130, 131, 135, 20, 21);
    fc.assert(
      fc.property(numbers, upTo(3000), (number, rest) => {
        const result = decodeMessage(concat(Uint8Array.of(0, number), rest));
        expect(typeof result.ok).toBe('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});
