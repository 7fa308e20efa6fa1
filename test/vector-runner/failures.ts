/** BOLT 4 failures: messages, return packets along a route, attribution data. */
import {
  addAttribution,
  type AttributedFailure,
  buildFailurePacket,
  decodeFailureMessage,
  encodeFailureMessage,
  type FailureMessage,
  hopSecrets,
  onionKey,
  openFailurePacket,
  originateAttributedFailure,
  originateFailure,
  streamBytes,
  unwrapAttributedFailure,
  unwrapFailure,
  unwrapFulfillAttribution,
  wrapAttributedFailure,
  wrapFailure,
} from '../../src/onion/index.js';
import { equalBytes, toHex } from '../../src/wire/bytes.js';
import { encodeTlvStream } from '../../src/wire/tlv.js';
import { has, hex, hexes, number, object, records, text, type Members } from './members.js';
import { failureJson, recordsJson } from './onion-json.js';
import { expectMembers, expectOutcome, expectSame, mismatch, type Handler, type VectorCase } from './registry.js';

function checkFailure(testCase: VectorCase, failure: FailureMessage): void {
  const { code, name, flags, data, tlvs, fields } = failure;
  const tlvHex = tlvs.length > 0 ? encodeTlvStream(tlvs) : undefined;
  expectMembers('', testCase, {
    code,
    code_hex: code.toString(16).padStart(4, '0'),
    flags: { badonion: flags.badOnion, perm: flags.permanent, node: flags.node, update: flags.update },
    name,
    fields: failureJson(failure),
    tlv_hex: tlvHex,
    tlv: tlvs.map(({ type, value }) => ({ type, hex: value })),
  });
  if (has(testCase, 'name') && !name) mismatch('name', testCase['name'], 'unknown');
  if (has(testCase, 'unknown')) expectSame('unknown', testCase['unknown'], name === undefined);
  if (!name) expectMembers('', testCase, { data });
  if (has(testCase, 'channel_update_has_type_prefix')) {
    const [high, low] = fields.channelUpdate ?? [];
    expectSame('type prefix', testCase['channel_update_has_type_prefix'], high === 1 && low === 2);
  }
}

function runFailureMessage(testCase: VectorCase): void {
  const bytes = hex(testCase, 'hex');
  const failure = expectOutcome(testCase, decodeFailureMessage(bytes));
  if (!failure) return;
  checkFailure(testCase, failure);
  if (failure.name) {
    expectSame('written again', bytes, encodeFailureMessage(failure.code, failure.fields, failure.tlvs));
  }
}

function runReturnPacket(testCase: VectorCase): void {
  const opened = openFailurePacket(hex(testCase, 'um_key'), hex(testCase, 'hex'));
  const decoded = opened.ok ? decodeFailureMessage(opened.value.message) : opened;
  const failure = expectOutcome(testCase, decoded);
  if (!failure || !opened.ok) return;
  checkFailure(testCase, failure);
  expectMembers('', testCase, { failure_len: opened.value.message.length, pad_len: opened.value.padLength });
}

/** Secrets of a case in route order: stated, or made of session key and node ids; where it has both, they must agree. */
function secretsOf(testCase: VectorCase): Uint8Array[] {
  if (has(testCase, 'shared_secrets')) return hexes(testCase, 'shared_secrets');
  const hops = records(testCase, 'hops');
  const stated = hops.every((hop) => has(hop, 'shared_secret'));
  const derivable = has(testCase, 'session_key') && hops.every((hop) => has(hop, 'pubkey'));
  if (stated && !derivable) return hops.map((hop) => hex(hop, 'shared_secret'));
  const nodeIds = hops.map((hop) => hex(hop, 'pubkey'));
  return hopSecrets(hex(testCase, 'session_key'), nodeIds).map(({ sharedSecret, ephemeralKey, blindingFactor }, i) => {
    const derived = { shared_secret: sharedSecret, ephemeral_pubkey: ephemeralKey, blinding_factor: blindingFactor };
    expectMembers(`hops[${i}].`, hops[i]!, derived);
    return sharedSecret;
  });
}

/** Length to which the failure is padded, seen from the expected packet. */
function paddedLength(testCase: VectorCase): number | undefined {
  return has(testCase, 'raw_packet') ? hex(testCase, 'raw_packet').length - 36 : undefined;
}

