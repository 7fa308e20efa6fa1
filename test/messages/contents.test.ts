import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CONTENT_NAMES,
  type Content,
  decodeContent,
  decodeReleasePaths,
  decodeRodPeerMessage,
  encodeContent,
  encodeReleasePaths,
  encodeRodPeerMessage,
  HOLD_HTLC_RECORD,
  innerStream,
  MAX_ROD_HASHES,
  messagePath,
  RELEASE_PATHS_TYPE,
  rodIdOf,
} from '../../src/messages/index.js';
import {
  decodeBlindedPath,
  decodeMessagePayload,
  encodeBlindedPath,
  encodeMessagePayload,
  MessageContent,
} from '../../src/onion/index.js';
import { concat, fromHex, toHex, utf8 } from '../../src/wire/bytes.js';
import { sha256 } from '../../src/crypto/index.js';
import { u32 } from '../../src/wire/integers.js';
import { unwrap } from '../../src/wire/result.js';
import { encodeTlvStream } from '../../src/wire/tlv.js';
import { bytes } from '../onion/arbitraries.js';
import { vectorText } from '../wire/vectors.js';
import { content, path } from './arbitraries.js';
import { testRandom, virtualNode } from './network.js';

interface LdkVectors {
  readonly onion_message_payload_values: readonly { name: string; tlv_type: number; value: string }[];
  readonly onion_message_payload_decoding: readonly { name: string; ldk_result: string }[];
  readonly blinded_path_used_above: string;
  readonly static_invoices: readonly { static_invoice_bytes: string }[];
  readonly wire: {
    readonly revoke_and_ack_plain: string;
    readonly update_add_htlc_hold_tlv_stream: string;
    readonly revoke_and_ack_with_release_paths: {
      readonly bytes: string;
      readonly entries: readonly { htlc_id: number; path: string }[];
    };
  };
}

const ldk = JSON.parse(vectorText('static-invoice')) as LdkVectors;
const ldkPath = unwrap(decodeBlindedPath(fromHex(ldk.blinded_path_used_above)));

const EXPECTED: Readonly<Record<string, Content>> = {
  offer_paths_request_slot0: { name: 'offer_paths_request', slot: 0 },
  offer_paths_request_slot9: { name: 'offer_paths_request', slot: 9 },
  offer_paths: { name: 'offer_paths', paths: [ldkPath], absoluteExpiry: 1_781_536_000 },
  offer_paths_no_expiry: { name: 'offer_paths', paths: [ldkPath] },
  serve_static_invoice: {
    name: 'serve_static_invoice',
    staticInvoice: fromHex(ldk.static_invoices[1]!.static_invoice_bytes),
    forwardPath: ldkPath,
  },
  static_invoice_persisted: { name: 'static_invoice_persisted' },
  held_htlc_available: { name: 'held_htlc_available' },
  release_held_htlc: { name: 'release_held_htlc' },
};

const codeOf = (type: bigint, value: Uint8Array): string => {
  const decoded = decodeContent({ type, value });
  return decoded.ok ? 'ok' : decoded.error.code;
};

describe('contents as LDK writes them', () => {
  it.each(ldk.onion_message_payload_values)('$name', ({ name, tlv_type, value }) => {
    const record = { type: BigInt(tlv_type), value: fromHex(value) };
    expect(unwrap(decodeContent(record))).toEqual(EXPECTED[name]);
    expect(encodeContent(EXPECTED[name]!)).toEqual(record);
  });

  const streams: Readonly<Record<string, readonly [type: bigint, hex: string]>> = {
    '72.empty': [72n, ''],
    '72.00': [72n, '00'],
    '74.empty': [74n, ''],
    '75540.prefix': [75540n, '0400020003'],
    '75540.unknown_odd': [75540n, '07000200030101ff'],
    '75540.unknown_even': [75540n, '07000200030201ff'],
  };

  it.each(ldk.onion_message_payload_decoding.filter(({ name }) => name !== '75540.noprefix'))(
    'are taken and refused as LDK does: $name',
    ({ name, ldk_result }) => {
      const [type, hex] = streams[name]!;
      expect(codeOf(type, fromHex(hex)) === 'ok').toBe(ldk_result.startsWith('OK'));
    },
  );

  it('are also read without the inner length, as the texts have them', () => {
    expect(unwrap(decodeContent({ type: 75540n, value: fromHex('00020003') }))).toEqual({
      name: 'offer_paths_request',
      slot: 3,
    });
    const { value } = encodeContent(EXPECTED['offer_paths']!);
    expect(unwrap(decodeContent({ type: 75542n, value: value.slice(1) }))).toEqual(EXPECTED['offer_paths']);
    expect(innerStream(fromHex('0401020304'))).toEqual(fromHex('01020304'));
    expect(innerStream(fromHex('0301020304'))).toEqual(fromHex('0301020304'));
    expect(innerStream(fromHex('fd'))).toEqual(fromHex('fd'));
  });
});

