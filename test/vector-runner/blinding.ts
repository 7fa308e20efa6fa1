/** BOLT 4 route blinding: blinded hops, paths, fees inside them, and the streams of encrypted data. */
import { ec, sha256 } from '../../src/crypto/index.js';
import {
  aggregateRelays,
  blindHop,
  decodeBlindedPath,
  decodeEncryptedData,
  encodeBlindedPath,
  encodeEncryptedData,
  nextPathKey,
  onionKey,
  type BlindedPath,
  type EncryptedDataRole,
  type PaymentRelay,
  readFirstNode,
  relayThroughBlindedHop,
  unblindHop,
} from '../../src/onion/index.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refusable, unwrap } from '../../src/wire/result.js';
import { scidText } from '../../src/wire/scid.js';
import { has, hex, integer, number, object, records, scid, text, type Members } from './members.js';
import { flatFeatures, openPublished } from './blinded-payment.js';
import { encryptedDataJson, recordsJson } from './onion-json.js';
import { checkRefusedStream, ENCRYPTED_DATA_LAYOUT } from './payload-sloppy.js';
import { expectMembers, expectOutcome, expectSame, mismatch, type Handler, type VectorCase } from './registry.js';

function runBlindHop(testCase: VectorCase): void {
  const data = hex(testCase, 'encoded_tlvs');
  if (has(testCase, 'path_privkey')) {
    const hop = blindHop(hex(testCase, 'path_privkey'), hex(testCase, 'node_id'), data);
    expectMembers('', testCase, {
      path_key: hop.pathKey,
      shared_secret: hop.sharedSecret,
      encrypted_data: hop.encryptedData,
      blinded_node_id: hop.blindedNodeId,
      rho: onionKey('rho', hop.sharedSecret),
      blinding_factor: onionKey('blinded_node_id', hop.sharedSecret),
      next_factor: sha256(hop.pathKey, hop.sharedSecret),
      next_path_privkey: hop.nextPathSecret,
    });
  } else {
    const hop = unwrap(
      unblindHop(hex(testCase, 'node_privkey'), hex(testCase, 'path_key'), hex(testCase, 'encrypted_data')),
    );
    expectSame('encoded_tlvs', data, hop.data);
    expectMembers('', testCase, { node_id: ec.publicKey(hex(testCase, 'node_privkey')) });
    expectMembers('', testCase, { blinded_node_id: ec.publicKey(hop.blindedSecret) });
  }
  if (!has(testCase, 'tlvs')) return;
  const decoded = unwrap(decodeEncryptedData(data));
  expectSame('tlvs', flatFeatures(object(testCase, 'tlvs')), {
    ...encryptedDataJson(decoded),
    unknown: recordsJson(decoded.unknown),
  });
  expectSame('tlvs written again', data, encodeEncryptedData(decoded));
}

function runUnblind(testCase: VectorCase): void {
  const nodeSecret = hex(testCase, 'node_privkey');
  const unblinded = unblindHop(nodeSecret, hex(testCase, 'path_key'), hex(testCase, 'encrypted_data'));
  const hop = expectOutcome(testCase, unblinded);
  if (!hop) return;
  expectMembers('', testCase, {
    blinded_privkey: hop.blindedSecret,
    decrypted_data: hop.data,
    derived_next_path_key: hop.derivedNextPathKey,
  });
  if (has(testCase, 'next_path_key')) {
    expectSame('next_path_key', testCase['next_path_key'], nextPathKey(hop, unwrap(decodeEncryptedData(hop.data))));
  }
}

function runPath(testCase: VectorCase): void {
  const path: BlindedPath = {
    firstNode: has(testCase, 'first_node_id')
      ? { nodeId: hex(testCase, 'first_node_id') }
      : unwrap(refusable(() => readFirstNode(new ByteReader(hex(testCase, 'first_node'))))),
    firstPathKey: hex(testCase, 'first_path_key'),
    hops: records(testCase, 'hops').map((hop) => ({
      blindedNodeId: hex(hop, 'blinded_node_id'),
      encryptedData: hex(hop, 'encrypted_data'),
    })),
  };
  const encoded = encodeBlindedPath(path);
  expectMembers('', testCase, { encoded });
  expectSame('read again', path, unwrap(decodeBlindedPath(encoded)));
  openPublished(path);
}

