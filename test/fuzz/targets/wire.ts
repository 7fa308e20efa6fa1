/** Decoders of `src/wire`. */
import { strict as assert } from 'node:assert';
import {
  BECH32_CHARSET,
  decodeBech32,
  decodeBech32WithoutChecksum,
  encodeBech32,
  encodeBech32WithoutChecksum,
} from '../../../src/wire/bech32.js';
import { toHex, utf8, utf8Text } from '../../../src/wire/bytes.js';
import { featureBits, featureVector } from '../../../src/wire/features.js';
import { decodeTruncated, encodeBigSize, encodeTruncated } from '../../../src/wire/integers.js';
import { decodeMessage, encodeMessage, type UpdateAddHtlc } from '../../../src/wire/messages.js';
import { ByteReader } from '../../../src/wire/reader.js';
import { refusable } from '../../../src/wire/result.js';
import { parseScid, scidText } from '../../../src/wire/scid.js';
import {
  encodeLengthPrefixedTlvStream,
  encodeTlvStream,
  splitLengthPrefixedTlvStream,
  splitTlvStream,
} from '../../../src/wire/tlv.js';
import { vectorCases } from '../../wire/vectors.js';
import { type BytesTarget, type FuzzTarget, hexOfVectors } from '../target.js';

export function sameBytes(written: Uint8Array, read: Uint8Array): void {
  assert.equal(toHex(written), toHex(read), 'what was read encodes to other bytes');
}

const primitives = (): Uint8Array[] => hexOfVectors(['bolt01-bigsize', 'bolt01-integers', 'extra-primitives'], 1, 600);
const streams = (): Uint8Array[] => [
  ...hexOfVectors(['bolt01-tlv', 'extra-primitives', 'extra-payloads']),
  new Uint8Array(),
];

const bigSize: BytesTarget = {
  name: 'wire/bigsize',
  kind: 'bytes',
  maxLength: 12,
  corpus: primitives,
  run(input) {
    const reader = new ByteReader(input);
    const result = refusable(() => reader.bigSize());
    if (result.ok) sameBytes(encodeBigSize(result.value), input.slice(0, reader.offset));
    return result.ok;
  },
};

const truncated = (width: 2 | 4 | 8): BytesTarget => ({
  name: `wire/tu${8 * width}`,
  kind: 'bytes',
  maxLength: 10,
  corpus: primitives,
  run(input) {
    const result = refusable(() => decodeTruncated(input, width));
    if (result.ok) sameBytes(encodeTruncated(result.value), input);
    return result.ok;
  },
});

const tlv: BytesTarget = {
  name: 'wire/tlv',
  kind: 'bytes',
  corpus: streams,
  run(input) {
    const result = refusable(() => splitTlvStream(input));
    if (result.ok) sameBytes(encodeTlvStream(result.value), input);
    return result.ok;
  },
};

const prefixedTlv: BytesTarget = {
  name: 'wire/tlv-prefixed',
  kind: 'bytes',
  corpus: () => streams().flatMap((stream) => [stream, Uint8Array.from([...encodeBigSize(stream.length), ...stream])]),
  run(input) {
    const result = refusable(() => splitLengthPrefixedTlvStream(input));
    if (result.ok) sameBytes(encodeLengthPrefixedTlvStream(result.value), input);
    return result.ok;
  },
};

const features: BytesTarget = {
  name: 'wire/features',
  kind: 'bytes',
  maxLength: 64,
  corpus: () => [Uint8Array.of(), Uint8Array.of(2, 0x41, 0), Uint8Array.of(0, 0, 1)],
  run(input) {
    const start = input.findIndex((byte) => byte !== 0);
    sameBytes(featureVector(featureBits(input)), start < 0 ? new Uint8Array() : input.slice(start));
    return true;
  },
};

const text: BytesTarget = {
  name: 'wire/utf8',
  kind: 'bytes',
  maxLength: 64,
  corpus: () => [utf8('Lightning ⚡'), utf8('\u{1f600}é')],
  run(input) {
    const read = utf8Text(input);
    if (read !== undefined) sameBytes(utf8(read), input);
    return read !== undefined;
  },
};

const add: UpdateAddHtlc = {
  type: 'update_add_htlc',
  channelId: new Uint8Array(32).fill(1),
  id: 7n,
  amountMsat: 1000n,
  paymentHash: new Uint8Array(32).fill(2),
  cltvExpiry: 800_000,
  onion: new Uint8Array(1366).fill(3),
};

const messages: BytesTarget = {
  name: 'wire/messages',
  kind: 'bytes',
  corpus: () => [
    encodeMessage(add),
    encodeMessage({ ...add, pathKey: Uint8Array.of(2, ...new Uint8Array(32).fill(4)) }),
    encodeMessage({
      type: 'update_fulfill_htlc',
      channelId: add.channelId,
      id: 1n,
      preimage: new Uint8Array(32).fill(5),
    }),
    ...hexOfVectors(['bolt01-tlv']),
  ],
  run(input) {
    const result = decodeMessage(input);
    if (!result.ok || result.value.type === 'unknown') return result.ok;
    const again = decodeMessage(encodeMessage(result.value));
    assert.deepEqual(again, result, 'what was read does not come back');
    return true;
  },
};

const scid: FuzzTarget = {
  name: 'wire/scid-text',
  kind: 'text',
  alphabet: '0123456789x',
  corpus: () => ['539268x845x1', '0x0x0', '16777215x16777215x65535'],
  run(input) {
    const read = parseScid(input);
    if (read !== undefined) assert.equal(parseScid(scidText(read)), read);
    return read !== undefined;
  },
};

const invoices = (): string[] => vectorCases<{ invoice: string }>('bolt11').map(({ invoice }) => invoice);

const bech32: FuzzTarget = {
  name: 'wire/bech32',
  kind: 'text',
  alphabet: `${BECH32_CHARSET}1`,
  corpus: invoices,
  run(input) {
    const result = decodeBech32(input);
    if (result.ok) assert.equal(encodeBech32(result.value.hrp, result.value.groups), input.toLowerCase());
    return result.ok;
  },
};

const bech32Plain: FuzzTarget = {
  name: 'wire/bech32-no-checksum',
  kind: 'text',
  alphabet: `${BECH32_CHARSET}1+ `,
  corpus: () => vectorCases<{ string: string }>('bolt12-format-string').map(({ string }) => string),
  run(input) {
    const result = decodeBech32WithoutChecksum(input);
    if (result.ok) {
      const joined = input.replace(/\+\s*/g, '').toLowerCase();
      assert.equal(encodeBech32WithoutChecksum(result.value.hrp, result.value.bytes), joined);
    }
    return result.ok;
  },
};

export const wireTargets: readonly FuzzTarget[] = [
  bigSize,
  truncated(2),
  truncated(4),
  truncated(8),
  tlv,
  prefixedTlv,
  features,
  text,
  messages,
  scid,
  bech32,
  bech32Plain,
];
