/** From text or bytes to records and back. Text is bech32 without checksum, with `+` joins ("Encoding"). */
import { decodeBech32WithoutChecksum, encodeBech32WithoutChecksum } from '../wire/bech32.js';
import { refusable, refuse, unwrap } from '../wire/result.js';
import { encodeTlvStream, splitTlvStream, type TlvRecord } from '../wire/tlv.js';
import type { UnixSeconds } from '../wire/units.js';

/** Prefix of an offer, an invoice request and an invoice. */
export type Bolt12Prefix = 'lno' | 'lnr' | 'lni';

/** What a reader may check beyond the stream itself. */
export interface ReadOptions {
  /** Refuses what has expired by then. */
  readonly now?: UnixSeconds;
  /** Refuses what is for none of these chains (32-byte hashes). */
  readonly chains?: readonly Uint8Array[];
}

/** Longest stream that is read: more fits no message. */
export const MAX_STREAM_BYTES = 65_535;
/** Longest text that is read: such a stream, and room for `+` and line breaks. */
const MAX_TEXT_LENGTH = 262_144;
/** Real streams have some tens; every record costs hashes. */
export const MAX_RECORDS = 1024;

const WORDS: Record<Bolt12Prefix, string> = { lno: 'an offer', lnr: 'an invoice request', lni: 'an invoice' };

/** @throws Refusal `bech32_…`, `wrong_hrp`, `too_long`, `tlv_…`, `too_many_records` */
export function readRecords(input: string | Uint8Array, prefix: Bolt12Prefix): TlvRecord[] {
  const bytes = typeof input === 'string' ? bytesOfText(input, prefix) : input;
  if (bytes.length > MAX_STREAM_BYTES) {
    refuse('too_long', `${bytes.length} bytes, at most ${MAX_STREAM_BYTES} are read`);
  }
  const records = typeof input === 'string' ? recordsOfText(bytes) : splitTlvStream(bytes);
  if (records.length > MAX_RECORDS) {
    refuse('too_many_records', `${records.length} records, at most ${MAX_RECORDS} are read`);
  }
  return records;
}

/** Without positions: those in the stream are none in the text. */
function recordsOfText(bytes: Uint8Array): TlvRecord[] {
  const split = refusable(() => splitTlvStream(bytes));
  return split.ok ? split.value : refuse(split.error.code, split.error.message);
}

function bytesOfText(text: string, prefix: Bolt12Prefix): Uint8Array {
  if (text.length > MAX_TEXT_LENGTH) {
    refuse('too_long', `${text.length} characters, at most ${MAX_TEXT_LENGTH} are read`);
  }
  const { hrp, bytes } = unwrap(decodeBech32WithoutChecksum(text));
  if (hrp !== prefix) {
    refuse('wrong_hrp', `${WORDS[prefix]} begins with "${prefix}1", this text with "${hrp.slice(0, 16)}1"`);
  }
  return bytes;
}

/** The stream of records that were read or built. */
export function encodeRecords(records: readonly TlvRecord[]): Uint8Array {
  return encodeTlvStream(records);
}

/** The text of records that were read or built, lower case. */
export function encodeText(prefix: Bolt12Prefix, records: readonly TlvRecord[]): string {
  return encodeBech32WithoutChecksum(prefix, encodeTlvStream(records));
}
