/** BOLT 4: everything that strangers send inside and around an onion. */
import { strict as assert } from 'node:assert';
import { ec, randomBytes } from '../../../src/crypto/index.js';
import {
  ATTRIBUTION_LENGTH,
  buildOnionOfFrames,
  decodeBlindedPath,
  decodeEncryptedData,
  decodeFailureMessage,
  decodeMessagePayload,
  decodeOnionMessage,
  decodePaymentPayload,
  encodeBlindedPath,
  encodeEncryptedData,
  encodeMessagePayload,
  encodePaymentPayload,
  openFailurePacket,
  originateFailure,
  PAYMENT_ONION_LENGTH,
  type PayloadContext,
  peelOnion,
  peelOnionMessage,
  splitPrefixedPacket,
  unframePayload,
  unwrapAttributedFailure,
  unwrapFailure,
  unwrapFulfillAttribution,
} from '../../../src/onion/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { type BytesTarget, type FuzzTarget, hexOfVectors } from '../target.js';
import { sameBytes } from './wire.js';

const ONIONS = ['bolt04-onion-packet', 'bolt04-blinded-payment-onion', 'extra-onion'];
const nodeSecret = new Uint8Array(32).fill(0x41);
const nodeId = ec.publicKey(nodeSecret);
const sessionKey = new Uint8Array(32).fill(0x42);
const associatedData = new Uint8Array(32).fill(0x43);
const pathKey = ec.publicKey(new Uint8Array(32).fill(0x44));

const onionTo = (frames: readonly Uint8Array[]): Uint8Array =>
  buildOnionOfFrames({
    sessionKey,
    hops: frames.map((framedPayload) => ({ nodeId, framedPayload })),
    associatedData,
  }).onion;

const FINAL_FRAME = Uint8Array.of(6, 2, 1, 100, 4, 1, 50);
const RELAY_FRAME = Uint8Array.of(16, 2, 1, 100, 4, 1, 50, 6, 8, 0, 0, 1, 0, 0, 2, 0, 3);

const peel: BytesTarget = {
  name: 'onion/peel',
  kind: 'bytes',
  slow: true,
  maxLength: 1500,
  corpus: () => [
    onionTo([FINAL_FRAME]),
    onionTo([RELAY_FRAME, FINAL_FRAME]),
    ...hexOfVectors(ONIONS, PAYMENT_ONION_LENGTH, PAYMENT_ONION_LENGTH),
  ],
  run(input) {
    for (const key of [undefined, pathKey]) {
      const result = peelOnion({ nodeSecret, onion: input, associatedData, ...(key && { pathKey: key }) });
      if (result.ok && result.value.next) assert.equal(result.value.next.length, input.length);
      if (result.ok) return true;
      assert.equal(result.error.sha256OfOnion.length, 32);
    }
    return false;
  },
};

/** The input is the plain beginning of an authentic onion: what only the sender controls. */
const authenticFrame: BytesTarget = {
  name: 'onion/peel-authentic-frame',
  kind: 'bytes',
  slow: true,
  maxLength: 1268,
  corpus: () => [FINAL_FRAME, RELAY_FRAME, ...hexOfVectors(['extra-payloads', 'extra-onion'], 2, 1200)],
  run(input) {
    const result = peelOnion({ nodeSecret, onion: onionTo([input]), associatedData });
    const payload = unframePayload(input);
    if (payload.ok) {
      assert.ok(result.ok && !result.value.next, 'a well-framed payload of the last hop is refused');
      sameBytes(result.value.payload, payload.value);
    }
    return result.ok;
  },
};

/** Samples with and without their length prefix. */
const withBare = (samples: readonly Uint8Array[]): Uint8Array[] =>
  samples.flatMap((sample) => {
    const bare = unframePayload(sample);
    return bare.ok ? [sample, bare.value] : [sample];
  });

const CONTEXTS: readonly PayloadContext[] = [true, false].flatMap((final) =>
  [true, false].map((updateAddHasPathKey) => ({ final, updateAddHasPathKey })),
);

const paymentPayload: BytesTarget = {
  name: 'onion/payment-payload',
  kind: 'bytes',
  corpus: () =>
    withBare([
      FINAL_FRAME.slice(1),
      RELAY_FRAME.slice(1),
      ...hexOfVectors(['extra-payloads', 'blip03-keysend', 'bolt04-blinded-payment-onion'], 2, 600),
    ]),
  run(input) {
    let accepted = false;
    for (const context of CONTEXTS) {
      const result = decodePaymentPayload(input, context);
      if (!result.ok) continue;
      accepted = true;
      sameBytes(encodePaymentPayload(result.value), input);
    }
    return accepted;
  },
};

