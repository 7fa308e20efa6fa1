/** LDK phantom vectors: onions, failures and offers. */
import { decodeOffer, derivedOfferKey, derivedOfferSigner } from '../../src/bolt12/index.js';
import { ec, sealChaCha20Poly1305, sha256 } from '../../src/crypto/index.js';
import { addAttribution, buildFailurePacket, originateFailure, peelOnion, wrapFailure } from '../../src/onion/index.js';
import { ClusterKeys, verifyPaymentSecret } from '../../src/phantom/index.js';
import { concat, equalBytes } from '../../src/wire/bytes.js';
import { decodeTruncated, u16, uintOf } from '../../src/wire/integers.js';
import { splitTlvStream } from '../../src/wire/tlv.js';
import { big, good, hex, type Json, maybe, number, objectAt, same, sealWithKey, text } from './ldk-json.js';

/** The payload as LDK's vectors spell it. */
function payloadFields(payload: Uint8Array): Json {
  const records = new Map(splitTlvStream(payload).map(({ type, value }) => [Number(type), value]));
  const data = records.get(8);
  const scid = records.get(6);
  return {
    amt_to_forward: decodeTruncated(records.get(2)!, 8),
    outgoing_cltv_value: decodeTruncated(records.get(4)!, 4),
    ...(scid && { short_channel_id: uintOf(scid) }),
    ...(data && { payment_secret: data.slice(0, 32), total_msat: decodeTruncated(data.slice(32), 8) }),
    raw_tlv: payload,
  };
}

function messageOf(vector: Json): Uint8Array {
  return concat(
    u16(Number.parseInt(text(vector, 'failure_code'), 16)),
    maybe(vector, 'failure_data', hex) ?? new Uint8Array(),
  );
}

export function phantomOnion(vector: Json): void {
  const keys = new ClusterKeys(hex(vector, 'cross_node_seed'));
  same('phantom secret', keys.phantomSecret, vector['phantom_secret_key']);
  const associatedData = hex(vector, 'payment_hash');
  const onion = hex(vector, 'onion_packet_at_real_node');
  const outer = good(peelOnion({ nodeSecret: hex(vector, 'real_node_secret_key'), onion, associatedData }));
  same('shared secret of the real node', outer.sharedSecret, vector['real_node_shared_secret']);
  same('outer payload', payloadFields(outer.payload), vector['real_node_payload']);
  same('inner packet', outer.next, vector['onion_packet_for_phantom']);

  const phantomShared = ec.ecdh(keys.phantomSecret, outer.next!.slice(1, 34))!;
  same('shared secret of the phantom', phantomShared, vector['phantom_shared_secret']);
  const inner = peelOnion({ nodeSecret: keys.phantomSecret, onion: outer.next!, associatedData });
  const failure = maybe(vector, 'failure', objectAt);
  if (inner.ok) {
    same('inner payload', payloadFields(inner.value.payload), vector['phantom_payload']);
    same('last hop', inner.value.next, undefined);
  } else {
    same('inner payload', undefined, vector['phantom_payload']);
    same('code', inner.error.failureCode, Number.parseInt(text(failure!, 'failure_code'), 16));
    same('hash of the inner payload area', sha256(outer.next!.slice(34, 1334)), failure!['failure_data']);
  }
  if (failure) {
    const byPhantom = text(failure, 'originated_by') === 'phantom';
    const ours = byPhantom
      ? wrapFailure(outer.sharedSecret, originateFailure(phantomShared, messageOf(failure)))
      : originateFailure(outer.sharedSecret, messageOf(failure));
    same('failure packet', ours, failure['update_fail_htlc_reason']);
  } else {
    const payload = objectAt(vector, 'phantom_payload');
    const verdict = verifyPaymentSecret({
      keys,
      paymentHash: associatedData,
      paymentSecret: hex(payload, 'payment_secret'),
      totalMsat: big(payload, 'total_msat'),
      now: 0,
    });
    same('secret of a payment that LDK accepted', verdict.ok, true);
  }
}

export function attributedFailure(vector: Json): void {
  const real = hex(vector, 'real_node_shared_secret');
  const phantom = maybe(vector, 'phantom_shared_secret', hex);
  const holdTime = number(vector, 'hold_time_each');
  const packet = buildFailurePacket(phantom ?? real, messageOf(vector));
  const once = wrapFailure(phantom ?? real, packet);
  const data = addAttribution(phantom ?? real, holdTime, packet);
  same('reason', phantom ? wrapFailure(real, once) : once, vector['update_fail_htlc_reason']);
  same('attribution', phantom ? addAttribution(real, holdTime, once, data) : data, vector['attribution_data']);
}

export function fulfillAttribution(section: Json): void {
  const holdTime = number(section, 'hold_time_each');
  const byPhantom = addAttribution(hex(section, 'phantom_shared_secret'), holdTime);
  same('phantom layer', byPhantom, section['after_phantom_layer']);
  const byNode = addAttribution(hex(section, 'real_node_shared_secret'), holdTime, undefined, byPhantom);
  same('both layers', byNode, section['update_fulfill_htlc_attribution_data']);
}

export function offerKeys(section: Json): void {
  const keys = new ClusterKeys(hex(section, 'cross_node_seed'));
  same('offers base key', keys.offersBaseKey, section['offers_base_key']);
  const records = splitTlvStream(hex(section, 'offer_tlv_stream'));
  const nonce = hex(section, 'nonce');
  const secret = derivedOfferKey(keys.offersBaseKey, nonce, records);
  same('signing secret', secret, section['derived_issuer_signing_secret_key']);
  same('issuer', ec.publicKey(secret), section['issuer_signing_pubkey']);
  const covered = records.filter(({ type }) => {
    const without = records.filter((record) => record.type !== type);
    return !equalBytes(derivedOfferKey(keys.offersBaseKey, nonce, without), secret);
  });
  same(
    'records',
    covered.map(({ type }) => type),
    section['record_types_in_hmac'],
  );
  const offer = good(decodeOffer(hex(section, 'offer_tlv_stream')));
  same('ours', derivedOfferSigner(keys.offersBaseKey, nonce, { offer, records })?.nodeId, offer.issuerId);
}

export function blindedPathAuthentication(section: Json): void {
  const rho = hex(section, 'rho_of_the_final_hop');
  const plaintext = hex(section, 'plaintext_recipient_tlvs');
  const nonce = new Uint8Array(12);
  same('standard', sealChaCha20Poly1305(rho, nonce, plaintext), section['without_key_standard_chacha20poly1305']);
  const key = hex(section, 'phantom_node_blinded_path_key');
  same('with key', sealWithKey(rho, plaintext, key), section['with_phantom_key']);
  const seed = maybe(section, 'cross_node_seed', hex);
  if (seed) same('key', new ClusterKeys(seed).blindedPathKey, key);
}
