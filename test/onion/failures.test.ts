import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addAttribution,
  ATTRIBUTION_LENGTH,
  buildFailurePacket,
  decodeFailureMessage,
  encodeFailureMessage,
  FAILURE_LAYOUTS,
  FailureCode,
  type FailureFields,
  failureFlags,
  onionKey,
  openFailurePacket,
  originateAttributedFailure,
  originateFailure,
  unwrapAttributedFailure,
  unwrapFailure,
  unwrapFulfillAttribution,
  wrapAttributedFailure,
  wrapFailure,
} from '../../src/onion/index.js';
import { hmacSha256 } from '../../src/crypto/index.js';
import { concat, fromHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { bytes, oddRecords, u16, u32, u64, withFlippedBit } from './arbitraries.js';

const SECRETS = Array.from({ length: 27 }, (_, i) => new Uint8Array(32).fill(i + 1));
const TEMPORARY = encodeFailureMessage(FailureCode.temporaryNodeFailure);

function failureFrom(hop: number, secrets: readonly Uint8Array[], message: Uint8Array): Uint8Array {
  let packet = originateFailure(secrets[hop]!, message);
  for (let i = hop - 1; i >= 0; i--) packet = wrapFailure(secrets[i]!, packet);
  return packet;
}

describe('failure messages', () => {
  const fields: fc.Arbitrary<Required<FailureFields>> = fc.record({
    sha256OfOnion: bytes(32),
    htlcMsat: u64,
    height: u32,
    cltvExpiry: u32,
    incomingHtlcAmt: u64,
    disabledFlags: bytes(2),
    channelUpdate: bytes(0, 140),
    type: u64,
    offset: u16,
  });

  it.each([...FAILURE_LAYOUTS.entries()])(
    'code %i round trips with every data and records behind it',
    (code, layout) => {
      fc.assert(
        fc.property(fields, oddRecords(1n), (all, tlvs) => {
          const decoded = unwrap(decodeFailureMessage(encodeFailureMessage(code, all, tlvs)));
          expect(decoded.name).toBe(layout.name);
          expect(decoded.code).toBe(code);
          const named = Object.fromEntries(layout.fields.map(({ member }) => [member, all[member]]));
          expect(decoded.fields).toEqual(named);
          expect(decoded.tlvs.map(({ type, value }) => ({ type, value }))).toEqual(tlvs);
        }),
        { numRuns: 20 },
      );
    },
  );

  it('keeps unknown codes with their flags and data', () => {
    fc.assert(
      fc.property(
        u16.filter((code) => !FAILURE_LAYOUTS.has(code)),
        bytes(0, 40),
        (code, data) => {
          const decoded = unwrap(decodeFailureMessage(concat(Uint8Array.of(code >> 8, code & 255), data)));
          expect(decoded).toMatchObject({ code, data, fields: {}, tlvs: [], flags: failureFlags(code) });
          expect(decoded.name).toBeUndefined();
        },
      ),
    );
  });

  it('refuses data that is cut short, unless old nodes left it out', () => {
    const sha = encodeFailureMessage(FailureCode.invalidOnionHmac, { sha256OfOnion: new Uint8Array(32) });
    for (let length = 0; length < sha.length; length++) {
      expect(decodeFailureMessage(sha.slice(0, length))).toMatchObject({
        error: { code: 'failure_message_truncated' },
      });
    }
    expect(unwrap(decodeFailureMessage(fromHex('400f'))).fields).toEqual({});
    expect(unwrap(decodeFailureMessage(fromHex('400f000000000000000a'))).fields).toEqual({ htlcMsat: 10n });
    expect(unwrap(decodeFailureMessage(fromHex('4016'))).fields).toEqual({});
  });

  it('ignores bytes behind the data that are no TLV stream', () => {
    expect(unwrap(decodeFailureMessage(fromHex('2002fd00')))).toMatchObject({
      name: 'temporary_node_failure',
      tlvs: [],
    });
  });

  it('does not encode what cannot be read again', () => {
    expect(() => encodeFailureMessage(0x7777)).toThrow(RangeError);
    expect(() => encodeFailureMessage(FailureCode.feeInsufficient, { htlcMsat: 1n })).toThrow(RangeError);
    expect(() => encodeFailureMessage(FailureCode.invalidOnionKey, { sha256OfOnion: new Uint8Array(31) })).toThrow(
      RangeError,
    );
    const record = { type: 1n, value: new Uint8Array() };
    const code = FailureCode.incorrectOrUnknownPaymentDetails;
    expect(() => encodeFailureMessage(code, {}, [record])).toThrow(RangeError);
  });
});

describe('failure packets', () => {
  it('has 292 bytes, whatever the failure up to 256 bytes', () => {
    fc.assert(
      fc.property(bytes(0, 256), (message) => {
        expect(originateFailure(SECRETS[0]!, message)).toHaveLength(292);
      }),
    );
    expect(originateFailure(SECRETS[0]!, new Uint8Array(257))).toHaveLength(293);
  });

  it('tells the erring hop of every route of 1 to 27 hops', () => {
    for (let length = 1; length <= 27; length++) {
      const secrets = SECRETS.slice(0, length);
      for (let hop = 0; hop < length; hop += length > 9 ? 5 : 1) {
        const unwrapped = unwrapFailure(failureFrom(hop, secrets, TEMPORARY), secrets);
        expect(unwrapped).toMatchObject({ hop, code: 0x2002, message: { ok: true, value: TEMPORARY } });
      }
    }
  });

  it('random corruption on the way is noticed and never throws', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.nat({ max: 292 * 8 - 1 }), (hop, bit) => {
        const secrets = SECRETS.slice(0, 6);
        expect(unwrapFailure(withFlippedBit(failureFrom(hop, secrets, TEMPORARY), bit), secrets)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(bytes(0, 400), (random) => {
        expect(unwrapFailure(random, SECRETS.slice(0, 3))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it('blames the hop of an authentic packet even if its content is garbage', () => {
    const umKey = onionKey('um', SECRETS[0]!);
    fc.assert(
      fc.property(bytes(0, 300), (body) => {
        const packet = concat(hmacSha256(umKey, body), body);
        const unwrapped = unwrapFailure(wrapFailure(SECRETS[0]!, packet), SECRETS.slice(0, 2));
        expect(unwrapped?.hop).toBe(0);
        const opened = openFailurePacket(umKey, packet);
        expect(unwrapped?.message.ok).toBe(opened.ok);
      }),
    );
    const cut = fromHex('0003c00500' + '0000');
    const unwrapped = unwrapFailure(wrapFailure(SECRETS[0]!, concat(hmacSha256(umKey, cut), cut)), [SECRETS[0]!]);
    expect(unwrapped).toMatchObject({ hop: 0, code: 0xc005, failure: { ok: false } });
  });

  it('is not fooled by a packet made for the rounds that only take time', () => {
    const nobody = new Uint8Array(32);
    const secrets = SECRETS.slice(0, 2);
    let packet = originateFailure(nobody, TEMPORARY);
    for (const secret of secrets) packet = wrapFailure(secret, packet);
    expect(unwrapFailure(packet, secrets)).toBeUndefined();
    expect(unwrapFailure(packet, [...secrets, nobody])?.hop).toBe(2);
  });

  it('refuses bytes behind the pad', () => {
    const umKey = onionKey('um', SECRETS[0]!);
    const body = concat(buildFailurePacket(SECRETS[0]!, TEMPORARY).subarray(32), Uint8Array.of(0));
    const opened = openFailurePacket(umKey, concat(hmacSha256(umKey, body), body));
    expect(opened).toMatchObject({ error: { code: 'trailing_bytes' } });
  });

  it('reads other sizes', () => {
    for (const size of [2, 40, 256, 1024, 60_000]) {
      const packet = buildFailurePacket(SECRETS[0]!, TEMPORARY, size);
      expect(packet).toHaveLength(36 + size);
      const opened = unwrap(openFailurePacket(onionKey('um', SECRETS[0]!), packet));
      expect(opened).toEqual({ message: TEMPORARY, padLength: size - 2 });
    }
  });
});

describe('attribution data', () => {
  const hopTimes = fc.array(u32, { minLength: 1, maxLength: 20 });

  it('brings the hold times of a fulfilled route of 1 to 20 hops', () => {
    fc.assert(
      fc.property(hopTimes, (times) => {
        const secrets = SECRETS.slice(0, times.length);
        let data: Uint8Array | undefined;
        for (let hop = times.length - 1; hop >= 0; hop--)
          data = addAttribution(secrets[hop]!, times[hop]!, undefined, data);
        expect(data).toHaveLength(ATTRIBUTION_LENGTH);
        expect(unwrapFulfillAttribution(data!, secrets)).toEqual({ holdTimes: times });
      }),
      { numRuns: 20 },
    );
  });

  it('brings the hold times up to the erring hop, wherever it stands', () => {
    fc.assert(
      fc.property(hopTimes, fc.nat(), (times, seed) => {
        const secrets = SECRETS.slice(0, times.length);
        const erring = seed % times.length;
        let failure = originateAttributedFailure(secrets[erring]!, TEMPORARY, times[erring]!);
        for (let hop = erring - 1; hop >= 0; hop--)
          failure = wrapAttributedFailure(secrets[hop]!, failure, times[hop]!);
        const read = unwrapAttributedFailure(failure, secrets);
        expect(read.holdTimes).toEqual(times.slice(0, erring + 1));
        expect(read.blamedHop).toBeUndefined();
        expect(read.failure?.hop).toBe(erring);
      }),
      { numRuns: 20 },
    );
  });

  it('blames the hop that altered the packet, or the one behind it', () => {
    fc.assert(
      fc.property(fc.nat({ max: 3 }), fc.nat({ max: 292 * 8 - 1 }), (tamperer, bit) => {
        const secrets = SECRETS.slice(0, 6);
        let failure = originateAttributedFailure(secrets[5]!, TEMPORARY, 5);
        for (let hop = 4; hop >= 0; hop--) {
          failure = wrapAttributedFailure(secrets[hop]!, failure, hop);
          if (hop === tamperer) failure = { ...failure, packet: withFlippedBit(failure.packet, bit) };
        }
        const read = unwrapAttributedFailure(failure, secrets);
        expect(read.failure).toBeUndefined();
        expect(read.blamedHop).toBe(tamperer);
        expect(read.holdTimes).toEqual([0, 1, 2, 3].slice(0, tamperer));
      }),
      { numRuns: 60 },
    );
  });

  it('starts anew at a hop whose downstream knows nothing of attribution', () => {
    const secrets = SECRETS.slice(0, 3);
    let packet = originateFailure(secrets[2]!, TEMPORARY);
    let failure = wrapAttributedFailure(secrets[1]!, { packet }, 7);
    failure = wrapAttributedFailure(secrets[0]!, failure, 8);
    const read = unwrapAttributedFailure(failure, secrets);
    expect(read).toMatchObject({ holdTimes: [8, 7], blamedHop: 2, failure: { hop: 2 } });
    packet = failure.packet;
    expect(unwrapFailure(packet, secrets)?.hop).toBe(2);
  });

  it('random data of any length never throws at the origin', () => {
    fc.assert(
      fc.property(bytes(0, 1000), bytes(0, 300), (attributionData, packet) => {
        const read = unwrapAttributedFailure({ attributionData, packet }, SECRETS.slice(0, 4));
        expect(read).toEqual({ holdTimes: [], blamedHop: 0 });
      }),
      { numRuns: 40 },
    );
    const long = concat(addAttribution(SECRETS[0]!, 3), Uint8Array.of(0));
    expect(unwrapFulfillAttribution(long.slice(0, -1), [SECRETS[0]!])).toEqual({ holdTimes: [3] });
    expect(unwrapFulfillAttribution(long, [SECRETS[0]!])).toEqual({ holdTimes: [], blamedHop: 0 });
    const full = new Uint8Array(ATTRIBUTION_LENGTH);
    expect(unwrapFulfillAttribution(full, SECRETS.slice(0, 4))).toEqual({ holdTimes: [], blamedHop: 0 });
    expect(() => addAttribution(SECRETS[0]!, 0, undefined, new Uint8Array(10))).toThrow(RangeError);
  });
});
