/** BOLT 4 packets: secrets, filler, creation, peeling, onion messages. */
import { ec, sha256 } from '../../src/crypto/index.js';
import {
  blindedSecret,
  buildOnionOfFrames,
  decodeBlindedPath,
  decodeEncryptedData,
  decodeOnionMessage,
  decodePaymentPayload,
  encodeOnionMessage,
  FailureCode,
  framePayload,
  hopSecrets,
  nextPathKey,
  onionFiller,
  type PeeledOnion,
  peelOnion,
  peelOnionMessage,
  unblindHop,
  unframePayload,
} from '../../src/onion/index.js';
import { ByteReader } from '../../src/wire/reader.js';
import { unwrap } from '../../src/wire/result.js';
import { checkBlindedPayment } from './blinded-payment.js';
import { blindedPathJson, messagePayloadJson } from './onion-json.js';
import { has, hex, list, number, object, optionalHex, records, type Members } from './members.js';
import {
  expectMembers,
  expectOutcome,
  expectSame,
  mismatch,
  VectorMismatch,
  type Handler,
  type VectorCase,
} from './registry.js';

const areaSize = (c: VectorCase): number =>
  has(c, 'payload_area_size')
    ? number(c, 'payload_area_size')
    : has(c, 'payload_size')
      ? number(c, 'payload_size')
      : 1300;

const nodeOf = (hop: Members): Uint8Array => hex(hop, has(hop, 'pubkey') ? 'pubkey' : 'node_id');
const framedOf = (hop: Members): Uint8Array =>
  hex(hop, has(hop, 'payload_with_length') ? 'payload_with_length' : 'payload');

function runCreate(testCase: VectorCase): void {
  const hops = records(testCase, 'hops');
  const sessionKey = hex(testCase, 'session_key');
  const associatedData = hex(testCase, 'associated_data');
  const payloadAreaSize = areaSize(testCase);
  const secrets = hopSecrets(sessionKey, hops.map(nodeOf));
  hops.forEach((hop, i) => {
    expectMembers(`hops[${i}].`, hop, {
      shared_secret: secrets[i]!.sharedSecret,
      ephemeral_pubkey: secrets[i]!.ephemeralKey,
      blinding_factor: secrets[i]!.blindingFactor,
    });
    unwrap(unframePayload(framedOf(hop)));
  });
  const frames = hops.map((hop, i) => ({ sharedSecret: secrets[i]!.sharedSecret, length: framedOf(hop).length + 32 }));
  const built = buildOnionOfFrames({
    sessionKey,
    associatedData,
    payloadAreaSize,
    hops: hops.map((hop) => ({ nodeId: nodeOf(hop), framedPayload: framedOf(hop) })),
  });
  expectMembers('', testCase, { filler: onionFiller(frames.slice(0, -1), payloadAreaSize), onion: built.onion });
  expectSame(
    'shared secrets',
    secrets.map(({ sharedSecret }) => sharedSecret),
    built.sharedSecrets,
  );
  if (testCase.kind === 'create_and_peel') peelAll(hops, built.onion, associatedData);
  if (has(testCase, 'blinded_path', 'tlvs')) checkBlindedPayment(testCase);
}

function peelAll(hops: readonly Members[], first: Uint8Array, associatedData: Uint8Array): void {
  let onion = first;
  hops.forEach((hop, i) => {
    const peeled = peelOnion({ nodeSecret: hex(hop, 'node_privkey'), onion, associatedData });
    if (!peeled.ok) mismatch(`hops[${i}]`, 'peeled', peeled.error.code);
    const { payload, sharedSecret, next } = peeled.value;
    expectMembers(`hops[${i}].`, hop, {
      payload: framePayload(payload),
      shared_secret: sharedSecret,
      final: next === undefined,
      next_hmac: next?.slice(-32) ?? new Uint8Array(32),
    });
    if (next) onion = next;
  });
}

