/** Reads the tagged fields of an invoice. Refusals carry the character offset of the field's tag. */
import { ec } from '../crypto/index.js';
import { BECH32_CHARSET, groupsToBytes, groupsToText, paddingFault } from '../wire/bech32.js';
import { utf8Text } from '../wire/bytes.js';
import { refuse } from '../wire/result.js';
import { MAX_U32, MAX_U64 } from '../wire/units.js';
import {
  type Fallback,
  HOP_BYTES,
  isPossibleFallback,
  KNOWN_REQUIRED_FEATURES,
  type RouteHintHop,
  Tag,
  TIMESTAMP_GROUPS,
  type UnknownTag,
} from './invoice.js';

/** What the fields said. Absent single fields are undefined. */
export interface TaggedFields {
  paymentHash: Uint8Array | undefined;
  paymentSecret: Uint8Array | undefined;
  description: string | undefined;
  descriptionHash: Uint8Array | undefined;
  payee: Uint8Array | undefined;
  expirySeconds: bigint | undefined;
  minFinalCltvExpiryDelta: number | undefined;
  features: number[] | undefined;
  paymentMetadata: Uint8Array | undefined;
  readonly fallbacks: Fallback[];
  readonly routeHints: RouteHintHop[][];
  readonly unknownTags: UnknownTag[];
  /** The first repeated field that must not be repeated. */
  repeated: { readonly letter: string; readonly position: number } | undefined;
}

/** The groups of one field, `groups[start..end)`. */
interface Field {
  readonly groups: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Character offset of the tag. */
  readonly position: number;
}

/** Groups of a 32-byte value, and of a 33-byte key. */
const HASH_GROUPS = 52;
const KEY_GROUPS = 53;

/**
 * Reads the fields in `groups[TIMESTAMP_GROUPS..end)`.
 * @param textOffset character offset of the first group
 */
export function readFields(groups: Uint8Array, end: number, textOffset: number): TaggedFields {
  const fields: TaggedFields = {
    paymentHash: undefined,
    paymentSecret: undefined,
    description: undefined,
    descriptionHash: undefined,
    payee: undefined,
    expirySeconds: undefined,
    minFinalCltvExpiryDelta: undefined,
    features: undefined,
    paymentMetadata: undefined,
    fallbacks: [],
    routeHints: [],
    unknownTags: [],
    repeated: undefined,
  };
  let at = TIMESTAMP_GROUPS;
  while (at < end) {
    const position = textOffset + at;
    if (end - at < 3) refuse('field_truncated', 'the signature begins inside the head of a field', position);
    const start = at + 3;
    const fieldEnd = start + groups[at + 1]! * 32 + groups[at + 2]!;
    if (fieldEnd > end) refuse('field_truncated', 'the field reaches into the signature', position);
    readField(fields, groups[at]!, { groups, start, end: fieldEnd, position });
    at = fieldEnd;
  }
  return fields;
}

/**
 * One field. Of repeated fields the first counts; a second s, d or h is noted, since readers disagree on which is meant.
 * p, h, s and n of another length than defined are skipped, as the examples of BOLT 11 show.
 */
function readField(fields: TaggedFields, tag: number, field: Field): void {
  switch (tag) {
    case Tag.paymentHash:
      fields.paymentHash ??= fixedBytes(field, HASH_GROUPS);
      return;
    case Tag.paymentSecret:
      fields.paymentSecret = first(fields, fields.paymentSecret, fixedBytes(field, HASH_GROUPS), 's', field);
      return;
    case Tag.descriptionHash:
      fields.descriptionHash = first(fields, fields.descriptionHash, fixedBytes(field, HASH_GROUPS), 'h', field);
      return;
    case Tag.description:
      fields.description = first(fields, fields.description, descriptionOf(field), 'd', field);
      return;
    case Tag.payee:
      fields.payee ??= payeeOf(field);
      return;
    case Tag.expiry:
      fields.expirySeconds ??= expiryOf(field);
      return;
    case Tag.minFinalCltv:
      fields.minFinalCltvExpiryDelta ??= minFinalCltvOf(field);
      return;
    case Tag.features:
      fields.features ??= featuresOf(field);
      return;
    case Tag.paymentMetadata:
      fields.paymentMetadata ??= wholeBytes(field);
      return;
    case Tag.fallback:
      readFallback(fields.fallbacks, field);
      return;
    case Tag.routeHint:
      fields.routeHints.push(routeHintOf(field));
      return;
    default:
      fields.unknownTags.push({
        tag: BECH32_CHARSET.charAt(tag),
        words: groupsToText(field.groups.subarray(field.start, field.end)),
      });
  }
}

function first<T>(
  fields: TaggedFields,
  before: T | undefined,
  value: T | undefined,
  letter: string,
  { position }: Field,
): T | undefined {
  if (before !== undefined && value !== undefined) fields.repeated ??= { letter, position };
  return before ?? value;
}

