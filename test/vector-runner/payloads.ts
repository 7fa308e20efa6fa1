/** BOLT 4 payloads of payments and messages, bLIP-3 keysend. */
import {
  checkCustomRecords,
  decodeEncryptedData,
  decodeFailureMessage,
  decodeMessagePayload,
  decodePaymentPayload,
  encodeFailureMessage,
  encodeMessagePayload,
  encodePaymentPayload,
  FailureCode,
  framePayload,
  invalidPayloadFailure,
  KEYSEND_RECORD,
  keysendMatches,
  type MessagePayload,
  type PayloadContext,
  type PayloadError,
  type PaymentPayload,
  unframePayload,
} from '../../src/onion/index.js';
import { sha256 } from '../../src/crypto/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { encodeBigSize } from '../../src/wire/integers.js';
import { err, refusable, type Result, unwrap } from '../../src/wire/result.js';
import { encodeTlvStream, splitTlvStream } from '../../src/wire/tlv.js';
import { has, hex, integer, object, optionalHex, records, text, type Members } from './members.js';
import { encryptedDataJson, messagePayloadJson, payloadJson, recordsJson } from './onion-json.js';
import { checkRefusedStream, MESSAGE_LAYOUT, PAYMENT_LAYOUT } from './payload-sloppy.js';
import { expectMembers, expectOutcome, expectSame, mismatch, type Handler, type VectorCase } from './registry.js';

const ROLES: readonly string[] = ['relay', 'final', 'blinded_relay', 'blinded_final', 'context'];
const CURRENT_PATH_KEY_RECORD = 12n;

/** The reader's situation: named by the role, or described by members where the role is `context`. */
function contextOf(testCase: VectorCase, payload: Uint8Array): PayloadContext {
  const role = text(testCase, 'role');
  if (!ROLES.includes(role)) mismatch('role', ROLES, role);
  const stated = testCase['update_add_has_path_key'];
  const blinded = role === 'blinded_relay' || role === 'blinded_final';
  return {
    final: role === 'context' ? testCase['final'] === true : role === 'final' || role === 'blinded_final',
    // Inside a path the key comes beside the onion unless the payload has it.
    updateAddHasPathKey: typeof stated === 'boolean' ? stated : blinded && !hasRecord(payload, CURRENT_PATH_KEY_RECORD),
  };
}

function hasRecord(payload: Uint8Array, type: bigint): boolean {
  const split = refusable(() => splitTlvStream(payload));
  return split.ok && split.value.some((record) => record.type === type);
}

function runPaymentPayload(testCase: VectorCase): void {
  const framed = hex(testCase, 'hex');
  const unframed = unframePayload(framed);
  let result: Result<PaymentPayload, PayloadError> = unframed.ok
    ? decodePaymentPayload(unframed.value, contextOf(testCase, unframed.value))
    : unframed;
  const encryptedData = optionalHex(testCase, 'encrypted_data');
  const role = testCase['role'] === 'blinded_final' ? 'payment_final' : 'payment_relay';
  const data = encryptedData && decodeEncryptedData(encryptedData, role);
  if (result.ok && data && !data.ok) result = err(data.error);
  const fields = expectOutcome(testCase, result);
  if (!fields) {
    if (unframed.ok) checkRefusedStream(testCase, PAYMENT_LAYOUT, unframed.value);
    return;
  }
  expectSame('fields', testCase['fields'] ?? {}, payloadJson(fields));
  expectSame('unknown', testCase['unknown'] ?? {}, recordsJson(fields.customRecords) ?? {});
  if (has(testCase, 'encrypted_data_fields') && data?.ok) {
    expectSame('encrypted_data_fields', object(testCase, 'encrypted_data_fields'), encryptedDataJson(data.value));
  }
  expectSame('written again', framed, framePayload(encodePaymentPayload(fields)));
}

/** The failure that a refused payload is answered with; a readable payload is refused for its preimage. */
function checkKeysendFailure(testCase: VectorCase, decoded: Result<PaymentPayload, PayloadError>): void {
  const failure = decoded.ok
    ? encodeFailureMessage(FailureCode.incorrectOrUnknownPaymentDetails, { htlcMsat: 0n, height: 0 })
    : invalidPayloadFailure(decoded.error);
  const { code, name, data } = unwrap(decodeFailureMessage(failure));
  expectSame('failure', testCase['failure'], `${code.toString(16)} ${name ?? ''}`);
  if (!has(testCase, 'failure_data_prefix')) return;
  const prefix = text(testCase, 'failure_data_prefix');
  expectSame('failure_data_prefix', prefix, toHex(data).slice(0, prefix.length));
}