const encryptedData: BytesTarget = {
  name: 'onion/encrypted-data',
  kind: 'bytes',
  corpus: () => hexOfVectors(['extra-payloads', 'bolt04-route-blinding', 'bolt04-onion-message'], 2, 600),
  run(input) {
    const result = decodeEncryptedData(input);
    // Zero bytes before the features mean nothing and are not written again, so the second writing is compared.
    if (result.ok) {
      const written = encodeEncryptedData(result.value);
      sameBytes(encodeEncryptedData(unwrap(decodeEncryptedData(written))), written);
    }
    for (const role of ['payment_relay', 'payment_final', 'message_relay', 'message_final'] as const) {
      if (decodeEncryptedData(input, role).ok) assert.ok(result.ok, 'a role takes what nobody may take');
    }
    return result.ok;
  },
};

const messagePayload: BytesTarget = {
  name: 'onion/message-payload',
  kind: 'bytes',
  corpus: () => withBare(hexOfVectors(['extra-payloads', 'bolt04-onion-message', 'blip32-dns-messages'], 2, 900)),
  run(input) {
    let accepted = false;
    for (const role of ['relay', 'final'] as const) {
      const result = decodeMessagePayload(input, role);
      if (!result.ok) continue;
      accepted = true;
      const again = decodeMessagePayload(encodeMessagePayload(result.value), role);
      assert.ok(again.ok, 'what was read does not encode to something readable');
    }
    return accepted;
  },
};

const onionMessage: BytesTarget = {
  name: 'onion/message',
  kind: 'bytes',
  maxLength: 2000,
  corpus: () => hexOfVectors(['bolt04-onion-message'], 100, 2000),
  run(input) {
    const result = decodeOnionMessage(input);
    if (result.ok) peelOnionMessage(nodeSecret, result.value);
    splitPrefixedPacket(input);
    return result.ok;
  },
};

const blindedPath: BytesTarget = {
  name: 'onion/blinded-path',
  kind: 'bytes',
  corpus: () => hexOfVectors(['extra-bolt12-parts', 'bolt04-route-blinding', 'bolt04-onion-message'], 30, 900),
  run(input) {
    const result = decodeBlindedPath(input);
    if (result.ok) sameBytes(encodeBlindedPath(result.value), input);
    return result.ok;
  },
};

const frame: BytesTarget = {
  name: 'onion/frame',
  kind: 'bytes',
  corpus: () => [FINAL_FRAME, ...hexOfVectors(['extra-payloads'], 1, 600)],
  run: (input) => unframePayload(input).ok,
};

const failureMessage: BytesTarget = {
  name: 'onion/failure-message',
  kind: 'bytes',
  corpus: () => hexOfVectors(['extra-failures', 'bolt04-onion-error', 'ldk-phantom'], 2, 400),
  run: (input) => decodeFailureMessage(input).ok,
};

const routeSecrets = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));

const failurePacket: BytesTarget = {
  name: 'onion/failure-packet',
  kind: 'bytes',
  slow: true,
  corpus: () => [
    originateFailure(routeSecrets[0]!, Uint8Array.of(0x20, 2)),
    ...hexOfVectors(['extra-failures', 'bolt04-onion-error'], 32, 400),
  ],
  run(input) {
    openFailurePacket(routeSecrets[0]!, input);
    const attributionData = input.slice(0, ATTRIBUTION_LENGTH);
    unwrapAttributedFailure({ packet: input, attributionData }, routeSecrets);
    return unwrapFailure(input, routeSecrets) !== undefined;
  },
};

/** The input is a failure message as the failing hop encrypted it. */
const authenticFailure: BytesTarget = {
  name: 'onion/failure-authentic',
  kind: 'bytes',
  slow: true,
  maxLength: 1000,
  corpus: () => hexOfVectors(['extra-failures', 'bolt04-onion-error'], 2, 400),
  run(input) {
    const found = unwrapFailure(originateFailure(routeSecrets[0]!, input), routeSecrets);
    return found !== undefined;
  },
};

const attribution: BytesTarget = {
  name: 'onion/attribution',
  kind: 'bytes',
  maxLength: 1000,
  corpus: () => [
    ...hexOfVectors(['bolt04-attribution-data', 'ldk-phantom'], ATTRIBUTION_LENGTH, ATTRIBUTION_LENGTH),
    randomBytes(ATTRIBUTION_LENGTH),
  ],
  run(input) {
    const { holdTimes, blamedHop } = unwrapFulfillAttribution(input, routeSecrets);
    assert.ok(blamedHop !== undefined || holdTimes.length === routeSecrets.length);
    return input.length === ATTRIBUTION_LENGTH;
  },
};

export const onionTargets: readonly FuzzTarget[] = [
  peel,
  authenticFrame,
  paymentPayload,
  encryptedData,
  messagePayload,
  onionMessage,
  blindedPath,
  frame,
  failureMessage,
  failurePacket,
  authenticFailure,
  attribution,
];