/** All bytes of the field; the bits behind them must be few and zero. */
function wholeBytes({ groups, start, end, position }: Field): Uint8Array {
  if (paddingFault(groups, start, end)) {
    refuse('nonzero_padding', 'the bits behind the last byte of the field are not zero', position);
  }
  return groupsToBytes(groups, start, end);
}

/** Undefined for a field of another length, which is to be skipped. */
function fixedBytes(field: Field, length: number): Uint8Array | undefined {
  return field.end - field.start === length ? wholeBytes(field) : undefined;
}

function descriptionOf(field: Field): string {
  const text = utf8Text(wholeBytes(field));
  if (text === undefined) refuse('invalid_utf8_description', 'the description is not valid UTF-8', field.position);
  return text;
}

function payeeOf(field: Field): Uint8Array | undefined {
  const key = fixedBytes(field, KEY_GROUPS);
  if (key && !ec.isPoint(key)) refuse('invalid_payee_pubkey', 'field n is not a public key', field.position);
  return key;
}

function refuseLeadingZero({ groups, start, end, position }: Field, letter: string): void {
  if (end > start && groups[start] === 0) {
    refuse(`non_minimal_${letter}`, `field ${letter} starts with a needless zero group`, position);
  }
}

/** So many groups without leading zero hold more than 64 bits, whatever follows them. */
const MORE_THAN_U64_GROUPS = 14;

function expiryOf(field: Field): bigint {
  refuseLeadingZero(field, 'x');
  const { groups, start, position } = field;
  const end = Math.min(field.end, start + MORE_THAN_U64_GROUPS);
  let seconds = 0n;
  for (let i = start; i < end; i++) seconds = seconds * 32n + BigInt(groups[i]!);
  if (seconds > MAX_U64) refuse('expiry_overflow', 'the expiry does not fit 64 bits', position);
  return seconds;
}

/** So many groups without leading zero hold more than 32 bits, whatever follows them. */
const MORE_THAN_U32_GROUPS = 8;

function minFinalCltvOf(field: Field): number {
  refuseLeadingZero(field, 'c');
  const { groups, start, position } = field;
  const end = Math.min(field.end, start + MORE_THAN_U32_GROUPS);
  let delta = 0;
  for (let i = start; i < end; i++) delta = delta * 32 + groups[i]!;
  if (delta > MAX_U32) refuse('cltv_overflow', 'the final CLTV delta is above any block height', position);
  return delta;
}

/** Bit 0 is the lowest bit of the last group. */
function featuresOf(field: Field): number[] {
  refuseLeadingZero(field, '9');
  const { groups, start, end, position } = field;
  const bits: number[] = [];
  for (let i = end - 1; i >= start; i--) {
    for (let shift = 0; shift < 5; shift++) {
      if ((groups[i]! >> shift) & 1) bits.push((end - 1 - i) * 5 + shift);
    }
  }
  const unknown = bits.find((bit) => bit % 2 === 0 && !KNOWN_REQUIRED_FEATURES.has(bit));
  if (unknown !== undefined) {
    refuse('unknown_required_feature', `the payee demands feature ${unknown}, which is not known here`, position);
  }
  return bits;
}

function readFallback(fallbacks: Fallback[], field: Field): void {
  const { groups, start, end, position } = field;
  if (start === end) refuse('empty_fallback', 'field f has no version', position);
  const version = groups[start]!;
  if (version > 18) return; // a version of the future: to be skipped
  const fallback = { version, program: wholeBytes({ ...field, start: start + 1 }) };
  if (!isPossibleFallback(fallback)) {
    refuse('invalid_fallback', `no address of version ${version} has ${fallback.program.length} bytes`, position);
  }
  fallbacks.push(fallback);
}

function routeHintOf(field: Field): RouteHintHop[] {
  const bytes = wholeBytes(field);
  if (bytes.length === 0) refuse('empty_route_hint', 'field r has no hop', field.position);
  if (bytes.length % HOP_BYTES !== 0) {
    refuse(
      'invalid_route_hint_length',
      `field r has ${bytes.length} bytes, hops have ${HOP_BYTES} each`,
      field.position,
    );
  }
  const view = new DataView(bytes.buffer);
  const hops: RouteHintHop[] = [];
  for (let at = 0; at < bytes.length; at += HOP_BYTES) {
    const nodeId = bytes.slice(at, at + 33);
    if (!ec.isPoint(nodeId)) {
      refuse('invalid_route_hint_pubkey', 'a node id in field r is not a public key', field.position);
    }
    hops.push({
      nodeId,
      shortChannelId: view.getBigUint64(at + 33),
      feeBaseMsat: view.getUint32(at + 41),
      feeProportionalMillionths: view.getUint32(at + 45),
      cltvExpiryDelta: view.getUint16(at + 49),
    });
  }
  return hops;
}
