import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../../src/crypto/index.js';
import {
  type BlindedPath,
  buildOnion,
  decodePaymentPayload,
  encodePaymentPayload,
  frameLength,
  framePayload,
  PAYMENT_AREA_SIZE,
  peelOnion,
  unblindHop,
} from '../../../src/onion/index.js';
import { type FinalRecords, type HopPayload, mostHops, payloadsOf, type RouteHop } from '../../../src/send/index.js';
import { fromHex, toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { vectorCases, vectorText } from '../../wire/vectors.js';
import { nodeId } from '../support.js';
import { pathThrough, realId, secretOf } from './support.js';

interface CreateVector {
  readonly id: string;
  readonly session_key: string;
  readonly associated_data: string;
  readonly hops: readonly { readonly pubkey: string; readonly payload_with_length: string }[];
  readonly onion: string;
  readonly blinded_path: {
    readonly first_node_id: string;
    readonly first_path_key: string;
    readonly hops: readonly { readonly blinded_node_id: string; readonly encrypted_data: string }[];
  };
}

interface LdkVectors {
  readonly invoice_request_for_static_invoices_1: { readonly bytes: string };
  readonly payment_onion: {
    readonly lsp_secret_key: string;
    readonly keysend_preimage: string;
    readonly first_path_key: string;
    readonly blinded_hops: readonly { readonly blinded_node_id: string; readonly encrypted_recipient_data: string }[];
    readonly htlc_amount_msat: number;
    readonly htlc_cltv_expiry: number;
    readonly expected: {
      readonly lsp_payload: string;
      readonly final_payload: string;
      readonly final_amt_msat: number;
      readonly final_cltv: number;
    };
  };
}

const hop = (scid: bigint, to: Uint8Array, amountMsat: bigint, expiry: number): RouteHop => ({
  kind: 'public',
  scid,
  direction: 0,
  nodeId: to,
  amountMsat,
  expiry,
});

const route = (to: readonly Uint8Array[], path?: BlindedPath): RouteHop[] => {
  const open = to.map((id, i) => hop(BigInt(i + 1), id, 1_000n - BigInt(i), 500 - i));
  return path ? [...open, { ...hop(9n, nodeId(99), 900n, 400), blindedPath: path }] : open;
};

const frames = (payloads: readonly HopPayload[]): number =>
  payloads.reduce((sum, { payload }) => sum + frameLength(encodePaymentPayload(payload).length), 0);

describe('the payloads of a part', () => {
  it('are those of BOLT 4 for a blinded path', () => {
    const vector = vectorCases<CreateVector>('bolt04-blinded-payment-onion').find(({ id }) => id === 'create')!;
    const blindedPath: BlindedPath = {
      firstNode: { nodeId: fromHex(vector.blinded_path.first_node_id) },
      firstPathKey: fromHex(vector.blinded_path.first_path_key),
      hops: vector.blinded_path.hops.map(({ blinded_node_id, encrypted_data }) => ({
        blindedNodeId: fromHex(blinded_node_id),
        encryptedData: fromHex(encrypted_data),
      })),
    };
    const [alice, bob] = vector.hops.map(({ pubkey }) => fromHex(pubkey)) as [Uint8Array, Uint8Array];
    const hops = [
      hop(1n, alice, 110_200n, 749_200),
      hop(10n, bob, 110_125n, 749_150),
      { ...hop(0n, nodeId(99), 100_000n, 749_000), blindedPath },
    ];
    const payloads = payloadsOf({ totalMsat: 150_000n, part: { hops, records: {} } })!;
    const encoded = payloads.map(({ nodeId: id, payload }) => ({ nodeId: id, payload: encodePaymentPayload(payload) }));
    expect(encoded.map(({ nodeId: id, payload }) => [toHex(id), toHex(framePayload(payload))])).toEqual(
      vector.hops.map(({ pubkey, payload_with_length }) => [pubkey, payload_with_length]),
    );
    const { onion } = buildOnion({
      sessionKey: fromHex(vector.session_key),
      hops: encoded,
      associatedData: fromHex(vector.associated_data),
    });
    expect(toHex(onion)).toBe(vector.onion);
  });

  it('are those of LDK for a static invoice', () => {
    const vector = JSON.parse(vectorText('static-invoice')) as LdkVectors;
    const { payment_onion: onion, invoice_request_for_static_invoices_1: request } = vector;
    const blindedPath: BlindedPath = {
      firstNode: { nodeId: ec.publicKey(fromHex(onion.lsp_secret_key)) },
      firstPathKey: fromHex(onion.first_path_key),
      hops: onion.blinded_hops.map(({ blinded_node_id, encrypted_recipient_data }) => ({
        blindedNodeId: fromHex(blinded_node_id),
        encryptedData: fromHex(encrypted_recipient_data),
      })),
    };
    const { final_amt_msat: amount, final_cltv: cltv } = onion.expected;
    const hops = [
      hop(1n, ec.publicKey(fromHex(onion.lsp_secret_key)), BigInt(onion.htlc_amount_msat), onion.htlc_cltv_expiry),
      { ...hop(0n, nodeId(99), BigInt(amount), cltv), blindedPath },
    ];
    const records = { keysendPreimage: fromHex(onion.keysend_preimage), invoiceRequest: fromHex(request.bytes) };
    const payloads = payloadsOf({ totalMsat: BigInt(amount), part: { hops, records } })!;
    expect(payloads.map(({ payload }) => toHex(encodePaymentPayload(payload)))).toEqual([
      onion.expected.lsp_payload,
      onion.expected.final_payload,
    ]);
  });

  it('are opened hop by hop, with what a static invoice asks for at the end', () => {
    const names = ['mia', 'lou', 'kay'];
    const { path } = pathThrough(names);
    const records: FinalRecords = { keysendPreimage: new Uint8Array(32).fill(5), invoiceRequest: Uint8Array.of(0, 1) };
    const hops = route([realId('ann'), realId('mia')], path);
    const payloads = payloadsOf({ totalMsat: 2_000n, part: { hops, records } })!;
    const associatedData = new Uint8Array(32);
    const packed = payloads.map(({ nodeId: id, payload }) => ({ nodeId: id, payload: encodePaymentPayload(payload) }));
    let { onion } = buildOnion({ sessionKey: secretOf('session'), hops: packed, associatedData });
    let pathKey: Uint8Array | undefined;
    const kinds = ['ann', ...names].map((name) => {
      const nodeSecret = secretOf(name);
      const peeled = unwrap(peelOnion({ nodeSecret, onion, associatedData, ...(pathKey ? { pathKey } : {}) }));
      const final = peeled.next === undefined;
      const payload = unwrap(decodePaymentPayload(peeled.payload, { final, updateAddHasPathKey: !!pathKey }));
      const key = payload.currentPathKey ?? pathKey;
      if (key) pathKey = unwrap(unblindHop(nodeSecret, key, payload.encryptedRecipientData!)).derivedNextPathKey;
      onion = peeled.next ?? onion;
      return payload;
    });
    expect(kinds.map(({ kind }) => kind)).toEqual(['relay', 'blinded_relay', 'blinded_relay', 'blinded_final']);
    expect(kinds[0]).toMatchObject({ amtToForward: 999n, outgoingCltvValue: 499, shortChannelId: 2n });
    expect(kinds[3]).toMatchObject({ amtToForward: 900n, outgoingCltvValue: 400, totalAmountMsat: 2_000n, ...records });
  });

  it('give a path of one hop all of it at once', () => {
    const { path } = pathThrough(['mia']);
    const payloads = payloadsOf({ totalMsat: 900n, part: { hops: route([realId('mia')], path), records: {} } })!;
    expect(payloads).toEqual([
      {
        nodeId: realId('mia'),
        payload: {
          encryptedRecipientData: path.hops[0]!.encryptedData,
          currentPathKey: path.firstPathKey,
          amtToForward: 900n,
          outgoingCltvValue: 400,
          totalAmountMsat: 900n,
        },
      },
    ]);
  });

  it('carry nothing that the end of a path would refuse', () => {
    const { path } = pathThrough(['mia', 'lou']);
    const records: FinalRecords = {
      paymentData: { paymentSecret: new Uint8Array(32), totalMsat: 1n },
      paymentMetadata: new Uint8Array(3),
      customRecords: [{ type: 70_001n, value: new Uint8Array(1) }],
    };
    const last = payloadsOf({ totalMsat: 900n, part: { hops: route([realId('mia')], path), records } })!.at(-1)!;
    const bytes = encodePaymentPayload(last.payload);
    expect(decodePaymentPayload(bytes, { final: true, updateAddHasPathKey: true }).ok).toBe(true);
  });

  it('are none where a path starts at the sending node, or nothing leads anywhere', () => {
    const { path } = pathThrough(['mia', 'lou']);
    expect(payloadsOf({ totalMsat: 900n, part: { hops: route([], path), records: {} } })).toBeUndefined();
    expect(payloadsOf({ totalMsat: 900n, part: { hops: [], records: {} } })).toBeUndefined();
  });

  it('are none where they do not fit into the onion, to the byte', () => {
    const { path } = pathThrough(['mia', 'lou']);
    const made = (size: number): readonly HopPayload[] | undefined => {
      const records = { invoiceRequest: new Uint8Array(size) };
      return payloadsOf({ totalMsat: 900n, part: { hops: route([realId('mia')], path), records } });
    };
    const free = PAYMENT_AREA_SIZE - frames(made(300)!);
    expect(frames(made(300 + free)!)).toBe(PAYMENT_AREA_SIZE);
    expect(made(301 + free)).toBeUndefined();
  });

  it('fit in as many hops as there is said to be room for, and in no more', () => {
    const size = fc.nat({ max: 900 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), size, fc.boolean(), (blinded, bytes, whole) => {
        const path = blinded === 0 ? undefined : pathThrough(['a', 'b', 'c', 'd', 'e', 'f'].slice(0, blinded)).path;
        const records: FinalRecords = path
          ? { keysendPreimage: new Uint8Array(32), invoiceRequest: new Uint8Array(bytes) }
          : { paymentMetadata: new Uint8Array(bytes) };
        const greatest = { amountMsat: whole ? 0xff_ffffn : 1n << 40n, totalMsat: 1n << 33n, expiry: 0xff_ffff };
        const { amountMsat, expiry } = greatest;
        const most = mostHops(greatest, records, path);
        const least = path ? 2 : 1;
        for (const count of [most, most + 1]) {
          if (count < least) continue;
          const open = Array.from({ length: path ? count - 1 : count }, (_, i) =>
            hop(2n ** 63n, nodeId(i), amountMsat, expiry),
          );
          const hops = path ? [...open, { ...open.at(-1)!, blindedPath: path }] : open;
          const made = payloadsOf({ totalMsat: greatest.totalMsat, part: { hops, records } });
          expect(made !== undefined).toBe(count === most);
        }
      }),
    );
  });
});
