/** What payers and nodes hand to the phantom: secrets, SCIDs, hints of other programs. */
import { strict as assert } from 'node:assert';
import { ec, sha256 } from '../../../src/crypto/index.js';
import {
  blindedPhantomScid,
  type BlindedScidKind,
  ClusterKeys,
  decodeLdkPhantomRouteHints,
  issuePaymentSecret,
  KeyRing,
  phantomRouteHintsOfJson,
  phantomScid,
  recognisePhantomScid,
  verifyPaymentSecretByRing,
} from '../../../src/phantom/index.js';
import { concat, toHex } from '../../../src/wire/bytes.js';
import { u16, u32, u64 } from '../../../src/wire/integers.js';
import { ByteReader } from '../../../src/wire/reader.js';
import { encodeLengthPrefixedTlvStream } from '../../../src/wire/tlv.js';
import type { BytesTarget, FuzzTarget, TextTarget } from '../target.js';

const keys = new ClusterKeys(new Uint8Array(32).fill(0x21));
const ring = new KeyRing({ id: 1, keys }, [{ id: 0, keys: new ClusterKeys(new Uint8Array(32).fill(0x22)) }]);
const nodeId = ec.publicKey(new Uint8Array(32).fill(0x23));
const NOW = 1_700_000_000;

const issued = (minAmountMsat?: bigint, metadata?: Uint8Array) =>
  unwrapIssued(
    issuePaymentSecret({
      keys,
      iv: new Uint8Array(16).fill(7),
      minAmountMsat,
      metadata,
      expiryDeltaSeconds: 3600,
      now: NOW,
    }),
  );

function unwrapIssued<T>(result: { ok: true; value: T } | { ok: false; error: { message: string } }): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** 32 bytes hash, 32 bytes secret, 8 bytes total, the rest metadata. */
const paymentSecret: BytesTarget = {
  name: 'phantom/payment-secret',
  kind: 'bytes',
  maxLength: 200,
  corpus: () => {
    const withMetadata = issued(undefined, Uint8Array.of(1, 2, 3));
    return [
      ...[issued(), issued(1000n)].map((one) => concat(one.paymentHash, one.paymentSecret, u64(1000n))),
      concat(withMetadata.paymentHash, withMetadata.paymentSecret, u64(2000n), withMetadata.metadata!),
    ];
  },
  run(input) {
    if (input.length < 72) return false;
    const reader = new ByteReader(input);
    const paymentHash = reader.bytes(32);
    const secret = reader.bytes(32);
    const totalMsat = reader.u64();
    const metadata = reader.left > 0 ? reader.rest() : undefined;
    const verdict = verifyPaymentSecretByRing(ring, {
      paymentHash,
      paymentSecret: secret,
      totalMsat,
      now: NOW,
      metadata,
    });
    if (!verdict.ok) return false;
    assert.ok(totalMsat >= verdict.amountMsat, 'too little was accepted');
    if (verdict.preimage) assert.deepEqual(sha256(verdict.preimage), paymentHash, 'a preimage of another hash');
    return true;
  },
};

const KINDS: readonly BlindedScidKind[] = ['invoice', 'static_invoice'];

const scid: BytesTarget = {
  name: 'phantom/scid',
  kind: 'bytes',
  maxLength: 8,
  corpus: () => [
    ...[0, 1, 2, 0xff_ffff].map((variant) => u64(phantomScid(keys, nodeId, variant))),
    ...KINDS.map((kind) => u64(blindedPhantomScid(keys, nodeId, kind, 7))),
  ],
  run(input) {
    if (input.length !== 8) return false;
    const value = new ByteReader(input).u64();
    const found = recognisePhantomScid(ring, nodeId, value);
    if (!found) return false;
    const { keys: made } = ring.epoch(found.epochId)!;
    const { blinded, variant } = found;
    const again = blinded ? blindedPhantomScid(made, nodeId, blinded, variant) : phantomScid(made, nodeId, variant);
    assert.equal(again, value);
    return true;
  },
};

type Value = readonly [type: number, value: Uint8Array];
const records = (...values: Value[]) => values.map(([type, value]) => ({ type: BigInt(type), value }));
const flag = (set: boolean) => Uint8Array.of(set ? 1 : 0);

const peer = records(
  [2, nodeId],
  [8, encodeLengthPrefixedTlvStream(records([2, u32(1000)], [4, u32(1)], [6, u16(40)]))],
);
const channel = encodeLengthPrefixedTlvStream(
  records(
    [1, u64(1n)],
    [4, encodeLengthPrefixedTlvStream(peer)],
    [8, u64(592931436542885889n)],
    [9, u32(6)],
    [20, u64(5_000_000n)],
    [28, flag(true)],
    [30, flag(true)],
    [32, flag(false)],
    [33, u64(1n)],
    [35, u64(4_000_000n)],
  ),
);
const hintsOf = (...channels: Uint8Array[]): Uint8Array =>
  encodeLengthPrefixedTlvStream(records([2, concat(...channels)], [4, u64(77n)], [6, nodeId]));

const ldkHints: BytesTarget = {
  name: 'phantom/ldk-hints',
  kind: 'bytes',
  corpus: () => [hintsOf(), hintsOf(channel), hintsOf(channel, channel)],
  run: (input) => decodeLdkPhantomRouteHints(input).ok,
};

const JSON_CHANNEL = {
  peer_node_id: toHex(nodeId),
  short_channel_id: '592931436542885889',
  inbound_scid_alias: null,
  inbound_capacity_msat: '5000000',
  is_announced: false,
  is_usable: true,
  is_channel_ready: true,
  confirmations: 6,
  inbound_htlc_minimum_msat: '1',
  counterparty_forwarding_info: { fee_base_msat: 1000, fee_proportional_millionths: 1, cltv_expiry_delta: 40 },
};

const hintsJson: TextTarget = {
  name: 'phantom/hints-json',
  kind: 'text',
  alphabet: '0123456789abcdef{}[]":,-.eE+xntrufls',
  corpus: () =>
    [[], [JSON_CHANNEL], [JSON_CHANNEL, JSON_CHANNEL]].map((channels) =>
      JSON.stringify({ node_id: toHex(nodeId), phantom_scid: '77', channels }),
    ),
  run(input) {
    let value: unknown;
    try {
      value = JSON.parse(input);
    } catch {
      return false;
    }
    return phantomRouteHintsOfJson(value).ok;
  },
};

export const phantomTargets: readonly FuzzTarget[] = [paymentSecret, scid, ldkHints, hintsJson];