function relayOf(of: Members): PaymentRelay {
  return {
    feeBaseMsat: number(of, 'fee_base_msat'),
    feeProportionalMillionths: number(of, 'fee_proportional_millionths'),
    cltvExpiryDelta: number(of, 'cltv_expiry_delta'),
  };
}

function runRelay(testCase: VectorCase): void {
  const relay = relayOf(object(testCase, 'payment_relay'));
  const amount = integer(testCase, 'amount_msat');
  const relayed = expectOutcome(testCase, relayThroughBlindedHop(amount, number(testCase, 'cltv_expiry'), relay));
  if (!relayed) return;
  expectMembers('', testCase, {
    amt_to_forward: relayed.amtToForward,
    outgoing_cltv_value: relayed.outgoingCltvValue,
  });
}

function runAggregate(testCase: VectorCase): void {
  const minFinal = has(testCase, 'min_final_cltv_expiry_delta') ? number(testCase, 'min_final_cltv_expiry_delta') : 0;
  const sum = aggregateRelays(records(testCase, 'hops').map(relayOf), minFinal);
  expectMembers('', testCase, {
    fee_base_msat: sum.feeBaseMsat,
    fee_proportional_millionths: sum.feeProportionalMillionths,
    cltv_expiry_delta: sum.cltvExpiryDelta,
  });
}

const ROLES: readonly string[] = ['payment_relay', 'payment_final', 'message_relay', 'message_final'];

function runEncryptedData(testCase: VectorCase): void {
  const role = has(testCase, 'role') ? text(testCase, 'role') : undefined;
  if (role !== undefined && !ROLES.includes(role)) mismatch('role', ROLES, role);
  const stream = hex(testCase, 'hex');
  const data = expectOutcome(testCase, decodeEncryptedData(stream, role as EncryptedDataRole | undefined));
  if (!data) {
    checkRefusedStream(testCase, ENCRYPTED_DATA_LAYOUT, stream);
    return;
  }
  expectSame('fields', flatFeatures((testCase['fields'] as Members | undefined) ?? {}), encryptedDataJson(data));
  expectSame('unknown', testCase['unknown'] ?? {}, recordsJson(data.unknown) ?? {});
  expectSame('written again', stream, encodeEncryptedData(data));
}

function runFirstNode(testCase: VectorCase): void {
  const node = expectOutcome(
    testCase,
    refusable(() => {
      const reader = new ByteReader(hex(testCase, 'hex'));
      const read = readFirstNode(reader);
      reader.end();
      return read;
    }),
  );
  if (!node || !has(testCase, 'fields')) return;
  const fields = object(testCase, 'fields');
  if ('nodeId' in node) {
    const expected = fields['node_id'] ?? fields['pubkey'] ?? fields['first_node_id'];
    expectSame('node id', expected, node.nodeId);
  } else {
    expectMembers('', fields, {
      direction: node.direction,
      short_channel_id: scidText(node.shortChannelId),
      node: node.direction === 0 ? 'node_id_1' : 'node_id_2',
    });
    expectSame('short channel id', scid(fields, 'short_channel_id'), node.shortChannelId);
  }
}

export const blindingHandlers: Handler[] = [
  {
    name: 'blind hop',
    always: 'accepted',
    matches: (c) => c.op === 'blind_hop' && has(c, 'encoded_tlvs'),
    run: runBlindHop,
  },
  { name: 'unblind hop', matches: (c) => c.op === 'unblind_hop' && has(c, 'encrypted_data'), run: runUnblind },
  {
    name: 'path',
    always: 'accepted',
    matches: (c) => c.op === 'path' && has(c, 'first_path_key', 'hops'),
    run: runPath,
  },
  { name: 'relay', matches: (c) => c.op === 'relay' && has(c, 'payment_relay'), run: runRelay },
  { name: 'aggregate', always: 'accepted', matches: (c) => c.op === 'aggregate' && has(c, 'hops'), run: runAggregate },
  { name: 'encrypted data', matches: (c) => c.kind === 'encrypted_data' && has(c, 'hex'), run: runEncryptedData },
  { name: 'first node', matches: (c) => c.kind === 'sciddir_or_pubkey' && has(c, 'hex'), run: runFirstNode },
];
