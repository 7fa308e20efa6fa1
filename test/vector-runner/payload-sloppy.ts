/**
 * What a payload of BOLT 4 says even if it must be refused: record by record, without any of the rules. Members whose record
 * cannot be read for itself are left out, as readers may disagree on them.
 */
import { readBlindedPath } from '../../src/onion/index.js';
import { concat } from '../../src/wire/bytes.js';
import { featureBits } from '../../src/wire/features.js';
import { decodeTruncated } from '../../src/wire/integers.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refusable } from '../../src/wire/result.js';
import { scidText } from '../../src/wire/scid.js';
import { splitTlvStream } from '../../src/wire/tlv.js';
import { object, type Members } from './members.js';
import { blindedPathJson, recordsJson } from './onion-json.js';
import { expectMembers, expectSame, type VectorCase } from './registry.js';

type Read = (value: Uint8Array) => unknown;
type Layout = Readonly<Record<string, readonly [member: string, read: Read]>>;

const bytes: Read = (value) => value;
const truncated: Read = (value) => decodeTruncated(value, 8);

/** Reads all of `value`. */
function whole<T>(value: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(value);
  const result = read(reader);
  reader.end();
  return result;
}
const scid: Read = (value) => whole(value, (reader) => scidText(reader.scid()));

export const PAYMENT_LAYOUT: Layout = {
  2: ['amt_to_forward', truncated],
  4: ['outgoing_cltv_value', truncated],
  6: ['short_channel_id', scid],
  8: [
    'payment_data',
    (value) =>
      whole(value, (reader) => ({ payment_secret: reader.bytes(32), total_msat: decodeTruncated(reader.rest(), 8) })),
  ],
  10: ['encrypted_recipient_data', bytes],
  12: ['current_path_key', bytes],
  16: ['payment_metadata', bytes],
  18: ['total_amount_msat', truncated],
};

export const ENCRYPTED_DATA_LAYOUT: Layout = {
  1: ['padding', bytes],
  2: ['short_channel_id', scid],
  4: ['next_node_id', bytes],
  6: ['path_id', bytes],
  8: ['next_path_key_override', bytes],
  10: [
    'payment_relay',
    (value) =>
      whole(value, (reader) => ({
        cltv_expiry_delta: reader.u16(),
        fee_proportional_millionths: reader.u32(),
        fee_base_msat: decodeTruncated(reader.rest(), 4),
      })),
  ],
  12: [
    'payment_constraints',
    (value) =>
      whole(value, (reader) => ({
        max_cltv_expiry: reader.u32(),
        htlc_minimum_msat: decodeTruncated(reader.rest(), 8),
      })),
  ],
  14: ['allowed_features', featureBits],
};

export const MESSAGE_LAYOUT: Layout = {
  2: ['reply_path', (value) => whole(value, (reader) => blindedPathJson(readBlindedPath(reader)))],
  4: ['encrypted_recipient_data', bytes],
};

/** Compares `fields_despite_error` and `unknown` of a refused stream with its records. */
export function checkRefusedStream(testCase: VectorCase, layout: Layout, ...parts: readonly Uint8Array[]): void {
  const split = refusable(() => splitTlvStream(concat(...parts)));
  if (!split.ok) return;
  const members: Record<string, unknown> = {};
  for (const { type, value } of split.value) {
    const [member, read] = layout[type.toString()] ?? [];
    const content = read && refusable(() => read(value));
    if (member !== undefined && content?.ok) members[member] = content.value;
  }
  if (testCase['fields_despite_error'] !== undefined) {
    expectMembers('fields_despite_error.', object(testCase, 'fields_despite_error'), members);
  }
  if (testCase['unknown'] === undefined) return;
  const records = recordsJson(split.value) as Members;
  for (const [type, value] of Object.entries(object(testCase, 'unknown'))) {
    expectSame(`unknown.${type}`, value, records[type]);
  }
}