function runKeysendPayload(testCase: VectorCase): void {
  const framed = hex(testCase, 'hex');
  const unframed = unframePayload(framed);
  const keysend = testCase['knows_keysend'] !== false;
  const decoded: Result<PaymentPayload, PayloadError> = unframed.ok
    ? decodePaymentPayload(unframed.value, { final: true, updateAddHasPathKey: false, keysend })
    : unframed;
  let result = decoded;
  if (decoded.ok && has(testCase, 'payment_hash') && !keysendMatches(decoded.value, hex(testCase, 'payment_hash'))) {
    result = err({ code: 'preimage_mismatch', message: 'the preimage is another payment’s' });
  }
  if (has(testCase, 'failure')) checkKeysendFailure(testCase, decoded);
  const fields = expectOutcome(testCase, result);
  if (!fields) return;
  expectSame('fields', testCase['fields'] ?? {}, {
    ...payloadJson(fields),
    custom: recordsJson(fields.customRecords),
  });
  expectSame('written again', framed, framePayload(encodePaymentPayload(fields)));
}

function runKeysendRecord(testCase: VectorCase): void {
  const preimage = hex(testCase, 'preimage');
  expectMembers('', testCase, {
    type: KEYSEND_RECORD,
    type_bigsize: encodeBigSize(KEYSEND_RECORD),
    hex: encodeTlvStream([{ type: KEYSEND_RECORD, value: preimage }]),
    payment_hash: sha256(preimage),
  });
}

function runCustomRecords(testCase: VectorCase): void {
  const given = records(testCase, 'records').map((record) => ({
    type: integer(record, 'type'),
    value: hex(record, 'hex'),
  }));
  expectOutcome(testCase, checkCustomRecords(given));
}

/** bLIP-3 announces with bits 54/55; only their pairing can be checked here. */
function runFeature(testCase: VectorCase): void {
  expectSame('required', integer(testCase, 'required'), integer(testCase, 'optional') & ~1n);
}

function runMessagePayload(testCase: VectorCase): void {
  const role = text(testCase, 'role');
  if (role !== 'final' && role !== 'relay') mismatch('role', ['final', 'relay'], role);
  const framed = hex(testCase, 'hex');
  const unframed = unframePayload(framed);
  let result: Result<MessagePayload> = unframed.ok ? decodeMessagePayload(unframed.value, role) : unframed;
  const encryptedData = optionalHex(testCase, 'encrypted_data');
  const data = encryptedData && decodeEncryptedData(encryptedData, `message_${role}`);
  if (result.ok && data && !data.ok) result = err(data.error);
  const payload = expectOutcome(testCase, result);
  if (!payload) {
    if (unframed.ok) checkRefusedStream(testCase, MESSAGE_LAYOUT, unframed.value);
    return;
  }
  const { unknown, ...fields } = messagePayloadJson(payload);
  const expected = (testCase['fields'] as Members | undefined) ?? {};
  expectSame('fields', expected, fields);
  expectSame('unknown', testCase['unknown'] ?? {}, unknown ?? {});
  expectSame('written again', framed, framePayload(encodeMessagePayload(payload)));
}

export const payloadHandlers: Handler[] = [
  {
    name: 'payment payload',
    matches: (c) => c.kind === 'payment_payload' && has(c, 'hex', 'role'),
    run: runPaymentPayload,
  },
  {
    name: 'message payload',
    matches: (c) => c.kind === 'message_payload' && has(c, 'hex', 'role'),
    run: runMessagePayload,
  },
  { name: 'keysend payload', matches: (c) => c.kind === 'payload' && has(c, 'hex'), run: runKeysendPayload },
  {
    name: 'keysend record',
    always: 'accepted',
    matches: (c) => c.kind === 'record' && has(c, 'preimage'),
    run: runKeysendRecord,
  },
  { name: 'custom records', matches: (c) => c.kind === 'custom_tlvs' && has(c, 'records'), run: runCustomRecords },
  {
    name: 'feature pair',
    always: 'accepted',
    matches: (c) => c.kind === 'feature' && has(c, 'optional', 'required'),
    run: runFeature,
  },
];