function runFailure(testCase: VectorCase): void {
  const secrets = secretsOf(testCase);
  const hops = records(testCase, 'hops');
  const failing = number(testCase, 'failing_hop');
  const message = hex(testCase, 'failure_message');
  const erring = secrets[failing]!;
  checkFailureObject(testCase, message);
  const raw = buildFailurePacket(erring, message, paddedLength(testCase));
  expectMembers('', testCase, {
    payload_without_hmac: raw.subarray(32),
    raw_packet: raw,
    um_key: onionKey('um', erring),
  });
  hops.forEach((hop, i) => {
    expectMembers(`hops[${i}].`, hop, {
      ammag_key: onionKey('ammag', secrets[i]!),
      ammagext_key: onionKey('ammagext', secrets[i]!),
      um_key: onionKey('um', secrets[i]!),
      stream: streamBytes(onionKey('ammag', secrets[i]!), raw.length),
    });
  });
  if (hops.every((hop) => has(hop, 'attribution_data'))) checkAttributedRoute(testCase, secrets, message);
  if (has(testCase, 'packets')) checkPlainRoute(testCase, secrets, message);
}

function checkFailureObject(testCase: VectorCase, message: Uint8Array): void {
  if (!has(testCase, 'failure')) return;
  const decoded = expectOutcome({ id: testCase.id, valid: true }, decodeFailureMessage(message));
  if (!decoded) return;
  const { code, name } = decoded;
  const tlvs = decoded.tlvs.length > 0 ? recordsJson(decoded.tlvs) : undefined;
  expectSame('failure', object(testCase, 'failure'), { code, name, ...failureJson(decoded), tlvs });
}

function checkPlainRoute(testCase: VectorCase, secrets: readonly Uint8Array[], message: Uint8Array): void {
  const packets = hexes(testCase, 'packets');
  const failing = number(testCase, 'failing_hop');
  let packet = wrapFailure(secrets[failing]!, buildFailurePacket(secrets[failing]!, message, paddedLength(testCase)));
  for (let node = failing; node >= 0; node--) {
    if (node < failing) packet = wrapFailure(secrets[node]!, packet);
    expectSame(`packets[${node}]`, packets[node], packet);
  }
  checkOrigin(packet, secrets, failing, message);
}

function checkOrigin(packet: Uint8Array, secrets: readonly Uint8Array[], hop: number, message: Uint8Array): void {
  const unwrapped = unwrapFailure(packet, secrets) ?? mismatch('origin', `hop ${hop}`, 'nobody');
  expectSame('failing hop', hop, unwrapped.hop);
  expectSame('message', message, unwrapped.message.ok ? unwrapped.message.value : unwrapped.message.error.code);
}

function checkAttributedRoute(testCase: VectorCase, secrets: readonly Uint8Array[], message: Uint8Array): void {
  const hops = records(testCase, 'hops');
  const failing = number(testCase, 'failing_hop');
  let failure: AttributedFailure | undefined;
  for (let node = failing; node >= 0; node--) {
    const holdTime = number(hops[node]!, 'hold_time');
    failure = failure
      ? wrapAttributedFailure(secrets[node]!, failure, holdTime)
      : originateAttributedFailure(secrets[node]!, message, holdTime, paddedLength(testCase));
    expectMembers(`hops[${node}].`, hops[node]!, {
      packet: failure.packet,
      attribution_data: failure.attributionData,
    });
  }
  const origin = unwrapAttributedFailure(failure!, secrets);
  expectMembers('', testCase, { origin_hold_times: origin.holdTimes });
  expectSame('blamed hop', undefined, origin.blamedHop);
  checkOrigin(failure!.packet, secrets, failing, message);
}

function runFulfill(testCase: VectorCase): void {
  const secrets = secretsOf(testCase);
  const hops = records(testCase, 'hops');
  let data: Uint8Array | undefined;
  for (let node = hops.length - 1; node >= 0; node--) {
    data = addAttribution(secrets[node]!, number(hops[node]!, 'hold_time'), undefined, data);
    expectMembers(`hops[${node}].`, hops[node]!, { attribution_data: data });
  }
  const origin = unwrapFulfillAttribution(data!, secrets);
  expectMembers('', testCase, { origin_hold_times: origin.holdTimes });
  expectSame('blamed hop', undefined, origin.blamedHop);
}

