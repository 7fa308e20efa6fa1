/** What a relay inside a blinded path forwards, against the example of BOLT 4. */
import { describe, expect, it } from 'vitest';
import { blindedTerms, NO_SCID, type BlindedIncoming } from '../../src/node/sim/blinded-relay.js';
import { ec } from '../../src/crypto/index.js';
import {
  buildBlindedPath,
  decodePaymentPayload,
  encodeEncryptedData,
  type EncryptedData,
  unframePayload,
} from '../../src/onion/index.js';
import { fromHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { vectorCases } from '../wire/vectors.js';

interface PeelCase {
  readonly id: string;
  readonly node_privkey: string;
  readonly payload_with_length: string;
  readonly path_key_used: string;
  readonly next_path_key: string;
}

interface RelayCase {
  readonly id: string;
  readonly amount_msat: string;
  readonly cltv_expiry: number;
  readonly amt_to_forward: string;
  readonly outgoing_cltv_value: number;
}

const cases = vectorCases<{ readonly id: string }>('bolt04-blinded-payment-onion');
const caseOf = <Case extends { readonly id: string }>(id: string): Case => cases.find((one) => one.id === id) as Case;

describe('a relay of the BOLT 4 example', () => {
  it.each(['bob', 'carol', 'dave'])('%s forwards what the example says', (name) => {
    const peel = caseOf<PeelCase>(`peel-${name}`);
    const relay = caseOf<RelayCase>(`relay-${name}`);
    const payload = unwrap(
      decodePaymentPayload(unwrap(unframePayload(fromHex(peel.payload_with_length))), {
        final: false,
        updateAddHasPathKey: name !== 'bob',
      }),
    );
    const terms = blindedTerms(fromHex(peel.node_privkey), {
      amountMsat: BigInt(relay.amount_msat),
      cltvExpiry: relay.cltv_expiry,
      pathKey: fromHex(peel.path_key_used),
      encryptedData: payload.encryptedRecipientData!,
    });
    expect(unwrap(terms)).toEqual({
      amtToForward: BigInt(relay.amt_to_forward),
      outgoingCltvValue: relay.outgoing_cltv_value,
      outgoingScid: { bob: 1n, carol: 2n, dave: 3n }[name],
      nextPathKey: fromHex(peel.next_path_key),
    });
  });
});

const SECRET = new Uint8Array(32).fill(7);
const NEXT = ec.publicKey(new Uint8Array(32).fill(8));
const GOOD: EncryptedData = {
  shortChannelId: 99n,
  paymentRelay: { feeBaseMsat: 10, feeProportionalMillionths: 1000, cltvExpiryDelta: 40 },
  paymentConstraints: { maxCltvExpiry: 900_000, htlcMinimumMsat: 5_000n },
};

function incoming(data: EncryptedData, change: Partial<BlindedIncoming> = {}): BlindedIncoming {
  const path = buildBlindedPath(new Uint8Array(32).fill(9), [
    { nodeId: ec.publicKey(SECRET), data: encodeEncryptedData(data) },
  ]);
  const { firstPathKey: pathKey, hops } = path;
  return { amountMsat: 10_020n, cltvExpiry: 900_000, pathKey, encryptedData: hops[0]!.encryptedData, ...change };
}

const codeOf = (arriving: BlindedIncoming): string | undefined => {
  const terms = blindedTerms(SECRET, arriving);
  return terms.ok ? undefined : terms.error.code;
};

describe('a relay', () => {
  it('takes fee and delta, and no more', () => {
    expect(unwrap(blindedTerms(SECRET, incoming(GOOD)))).toMatchObject({
      amtToForward: 10_000n,
      outgoingCltvValue: 899_960,
    });
  });

  it('goes to a node where the data names one', () => {
    const { shortChannelId: _, ...rest } = GOOD;
    expect(unwrap(blindedTerms(SECRET, incoming({ ...rest, nextNodeId: NEXT })))).toMatchObject({
      outgoingScid: NO_SCID,
      outgoingNodeId: NEXT,
    });
  });

  it('is bound by the constraints to the last block and millisatoshi', () => {
    expect(codeOf(incoming(GOOD, { cltvExpiry: 900_001 }))).toBe('expiry_too_far');
    expect(codeOf(incoming(GOOD, { amountMsat: 4_999n }))).toBe('amount_below_minimum');
    expect(codeOf(incoming(GOOD, { amountMsat: 5_000n }))).toBeUndefined();
  });

  it('refuses what does not pay for itself', () => {
    const dear = { ...GOOD, paymentRelay: { ...GOOD.paymentRelay!, feeBaseMsat: 20_000 } };
    expect(codeOf(incoming(dear))).toBe('fee_insufficient');
    const slow = { ...GOOD, paymentRelay: { ...GOOD.paymentRelay!, cltvExpiryDelta: 65_535 } };
    expect(codeOf(incoming(slow, { cltvExpiry: 100 }))).toBe('incorrect_cltv_expiry');
  });

  it('refuses features that it does not know', () => {
    expect(codeOf(incoming({ ...GOOD, allowedFeatures: [] }))).toBeUndefined();
    expect(codeOf(incoming({ ...GOOD, allowedFeatures: [0] }))).toBe('unknown_allowed_feature');
    expect(codeOf(incoming({ ...GOOD, allowedFeatures: [101] }))).toBe('unknown_allowed_feature');
  });

  it('refuses data without relay, without constraints, with a path_id, or for another key', () => {
    const { paymentRelay, paymentConstraints, ...hop } = GOOD;
    expect(codeOf(incoming({ ...hop, paymentConstraints: paymentConstraints! }))).toBe('missing:payment_relay');
    expect(codeOf(incoming({ ...hop, paymentRelay: paymentRelay! }))).toBe('missing:payment_constraints');
    expect(codeOf(incoming({ ...GOOD, pathId: new Uint8Array(32) }))).toBe('forbidden:path_id');
    expect(codeOf(incoming(GOOD, { pathKey: NEXT }))).toBe('decryption_failed');
    expect(codeOf(incoming(GOOD, { pathKey: new Uint8Array(33) }))).toBe('invalid_point');
  });
});
