/** LDK phantom vectors: keys, payment secrets and fake SCIDs. */
import { ec } from '../../src/crypto/index.js';
import {
  ClusterKeys,
  isLdkFakeScid,
  issuePaymentSecret,
  issuePaymentSecretForHash,
  issueSpontaneousSecret,
  ldkFakeOutput,
  ldkFakeScid,
  type LdkScidNamespace,
  type SecretVerdict,
  verifyPaymentSecret,
} from '../../src/phantom/index.js';
import { concat } from '../../src/wire/bytes.js';
import { scidParts } from '../../src/wire/scid.js';
import { big, good, hardenedChild, hex, type Json, maybe, number, objectAt, same, text, Unknown } from './ldk-json.js';

export function keyDerivation(vector: Json): void {
  const keys = new ClusterKeys(hex(vector, 'cross_node_seed'));
  same('phantom node id', keys.phantomNodeId, vector['phantom_node_id']);
  same('phantom secret', keys.phantomSecret, vector['phantom_secret_key']);
  same('inbound key material', keys.inboundKeyMaterial, vector['inbound_key_material']);
  const expanded = maybe(vector, 'expanded_keys', objectAt);
  if (expanded) {
    const ours = [
      keys.infoKey,
      keys.ownHashKey,
      keys.userHashKey,
      keys.offersBaseKey,
      keys.offersEncryptionKey,
      keys.spontaneousKey,
      keys.blindedPathKey,
      keys.metadataKey,
    ];
    for (const [name, value] of Object.entries(expanded)) same(name, ours[Number.parseInt(name, 10) - 1], value);
  }
  const nodeSeed = maybe(vector, 'node_seed', hex);
  if (!nodeSeed) return;
  const nodeSecret = hardenedChild(nodeSeed, 0);
  same('node secret', nodeSecret, vector['node_secret_key']);
  same('node id', ec.publicKey(nodeSecret), vector['node_id']);
  same('inbound material', hardenedChild(nodeSeed, 5), vector['non_phantom_inbound_key_material']);
}

function termsOf(vector: Json, keys: ClusterKeys) {
  return {
    keys,
    minAmountMsat: maybe(vector, 'min_amount_msat', big),
    expiryDeltaSeconds: number(vector, 'expiry_delta_seconds'),
    now: number(vector, 'current_time'),
    minFinalCltv: maybe(vector, 'custom_min_final_cltv', number),
  };
}

export function inboundPayment(vector: Json): void {
  const terms = termsOf(vector, new ClusterKeys(hex(vector, 'cross_node_seed')));
  const entropy = maybe(vector, 'entropy_32_bytes', hex);
  const userHash = maybe(vector, 'user_payment_hash', hex);
  if (!entropy && !userHash) {
    same('secret', good(issueSpontaneousSecret(terms)).paymentSecret, vector['payment_secret']);
    return;
  }
  const issued = userHash
    ? good(issuePaymentSecretForHash({ ...terms, paymentHash: userHash }))
    : good(issuePaymentSecret({ ...terms, iv: entropy!.slice(0, 16) }));
  same('secret', issued.paymentSecret, vector['payment_secret']);
  same('hash', issued.paymentHash, vector['payment_hash']);
  same('preimage', issued.preimage, vector['payment_preimage']);
}

function outcomeOf(verdict: SecretVerdict): string {
  if (verdict.ok) return verdict.preimage ? 'ok with preimage' : 'ok without preimage';
  switch (verdict.reason) {
    case 'unknown_method':
      return 'unknown method';
    case 'amount_too_low':
      return 'amount';
    case 'expired':
      return 'expired';
    case 'not_authentic':
      return verdict.method === 4
        ? 'spontaneous hmac'
        : verdict.method! % 2 === 1
          ? 'user hash hmac'
          : 'preimage mismatch';
  }
}

