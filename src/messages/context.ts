/**
 * Path ids: how we know a blinded path of ours again without keeping a row for it. A path id has exactly 32 bytes, the only size
 * that Core Lightning shows its plugins:
 *
 *     bytes 0–15   mac of kind and body
 *     bytes 16–31  body XOR stream(mac)
 *
 * The mac comes first and makes the stream (a synthetic IV), so equal contexts give equal ids, and all else looks random. The kind
 * is no byte in it: the reader names the kind that the message's type demands, so a path made for one purpose never opens as another.
 */
import { hmacSha256 } from '../crypto/index.js';
import { concat, equalBytes, utf8, xorBytes } from '../wire/bytes.js';

/** For what a path was made, each with the number that its mac covers. Numbers are never used again. */
const KIND_NUMBERS = {
  offer_paths_request: 1,
  static_invoice_requested: 2,
  serve_static_invoice: 3,
  offer_paths: 4,
  static_invoice_persisted: 5,
  invoice_request: 6,
  outbound_payment_for_offer: 7,
  inbound_payment: 8,
  outbound_payment: 9,
  release_held_htlc: 10,
  rod_enrolment: 11,
  rod_release: 12,
} as const;

export type ContextKind = keyof typeof KIND_NUMBERS;

export const CONTEXT_KINDS = Object.keys(KIND_NUMBERS) as readonly ContextKind[];

export const CONTEXT_BODY_LENGTH = 16;
export const PATH_ID_LENGTH = 32;

const MAC_LABEL = utf8('manifold/path-context/mac');
const STREAM_LABEL = utf8('manifold/path-context/stream');

const macOf = (key: Uint8Array, kind: ContextKind, body: Uint8Array): Uint8Array =>
  hmacSha256(key, concat(MAC_LABEL, Uint8Array.of(KIND_NUMBERS[kind]), body)).subarray(0, CONTEXT_BODY_LENGTH);

const masked = (key: Uint8Array, mac: Uint8Array, body: Uint8Array): Uint8Array =>
  xorBytes(body, hmacSha256(key, concat(STREAM_LABEL, mac)));

/**
 * The path id of a body under `key`, the message context key of a key epoch.
 * @throws {RangeError} unless the key has 32 bytes and the body 16.
 */
export function sealContext(key: Uint8Array, kind: ContextKind, body: Uint8Array): Uint8Array {
  if (key.length !== 32) throw new RangeError('a message context key has 32 bytes');
  if (body.length !== CONTEXT_BODY_LENGTH) throw new RangeError(`a context body has ${CONTEXT_BODY_LENGTH} bytes`);
  const mac = macOf(key, kind, body);
  return concat(mac, masked(key, mac, body));
}

/** The body of a path id of this kind that we made; undefined for every other one. Takes the same time either way. */
export function openContext(key: Uint8Array, kind: ContextKind, pathId: Uint8Array): Uint8Array | undefined {
  if (pathId.length !== PATH_ID_LENGTH) return undefined;
  const mac = pathId.subarray(0, CONTEXT_BODY_LENGTH);
  const body = masked(key, mac, pathId.subarray(CONTEXT_BODY_LENGTH));
  return equalBytes(macOf(key, kind, body), mac) ? body : undefined;
}
