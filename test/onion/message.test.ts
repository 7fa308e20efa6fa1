import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import {
  buildBlindedPath,
  buildOnion,
  decodeMessagePayload,
  decodeOnionMessage,
  type EncryptedData,
  encodeEncryptedData,
  encodeMessagePayload,
  encodeOnionMessage,
  MessageContent,
  type MessagePayload,
  type OnionMessage,
  peelOnionMessage,
  splitPrefixedPacket,
} from '../../src/onion/index.js';
import { concat } from '../../src/wire/bytes.js';
import { encodeTlvStream } from '../../src/wire/tlv.js';
import { unwrap } from '../../src/wire/result.js';
import { bytes, withFlippedBit } from './arbitraries.js';

const SECRETS = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
const NODES = SECRETS.map((nodeSecret) => ec.publicKey(nodeSecret));
const HELLO = { type: MessageContent.invoiceRequest, value: Uint8Array.of(1, 2, 3) };

/** A message over the three nodes; `payloadOf` may spoil a payload. */
function message(
  datas: readonly EncryptedData[],
  payloadOf: (payload: MessagePayload, hop: number) => Uint8Array = encodeMessagePayload,
): OnionMessage {
  const path = buildBlindedPath(
    new Uint8Array(32).fill(9),
    datas.map((data, i) => ({ nodeId: NODES[i]!, data: encodeEncryptedData(data) })),
  );
  const hops = path.hops.map(({ blindedNodeId, encryptedData }, i) => ({
    nodeId: blindedNodeId,
    payload: payloadOf(
      { encryptedRecipientData: encryptedData, ...(i === datas.length - 1 && { content: HELLO, replyPath: path }) },
      i,
    ),
  }));
  const { onion } = buildOnion({ sessionKey: new Uint8Array(32).fill(8), hops, associatedData: new Uint8Array() });
  return { pathKey: path.firstPathKey, packet: onion };
}

const DATAS: readonly EncryptedData[] = [
  { nextNodeId: NODES[1]! },
  { shortChannelId: 77n },
  { pathId: Uint8Array.of(5) },
];

describe('onion messages', () => {
  it('travel to their end', () => {
    let current = message(DATAS);
    const seen: unknown[] = [];
    for (const nodeSecret of SECRETS) {
      const wire = unwrap(decodeOnionMessage(encodeOnionMessage(current)));
      expect(wire).toEqual(current);
      const peeled = unwrap(peelOnionMessage(nodeSecret, wire));
      if (peeled.kind === 'receive') {
        expect(peeled.data).toEqual({ pathId: Uint8Array.of(5) });
        expect(peeled.payload.content).toMatchObject(HELLO);
        expect(peeled.payload.replyPath?.hops).toHaveLength(3);
        seen.push('received');
      } else {
        seen.push(peeled.to);
        current = peeled.message;
      }
    }
    expect(seen).toEqual([{ nodeId: NODES[1] }, { shortChannelId: 77n }, 'received']);
  });

  const refusal = (sent: OnionMessage): string => {
    const peeled = peelOnionMessage(SECRETS[0]!, sent);
    return peeled.ok ? peeled.value.kind : peeled.error.code;
  };
  const final: readonly EncryptedData[] = [{ pathId: Uint8Array.of(5) }];
  const withRecord = (type: bigint) => (payload: MessagePayload) =>
    encodeTlvStream([
      { type: 4n, value: payload.encryptedRecipientData },
      { type: 64n, value: new Uint8Array() },
      { type, value: new Uint8Array() },
    ]);

  it.each([
    ['a relay without next hop', message([{}, ...DATAS.slice(1)]), 'missing_next_hop'],
    ['a relay with path_id', message([{ ...DATAS[0], pathId: Uint8Array.of(1) }, DATAS[1]!]), 'forbidden:path_id'],
    [
      'a feature we do not know',
      message([{ ...DATAS[0], allowedFeatures: [1] }, DATAS[1]!]),
      'unknown_allowed_feature',
    ],
    [
      'a relay with content',
      message(DATAS, (payload) => encodeMessagePayload({ ...payload, content: HELLO })),
      'forbidden_type:64',
    ],
    ['two contents', message(final, withRecord(66n)), 'two_contents'],
    ['an unknown even record', message(final, withRecord(100n)), 'unknown_even_type'],
    ['an unknown odd record', message(final, withRecord(101n)), 'receive'],
    ['no encrypted data', message(final, () => encodeTlvStream([HELLO])), 'missing:encrypted_recipient_data'],
    [
      'data for somebody else',
      message(final, () => encodeMessagePayload({ encryptedRecipientData: NODES[0]! })),
      'decryption_failed',
    ],
    ['a path key of somebody else', { ...message(final), pathKey: NODES[2]! }, 'invalid_onion_hmac'],
    ['a path key off the curve', { ...message(final), pathKey: new Uint8Array(33) }, 'invalid_onion_blinding'],
  ])('%s', (_, sent, expected) => {
    expect(refusal(sent)).toBe(expected);
  });

  it('may carry odd records behind the packet, even ones not', () => {
    const wire = encodeOnionMessage(message(final));
    const behind = (type: number) => decodeOnionMessage(concat(wire, Uint8Array.of(type, 0)));
    expect(behind(1).ok).toBe(true);
    expect(behind(2)).toMatchObject({ error: { code: 'unknown_even_type' } });
  });

  it('frames packets of 66 bytes and more', () => {
    const framed = (length: number) => splitPrefixedPacket(concat(Uint8Array.of(0, length), new Uint8Array(length)));
    expect([framed(65).ok, framed(66).ok]).toEqual([false, true]);
  });

  it('never throw on random or mutated bytes', () => {
    const wire = encodeOnionMessage(message(DATAS));
    const payload = encodeMessagePayload({ encryptedRecipientData: NODES[0]!, content: HELLO });
    fc.assert(
      fc.property(bytes(0, 200), fc.nat(), (random, bit) => {
        for (const input of [
          random,
          withFlippedBit(wire, bit),
          concat(wire, random),
          wire.slice(0, bit % wire.length),
        ]) {
          const decoded = decodeOnionMessage(input);
          if (decoded.ok) expect(typeof peelOnionMessage(SECRETS[0]!, decoded.value).ok).toBe('boolean');
          expect(typeof splitPrefixedPacket(input).ok).toBe('boolean');
        }
        for (const role of ['relay', 'final'] as const) {
          for (const input of [random, withFlippedBit(payload, bit)]) {
            expect(typeof decodeMessagePayload(input, role).ok).toBe('boolean');
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