export function verification(vector: Json): void {
  const verdict = verifyPaymentSecret({
    keys: new ClusterKeys(hex(vector, 'cross_node_seed')),
    paymentHash: hex(vector, 'payment_hash'),
    paymentSecret: hex(vector, 'payment_secret'),
    totalMsat: big(vector, 'total_msat'),
    now: number(vector, 'block_time'),
    metadata: maybe(vector, 'metadata_in_invoice', hex) ?? maybe(vector, 'payment_metadata', hex),
  });
  same('outcome', outcomeOf(verdict), vector['outcome']);
  same('preimage', verdict.ok ? verdict.preimage : undefined, vector['preimage']);
  same('CLTV', verdict.ok ? verdict.minFinalCltv : undefined, vector['min_final_cltv']);
}

export function metadata(vector: Json, section: Json): void {
  const keys = new ClusterKeys(maybe(vector, 'cross_node_seed', hex) ?? hex(section, 'cross_node_seed'));
  const terms = termsOf(vector, keys);
  const plaintext = hex(vector, 'metadata_plaintext');
  const userHash = maybe(vector, 'user_payment_hash', hex);
  const issued = userHash
    ? good(
        issuePaymentSecretForHash({
          ...terms,
          paymentHash: userHash,
          metadata: { plaintext, iv: hex(vector, 'metadata_iv') },
        }),
      )
    : good(issuePaymentSecret({ ...terms, iv: hex(vector, 'iv'), metadata: plaintext }));
  same('metadata', issued.metadata, vector['metadata_in_invoice']);
  same('secret', issued.paymentSecret, vector['payment_secret']);
  same('preimage', issued.preimage, vector['payment_preimage']);
  if (!userHash) same('hash', issued.paymentHash, vector['payment_hash']);

  const verify = (carried: Uint8Array | undefined): SecretVerdict =>
    verifyPaymentSecret({ ...issued, keys, totalMsat: terms.minAmountMsat ?? 1n, now: terms.now, metadata: carried });
  const verdict = verify(issued.metadata);
  same('verified metadata', verdict.ok && verdict.metadata, plaintext);
  for (const wrong of [undefined, concat(issued.metadata!, Uint8Array.of(0))]) {
    same('other metadata', verify(wrong).ok, false);
  }
}

function namespaceOf(vector: Json): LdkScidNamespace {
  const name = text(vector, 'namespace').split(' ')[0]!;
  if (name !== 'phantom' && name !== 'outbound_alias' && name !== 'intercept') throw new Unknown(`namespace ${name}`);
  return name;
}

export function fakeScid(vector: Json): void {
  const fakeScidKey = hex(vector, 'fake_scid_key');
  const mainnet = text(vector, 'network') === 'mainnet';
  const namespace = namespaceOf(vector);
  const bestHeight = number(vector, 'best_block_height');
  const scid = ldkFakeScid({ fakeScidKey, mainnet, bestHeight, entropy: hex(vector, 'entropy_32_bytes'), namespace });
  same('scid', scid, vector['expected_scid']);
  const { block, txIndex, output } = scidParts(scid);
  same('parts', [block, txIndex, output], [vector['block'], vector['tx_index'], vector['vout']]);
  same('recognised', isLdkFakeScid(fakeScidKey, mainnet, scid, namespace), true);
  same('other output recognised', isLdkFakeScid(fakeScidKey, mainnet, scid ^ 1n, namespace), false);
  same('set high byte recognised', isLdkFakeScid(fakeScidKey, mainnet, scid | 0x100n, namespace), false);
  const others = maybe(vector, 'same_block_and_tx_other_namespaces_vout', objectAt);
  if (!others) return;
  same('outbound alias', ldkFakeOutput(fakeScidKey, block, txIndex, 'outbound_alias'), others['outbound_alias_1']);
  same('intercept', ldkFakeOutput(fakeScidKey, block, txIndex, 'intercept'), others['intercept_2']);
}