describe('contents', () => {
  it('are read back as they were, each under its number', () => {
    const names = new Set<string>();
    fc.assert(
      fc.property(content, (given) => {
        names.add(given.name);
        expect(unwrap(decodeContent(encodeContent(given)))).toEqual(given);
      }),
      { numRuns: 400 },
    );
    expect([...names].sort()).toEqual([...CONTENT_NAMES].sort());
  });

  it('are all known to the onion, and one message has one of them', () => {
    const payload = (types: readonly bigint[]): Uint8Array =>
      concat(
        encodeMessagePayload({ encryptedRecipientData: Uint8Array.of(1) }),
        encodeTlvStream(types.map((type) => ({ type, value: Uint8Array.of(0) }))),
      );
    for (const type of Object.values(MessageContent)) {
      expect(unwrap(decodeMessagePayload(payload([type]), 'final')).content?.type).toBe(type);
    }
    const two = decodeMessagePayload(payload([75540n, 1978201n]), 'final');
    expect(two).toMatchObject({ ok: false, error: { code: 'two_contents' } });
    expect(Object.values(MessageContent)).toHaveLength(CONTENT_NAMES.length);
  });

  const [id, pid] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const stream = (...records: readonly [number, Uint8Array][]): Uint8Array =>
    encodeTlvStream(records.map(([type, value]) => ({ type: BigInt(type), value })));
  const request = (...more: [number, Uint8Array][]): Uint8Array =>
    stream([1, id], [5, Uint8Array.of(9)], [7, u32(100)], ...more);
  const somePath = encodeBlindedPath(messagePath({ nodes: [virtualNode(3).nodeId] }, testRandom()));

  it.each([
    ['an unknown type', 76n, Uint8Array.of(0), 'unknown_content'],
    ['an empty invoice request', 64n, new Uint8Array(), 'empty_value'],
    ['an empty persisted', 75546n, new Uint8Array(), 'empty_value'],
    ['a persisted with an even record', 75546n, fromHex('020200'), 'unknown_even_type'],
    ['a request without slot', 75540n, fromHex('00'), 'missing:invoice_slot'],
    ['a slot of three bytes', 75540n, fromHex('050003000003'), 'trailing_bytes'],
    ['a slot of one byte', 75540n, fromHex('03000103'), 'truncated'],
    ['paths without a path', 75542n, fromHex('020000'), 'no_path'],
    ['seventeen paths', 75542n, stream([0, concat(...Array<Uint8Array>(17).fill(somePath))]), 'too_many_paths'],
    ['a path cut short', 75542n, stream([0, somePath.slice(0, -1)]), 'truncated'],
    ['no forward path', 75544n, stream([0, id]), 'missing:forward_invoice_request_path'],
    ['two forward paths', 75544n, stream([0, id], [2, concat(somePath, somePath)]), 'trailing_bytes'],
    ['an empty rod', 1978201n, new Uint8Array(), 'missing:parts'],
    ['a rod of no parts', 1978201n, request([9, Uint8Array.of(0)]), 'no_parts'],
    ['a rod with an even record', 1978201n, request([8, id], [9, Uint8Array.of(1)]), 'unknown_even_type'],
    ['a rod with an odd record', 1978201n, request([9, Uint8Array.of(1)], [13, id]), 'ok'],
    [
      'half a hash',
      1978201n,
      stream([1, id], [3, id.slice(16)], [5, id.slice(31)], [7, u32(1)], [9, id.slice(31)]),
      'truncated',
    ],
    [
      'too many hashes',
      1978201n,
      stream(
        [1, id],
        [3, new Uint8Array(32 * (MAX_ROD_HASHES + 1))],
        [5, id.slice(31)],
        [7, u32(1)],
        [9, id.slice(31)],
      ),
      'too_many_hashes',
    ],
    [
      'a total that is not minimal',
      1978201n,
      stream([1, id], [5, fromHex('0001')], [7, u32(1)], [9, id.slice(31)]),
      'tu_not_minimal',
    ],
    ['a granted hold without release', 1978203n, stream([1, id], [3, Uint8Array.of(0)]), 'missing:release'],
    ['an unknown status', 1978203n, stream([1, id], [3, Uint8Array.of(5)]), 'unknown_value'],
    ['an unknown state', 1978211n, stream([1, id], [3, Uint8Array.of(6)]), 'unknown_value'],
    ['a short secret', 1978207n, stream([1, pid.slice(1)], [3, id]), 'truncated'],
    ['a long secret', 1978209n, stream([1, id], [3, concat(pid, pid)]), 'trailing_bytes'],
    ['records out of order', 1978207n, concat(stream([3, id]), stream([1, pid])), 'tlv_out_of_order'],
  ] as const)('%s', (_, type, value, code) => {
    expect(codeOf(type, value)).toBe(code);
  });

  it('read an expiry that no number holds as none', () => {
    const value = stream([0, somePath], [2, new Uint8Array(8).fill(255)]);
    const read = unwrap(decodeContent({ type: 75542n, value }));
    expect(read).toMatchObject({ name: 'offer_paths' });
    expect(read).not.toHaveProperty('absoluteExpiry');
  });

  it('refuse to be written where a secret has another length', () => {
    const short = new Uint8Array(31);
    expect(() => encodeContent({ name: 'rod_cancel', rodId: id, pid: short })).toThrow(RangeError);
    expect(() => encodeContent({ name: 'rod_unblock', pid, paymentHash: short })).toThrow(RangeError);
    const rod = { name: 'rod_hold_request', rodId: id, paymentHashes: [], totalMsat: 1n, holdUntil: 1 } as const;
    expect(() => encodeContent({ ...rod, parts: 256, notifyOnSettle: false })).toThrow(RangeError);
    expect(() => rodIdOf(short)).toThrow(RangeError);
  });

  it('never throw on bytes of strangers', () => {
    const types = Object.values(MessageContent);
    fc.assert(
      fc.property(fc.constantFrom(...types), bytes(0, 80), (type, value) => {
        expect(typeof decodeContent({ type, value }).ok).toBe('boolean');
        expect(typeof decodeRodPeerMessage(concat(u32(Number(type)), value)).ok).toBe('boolean');
        expect(typeof decodeReleasePaths(value).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});

describe('rods', () => {
  it('are named by a hash of their secret', () => {
    const pid = new Uint8Array(32).fill(4);
    expect(rodIdOf(pid)).toEqual(sha256(utf8('manifold/rod/v1'), pid));
    expect(toHex(rodIdOf(pid))).toBe('dff4f04f300ea36a1e04d18d129aa8f4be6571270a1ddc67c631d7c63427b689');
  });

  it('also travel between peers, and nothing else does there', () => {
    const cancel = { name: 'rod_cancel', rodId: new Uint8Array(32), pid: new Uint8Array(32) } as const;
    const payload = encodeRodPeerMessage(cancel);
    expect(toHex(payload.slice(0, 4))).toBe('001e2f61');
    expect(unwrap(decodeRodPeerMessage(payload))).toEqual(cancel);
    const released = concat(u32(74), Uint8Array.of(0));
    expect(decodeRodPeerMessage(released)).toMatchObject({ error: { code: 'not_rod' } });
    expect(decodeRodPeerMessage(payload.slice(0, 3))).toMatchObject({ error: { code: 'truncated' } });
  });
});

describe('release paths in revoke_and_ack', () => {
  const { bytes: whole, entries } = ldk.wire.revoke_and_ack_with_release_paths;
  const extension = fromHex(whole.slice(ldk.wire.revoke_and_ack_plain.length));
  const expected = entries.map(({ htlc_id, path: hex }) => ({
    htlcId: BigInt(htlc_id),
    path: unwrap(decodeBlindedPath(fromHex(hex))),
  }));

  it('are written and read as LDK does', () => {
    const value = encodeReleasePaths(expected);
    expect(toHex(encodeTlvStream([{ type: RELEASE_PATHS_TYPE, value }]))).toBe(toHex(extension));
    expect(unwrap(decodeReleasePaths(value))).toEqual(expected);
  });

  it('answer a flag that LDK writes like this', () => {
    expect(toHex(encodeTlvStream([HOLD_HTLC_RECORD]))).toBe(ldk.wire.update_add_htlc_hold_tlv_stream);
    expect(RELEASE_PATHS_TYPE).toBe(75537n);
  });

  it('are refused where empty, cut short, or twice for one HTLC', () => {
    const value = encodeReleasePaths(expected);
    expect(decodeReleasePaths(new Uint8Array())).toMatchObject({ error: { code: 'no_path' } });
    expect(decodeReleasePaths(concat(value, value))).toMatchObject({ error: { code: 'duplicate_htlc' } });
    for (let length = 1; length < value.length; length += 7) {
      const cut = decodeReleasePaths(value.slice(0, length));
      // A cut behind the first entry leaves a whole list.
      expect(cut.ok).toBe(length === value.length / 2);
    }
  });

  it('are not more than a channel has HTLCs', () => {
    const many = (count: number): Uint8Array =>
      encodeReleasePaths(Array.from({ length: count }, (_, i) => ({ htlcId: BigInt(i), path: ldkPath })));
    expect(decodeReleasePaths(many(483)).ok).toBe(true);
    expect(decodeReleasePaths(many(484))).toMatchObject({ error: { code: 'too_many_paths' } });
  });

  it('keep any path', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 4 }),
        path,
        (ids, one) => {
          const paths = ids.map((htlcId) => ({ htlcId, path: one }));
          expect(unwrap(decodeReleasePaths(encodeReleasePaths(paths)))).toEqual(paths);
        },
      ),
    );
  });
});