function runPeel(testCase: VectorCase): void {
  const nodeSecret = hex(testCase, 'node_privkey');
  const onion = hex(testCase, 'onion');
  const pathKey = optionalHex(testCase, 'path_key');
  const associatedData = hex(testCase, 'associated_data');
  const peeled = peelOnion({ nodeSecret, onion, associatedData, ...(pathKey && { pathKey }) });
  if (!(testCase.valid ?? !has(testCase, 'error'))) {
    if (peeled.ok) mismatch('outcome', testCase['error'] ?? 'refused', 'peeled');
    expectSame('sha256', sha256(onion), peeled.error.sha256OfOnion);
    const { failureCode, sha256OfOnion } = peeled.error;
    const inHex = typeof testCase['failure_code'] === 'string';
    expectMembers('', testCase, {
      failure_code: inHex ? failureCode.toString(16).padStart(4, '0') : failureCode,
      sha256_of_onion: sha256OfOnion,
    });
    return;
  }
  if (!peeled.ok) mismatch('outcome', 'peeled', `${peeled.error.code}: ${peeled.error.message}`);
  const { payload, sharedSecret, next } = peeled.value;
  expectMembers('', testCase, {
    payload_with_length: framePayload(payload),
    shared_secret: sharedSecret,
    final: next === undefined,
    next_onion: next ?? '',
    blinded_privkey: pathKey && blindedSecret(nodeSecret, pathKey),
  });
  if (has(testCase, 'encrypted_data_tlv')) checkBlinded(testCase, peeled.value);
  if (has(testCase, 'wire_message')) checkWireMessage(testCase, nodeSecret);
}

/** The encrypted data stands in record 10 of a payment, in record 4 of a message. */
function checkBlinded(testCase: VectorCase, { payload, next }: PeeledOnion): void {
  const fromAdd = optionalHex(testCase, 'path_key');
  const isMessage = has(testCase, 'wire_message');
  let encrypted: Uint8Array;
  let pathKey = fromAdd;
  if (isMessage) {
    const message = unwrap(decodeOnionMessage(hex(testCase, 'wire_message')));
    const peeled = peelOnionMessage(hex(testCase, 'node_privkey'), message);
    if (!peeled.ok) mismatch('onion message', 'peeled', peeled.error.message);
    encrypted = recordOf(payload, 4n);
  } else {
    const fields = unwrap(decodePaymentPayload(payload, { final: !next, updateAddHasPathKey: fromAdd !== undefined }));
    encrypted = fields.encryptedRecipientData ?? mismatch('payload', 'encrypted data', 'none');
    pathKey ??= fields.currentPathKey;
  }
  if (!pathKey) mismatch('path key', 'one', 'none');
  const hop = unwrap(unblindHop(hex(testCase, 'node_privkey'), pathKey, encrypted));
  const data = unwrap(decodeEncryptedData(hop.data));
  expectMembers('', testCase, {
    path_key_used: pathKey,
    encrypted_data_tlv: hop.data,
    next_path_key: nextPathKey(hop, data),
    next_node_id: data.nextNodeId,
  });
}

function recordOf(payload: Uint8Array, type: bigint): Uint8Array {
  const reader = new ByteReader(payload);
  while (reader.left > 0) {
    const found = reader.bigSize();
    const value = reader.bytes(Number(reader.bigSize()));
    if (found === type) return value;
  }
  return mismatch('payload', `record ${type}`, 'none');
}

function checkWireMessage(testCase: VectorCase, nodeSecret: Uint8Array): void {
  const message = unwrap(decodeOnionMessage(hex(testCase, 'wire_message')));
  expectSame('packet', testCase['onion'], message.packet);
  expectSame('wire_message', testCase['wire_message'], encodeOnionMessage(message));
  const peeled = unwrap(peelOnionMessage(nodeSecret, message));
  if (peeled.kind === 'forward') {
    expectMembers('', testCase, {
      next_onion: peeled.message.packet,
      next_path_key: peeled.message.pathKey,
      next_node_id: 'nodeId' in peeled.to ? peeled.to.nodeId : undefined,
    });
    if (testCase['final'] === true) mismatch('final', true, false);
  } else {
    expectMembers('', testCase, { onionmsg_tlv: messagePayloadJson(peeled.payload) });
    if (testCase['final'] === false) mismatch('final', false, true);
  }
}

