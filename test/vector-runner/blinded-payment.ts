/** What BOLT 4's example of a payment into a blinded path says around the onion: the path, its fees, the content of each hop. */
import { ec } from '../../src/crypto/index.js';
import {
  aggregateRelays,
  type BlindedPath,
  decodeEncryptedData,
  decodePaymentPayload,
  encodeEncryptedData,
  nextPathKey,
  type PaymentPayload,
  unblindHop,
  unframePayload,
} from '../../src/onion/index.js';
import { equalBytes } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { hex, integer, number, object, records, type Members } from './members.js';
import { encryptedDataJson, payloadJson, recordsJson } from './onion-json.js';
import { NODE_SECRETS, publishedSecretOf } from './published-keys.js';
import { expectSame, mismatch, type VectorCase } from './registry.js';

/** Some files write `{ features: [] }`, others the list of bits itself. */
export function flatFeatures(tlvs: Members): Members {
  const features = tlvs['allowed_features'];
  if (features === undefined || Array.isArray(features)) return tlvs;
  return { ...tlvs, allowed_features: (features as Members)['features'] };
}

/**
 * Opens a path whose nodes have published keys, hop by hop, and demands the blinded ids that the keys give.
 * @returns the data of every hop; undefined if the first node is nobody with a published key
 */
export function openPublished({ firstNode, firstPathKey, hops }: BlindedPath): Uint8Array[] | undefined {
  const firstId = 'nodeId' in firstNode ? firstNode.nodeId : undefined;
  const opener = NODE_SECRETS.find((secret) => unblindHop(secret, firstPathKey, hops[0]!.encryptedData).ok);
  if (opener && firstId) expectSame('first node', ec.publicKey(opener), firstId);
  if (!opener && !(firstId && publishedSecretOf(firstId))) return undefined;
  let pathKey = firstPathKey;
  return hops.map(({ blindedNodeId, encryptedData }, i) => {
    const opened = NODE_SECRETS.map((secret) => unblindHop(secret, pathKey, encryptedData)).find(({ ok }) => ok);
    if (!opened?.ok) mismatch(`hop ${i} of the path`, 'opened by a published key', 'by none');
    const hop = opened.value;
    expectSame(`blinded node id of hop ${i}`, blindedNodeId, ec.publicKey(hop.blindedSecret));
    const data = decodeEncryptedData(hop.data);
    if (data.ok) pathKey = nextPathKey(hop, data.value);
    return hop.data;
  });
}

/** Demands that `blinded_path`, `blinded_payinfo`, `tlvs` and the final amounts say what the payloads of the hops say. */
export function checkBlindedPayment(testCase: VectorCase): void {
  const path = pathOf(object(testCase, 'blinded_path'));
  const hops = records(testCase, 'hops');
  const tlvs = records(testCase, 'tlvs');
  const before = hops.length - path.hops.length;
  expectSame('number of tlvs', hops.length, tlvs.length);
  const payloads = hops.map((hop, i) => payloadOf(hop, i, before, hops.length));
  const opened = openPublished(path);
  tlvs.forEach((expected, i) => {
    const { encrypted_recipient_data: inner, ...outer } = expected;
    const { encrypted_recipient_data: sealed, ...fields } = payloadJson(payloads[i]!);
    expectSame(`tlvs[${i}]`, outer, fields);
    if (i < before) return;
    const hop = path.hops[i - before]!;
    expectSame(`encrypted data of hop ${i}`, hop.encryptedData, sealed);
    // The first hop of the path is found by its real id, the others by their blinded ones.
    expectSame(`id of hop ${i}`, hex(hops[i]!, 'pubkey'), i === before ? firstIdOf(path) : hop.blindedNodeId);
    const plain = opened?.[i - before];
    if (plain) checkInner(`tlvs[${i}].encrypted_recipient_data`, inner as Members, plain);
  });
  expectSame('path key', hex(tlvs[before]!, 'current_path_key'), path.firstPathKey);
  checkAmounts(testCase, payloads, tlvs.slice(before), before);
}

function pathOf(expected: Members): BlindedPath {
  return {
    firstNode: { nodeId: hex(expected, 'first_node_id') },
    firstPathKey: hex(expected, 'first_path_key'),
    hops: records(expected, 'hops').map((hop) => ({
      blindedNodeId: hex(hop, 'blinded_node_id'),
      encryptedData: hex(hop, 'encrypted_data'),
    })),
  };
}

const firstIdOf = ({ firstNode }: BlindedPath): Uint8Array | undefined =>
  'nodeId' in firstNode ? firstNode.nodeId : undefined;

/** Only the first hop of a path is told the path key inside its payload. */
function payloadOf(hop: Members, i: number, before: number, count: number): PaymentPayload {
  const payload = unwrap(unframePayload(hex(hop, 'payload_with_length')));
  return unwrap(decodePaymentPayload(payload, { final: i === count - 1, updateAddHasPathKey: i > before }));
}

function checkInner(where: string, expected: Members, plain: Uint8Array): void {
  const data = unwrap(decodeEncryptedData(plain));
  expectSame(where, flatFeatures(expected), { ...encryptedDataJson(data), unknown: recordsJson(data.unknown) });
  if (!equalBytes(encodeEncryptedData(data), plain)) mismatch(where, plain, 'other bytes when written again');
}

function checkAmounts(
  testCase: VectorCase,
  payloads: readonly PaymentPayload[],
  tlvs: readonly Members[],
  before: number,
): void {
  const amount = integer(testCase, 'final_amount_msat');
  const height = number(testCase, 'final_cltv');
  const final = payloads.at(-1)!;
  expectSame('final_amount_msat', amount, final.amtToForward);
  expectSame('final_cltv', height, final.outgoingCltvValue);
  const relays = tlvs.slice(0, -1).map((tlv) => {
    const relay = object(object(tlv, 'encrypted_recipient_data'), 'payment_relay');
    return {
      feeBaseMsat: number(relay, 'fee_base_msat'),
      feeProportionalMillionths: number(relay, 'fee_proportional_millionths'),
      cltvExpiryDelta: number(relay, 'cltv_expiry_delta'),
    };
  });
  const sum = aggregateRelays(relays, 0);
  expectSame('blinded_payinfo', testCase['blinded_payinfo'], {
    fee_base_msat: sum.feeBaseMsat,
    fee_proportional_millionths: sum.feeProportionalMillionths,
    cltv_expiry_delta: sum.cltvExpiryDelta,
  });
  if (before === 0) return;
  const lastBefore = payloads[before - 1]!;
  const fee = sum.feeBaseMsat + (amount * sum.feeProportionalMillionths) / 1_000_000n;
  expectSame('amount into the path', amount + fee, lastBefore.amtToForward);
  expectSame('height into the path', height + sum.cltvExpiryDelta, lastBefore.outgoingCltvValue);
}