function runDecrypt(testCase: VectorCase): void {
  const secrets = secretsOf(testCase);
  const packet = hex(testCase, 'packet');
  if (has(testCase, 'failing_index')) {
    const message = hex(testCase, 'failure_message');
    checkOrigin(packet, secrets, number(testCase, 'failing_index'), message);
  }
  if (!has(testCase, 'attribution_data')) return;
  const origin = unwrapAttributedFailure({ packet, attributionData: hex(testCase, 'attribution_data') }, secrets);
  expectSame('blamed hop', testCase['blamed_hop'], origin.blamedHop);
  expectMembers('', testCase, {
    hold_times_before_blame: origin.holdTimes,
    origin_hold_times: origin.holdTimes,
  });
}

/** Layers put on (or taken off, which is the same) one after the other. */
function runWrap(testCase: VectorCase): void {
  const start = has(testCase, 'input')
    ? hex(testCase, 'input')
    : buildFailurePacket(hex(testCase, 'um_secret'), hex(testCase, 'failure_message'));
  const packet = hexes(testCase, 'wrap_secrets').reduce((layered, secret) => wrapFailure(secret, layered), start);
  expectSame('packet', testCase['packet'], packet);
}

function runErrorChain(testCase: VectorCase): void {
  const secrets = secretsOf(testCase);
  const erring = number(testCase, 'erring_node');
  const message = hex(testCase, 'failure');
  const padded = has(testCase, 'failure_len_plus_pad_len') ? number(testCase, 'failure_len_plus_pad_len') : 256;
  let packet = wrapFailure(secrets[erring]!, buildFailurePacket(secrets[erring]!, message, padded));
  if (padded === 256) expectSame('originated', packet, originateFailure(secrets[erring]!, message));
  for (const step of records(testCase, 'steps')) {
    const node = number(step, 'node');
    if (node !== erring) packet = wrapFailure(secrets[node]!, packet);
    expectSame(`packet of node ${node}`, text(step, 'packet'), packet);
  }
  expectMembers('', testCase, { received: packet });
  checkOrigin(packet, secrets, erring, message);
  if (!has(testCase, 'wrong_order_fails')) return;
  const wrong = hexes(testCase, 'wrong_order_fails');
  expectSame('wrong_order_fails, sorted', wrong.map(toHex).sort(), secrets.map(toHex).sort());
  if (wrong.every((secret, i) => equalBytes(secret, secrets[i]!))) {
    mismatch('wrong_order_fails', 'another order', wrong);
  }
  if (unwrapFailure(packet, wrong)) mismatch('wrong order', 'no hop', 'a hop');
}

const hopsOrSecrets = (c: Members): boolean => has(c, 'hops') || has(c, 'shared_secrets');

export const failureHandlers: Handler[] = [
  { name: 'failure message', matches: (c) => c.kind === 'failure_message' && has(c, 'hex'), run: runFailureMessage },
  {
    name: 'return packet',
    matches: (c) => c.kind === 'return_packet' && has(c, 'hex', 'um_key'),
    run: runReturnPacket,
  },
  {
    name: 'failure route',
    always: 'accepted',
    matches: (c) => c.op === 'failure' && has(c, 'hops', 'failing_hop'),
    run: runFailure,
  },
  { name: 'fulfill route', always: 'accepted', matches: (c) => c.op === 'fulfill' && has(c, 'hops'), run: runFulfill },
  {
    name: 'failure at the origin',
    always: 'accepted',
    matches: (c) => c.op === 'failure_decrypt' && has(c, 'packet') && hopsOrSecrets(c),
    run: runDecrypt,
  },
  {
    name: 'failure layers',
    always: 'accepted',
    matches: (c) => c.op === 'failure_wrap' && has(c, 'wrap_secrets'),
    run: runWrap,
  },
  {
    name: 'failure chain',
    always: 'accepted',
    matches: (c) => c.kind === 'error' && has(c, 'erring_node', 'steps') && hopsOrSecrets(c),
    run: runErrorChain,
  },
];