function runFiller(testCase: VectorCase): void {
  const lengths = list(testCase, 'payload_lengths_with_length_prefix').map(Number);
  const nodeIds = list(testCase, 'node_ids').map((id) => hex({ id }, 'id'));
  const frames = hopSecrets(hex(testCase, 'session_key'), nodeIds).map(({ sharedSecret }, i) => ({
    sharedSecret,
    length: lengths[i]! + 32,
  }));
  expectSame('filler', testCase['filler'], onionFiller(frames.slice(0, -1), areaSize(testCase)));
}

function runSecrets(testCase: VectorCase): void {
  const hops = records(testCase, 'hops');
  hopSecrets(hex(testCase, 'session_key'), hops.map(nodeOf)).forEach((secrets, i) => {
    expectMembers(`hops[${i}].`, hops[i]!, {
      ephemeral_pubkey: secrets.ephemeralKey,
      shared_secret: secrets.sharedSecret,
      blinding_factor: secrets.blindingFactor,
    });
  });
}

/** Refused either because a length prefix lies or because the payloads do not fit. */
function runCreateFails(testCase: VectorCase): void {
  const payloads = list(testCase, 'payloads').map((payload) => hex({ payload }, 'payload'));
  if (payloads.some((framed) => !unframePayload(framed).ok)) return;
  const nodeId = ec.publicKey(hex(testCase, 'session_key'));
  try {
    buildOnionOfFrames({
      sessionKey: hex(testCase, 'session_key'),
      associatedData: hex(testCase, 'associated_data'),
      payloadAreaSize: areaSize(testCase),
      hops: payloads.map((framedPayload) => ({ nodeId, framedPayload })),
    });
  } catch (thrown) {
    if (thrown instanceof RangeError) return;
    throw thrown;
  }
  throw new VectorMismatch('the onion was built');
}

/** An unreadable onion that is reported with update_fail_malformed_htlc. */
function runMalformed(testCase: VectorCase): void {
  expectSame('sha256_of_onion', testCase['sha256_of_onion'], sha256(hex(testCase, 'onion')));
  expectSame('failure_code', testCase['failure_code'], FailureCode.invalidOnionBlinding);
}

function runPathBytes(testCase: VectorCase): void {
  const path = expectOutcome(testCase, decodeBlindedPath(hex(testCase, 'hex')));
  if (path && has(testCase, 'fields')) expectSame('fields', object(testCase, 'fields'), blindedPathJson(path));
}

export const onionHandlers: Handler[] = [
  {
    name: 'onion creation',
    always: 'accepted',
    matches: (c) => (c.op === 'create' || c.kind === 'create_and_peel') && has(c, 'session_key', 'hops'),
    run: runCreate,
  },
  {
    name: 'onion peeling',
    matches: (c) => (c.op === 'peel' || c.kind === 'bad_onion') && has(c, 'node_privkey', 'onion'),
    run: runPeel,
  },
  {
    name: 'onion filler',
    always: 'accepted',
    matches: (c) => c.kind === 'filler' && has(c, 'session_key'),
    run: runFiller,
  },
  {
    name: 'onion secrets',
    always: 'accepted',
    matches: (c) => c.kind === 'shared_secrets' && has(c, 'session_key'),
    run: runSecrets,
  },
  {
    name: 'onion refused',
    always: 'refused',
    matches: (c) => c.kind === 'create_fails' && has(c, 'payloads'),
    run: runCreateFails,
  },
  {
    name: 'malformed onion',
    always: 'refused',
    matches: (c) => c.op === 'malformed' && has(c, 'onion'),
    run: runMalformed,
  },
  { name: 'blinded path', matches: (c) => c.kind === 'blinded_path' && has(c, 'hex'), run: runPathBytes },
];
