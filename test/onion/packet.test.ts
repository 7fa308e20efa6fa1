import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec, sha256 } from '../../src/crypto/index.js';
import {
  buildBlindedPath,
  buildOnion,
  buildOnionOfFrames,
  FailureCode,
  frameLength,
  type PeeledOnion,
  peelOnion,
  replayTag,
} from '../../src/onion/index.js';
import { concat } from '../../src/wire/bytes.js';
import { bytes, node, secret, type TestNode, withFlippedBit } from './arbitraries.js';

const AD = new Uint8Array(32).fill(0x42);
const SESSION = new Uint8Array(32).fill(0x41);
const nodeAt = (i: number): TestNode => {
  const nodeSecret = new Uint8Array(32).fill(i + 1);
  return { nodeSecret, nodeId: ec.publicKey(nodeSecret) };
};

/** Peels at every node of the route and returns what each found. */
function peelRoute(nodes: readonly TestNode[], onion: Uint8Array, associatedData: Uint8Array): PeeledOnion[] {
  const found: PeeledOnion[] = [];
  let packet: Uint8Array | undefined = onion;
  for (const { nodeSecret } of nodes) {
    if (!packet) throw new Error('the onion ended early');
    const peeled = peelOnion({ nodeSecret, onion: packet, associatedData });
    if (!peeled.ok) throw new Error(peeled.error.message);
    found.push(peeled.value);
    packet = peeled.value.next;
  }
  expect(packet).toBeUndefined();
  return found;
}

/** Payloads that together fit 1300 bytes. */
const route = fc
  .array(fc.tuple(node, bytes(2, 300)), { minLength: 1, maxLength: 20 })
  .map((hops) => {
    let used = 0;
    return hops.map(([at, payload]) => {
      const room = 1300 - used - 36 * (hops.length - 1);
      const fitting = payload.slice(0, Math.max(2, Math.min(payload.length, room - 36)));
      used += frameLength(fitting.length);
      return { at, payload: fitting };
    });
  })
  .filter((hops) => hops.reduce((sum, { payload }) => sum + frameLength(payload.length), 0) <= 1300);

describe('buildOnion and peelOnion', () => {
  it('frames that end before, at and behind what is decrypted first are found alike', () => {
    for (let length = 150; length <= 170; length++) {
      const payloads = [0, 1].map((hop) => Uint8Array.from({ length }, (_, i) => i + hop));
      const nodes = [nodeAt(0), nodeAt(1)];
      const hops = nodes.map(({ nodeId }, hop) => ({ nodeId, payload: payloads[hop]! }));
      const { onion } = buildOnion({ sessionKey: SESSION, hops, associatedData: AD });
      expect(peelRoute(nodes, onion, AD).map(({ payload }) => payload)).toEqual(payloads);
    }
  });

  it('every hop of a random route finds its payload, and only the last is final', () => {
    const lengths = new Set<number>();
    fc.assert(
      fc.property(route, secret, bytes(0, 64), (hops, sessionKey, associatedData) => {
        const { onion, sharedSecrets } = buildOnion({
          sessionKey,
          associatedData,
          hops: hops.map(({ at, payload }) => ({ nodeId: at.nodeId, payload })),
        });
        expect(onion).toHaveLength(1366);
        const found = peelRoute(
          hops.map(({ at }) => at),
          onion,
          associatedData,
        );
        expect(found.map(({ payload }) => payload)).toEqual(hops.map(({ payload }) => payload));
        expect(found.map(({ sharedSecret }) => sharedSecret)).toEqual(sharedSecrets);
        lengths.add(hops.length);
      }),
      { numRuns: 40 },
    );
    expect(lengths.size).toBeGreaterThan(3);
  });

  it('carries 20 hops, and areas of other sizes', () => {
    const nodes = Array.from({ length: 20 }, (_, i) => nodeAt(i));
    const hops = nodes.map(({ nodeId }, i) => ({ nodeId, payload: new Uint8Array(10 + i).fill(i) }));
    for (const payloadAreaSize of [1300, 1400, 4000, 32768]) {
      const { onion } = buildOnion({ sessionKey: SESSION, hops, associatedData: AD, payloadAreaSize });
      expect(onion).toHaveLength(66 + payloadAreaSize);
      const found = peelRoute(nodes, onion, AD);
      expect(found.map(({ payload }) => payload)).toEqual(hops.map(({ payload }) => payload));
    }
  });

  it('a small area is enough for one hop, and must not be smaller', () => {
    const { nodeId, nodeSecret } = nodeAt(0);
    const hops = [{ nodeId, payload: Uint8Array.of(1, 2) }];
    const { onion } = buildOnion({ sessionKey: SESSION, hops, associatedData: AD, payloadAreaSize: 35 });
    expect(peelOnion({ nodeSecret, onion, associatedData: AD })).toMatchObject({ ok: true });
    expect(() => buildOnion({ sessionKey: SESSION, hops, associatedData: AD, payloadAreaSize: 34 })).toThrow(
      RangeError,
    );
  });

  it('one payload fills 1300 bytes exactly; one byte more is refused', () => {
    const { nodeId, nodeSecret } = nodeAt(0);
    const fits = { nodeId, payload: new Uint8Array(1300 - 32 - 3).fill(7) };
    const { onion } = buildOnion({ sessionKey: SESSION, hops: [fits], associatedData: AD });
    const peeled = peelOnion({ nodeSecret, onion, associatedData: AD });
    if (!peeled.ok) throw new Error(peeled.error.message);
    expect(peeled.value.payload).toEqual(fits.payload);
    expect(peeled.value.next).toBeUndefined();
    const over = { nodeId, payload: new Uint8Array(1300 - 32 - 2) };
    expect(() => buildOnion({ sessionKey: SESSION, hops: [over], associatedData: AD })).toThrow(RangeError);
  });

  it('a full onion of two hops leaves the filler in the right place', () => {
    const nodes = [nodeAt(0), nodeAt(1)];
    const payloads = [new Uint8Array(600).fill(1), new Uint8Array(1300 - 635 - 35).fill(2)];
    const hops = nodes.map(({ nodeId }, i) => ({ nodeId, payload: payloads[i]! }));
    const { onion } = buildOnion({ sessionKey: SESSION, hops, associatedData: AD });
    expect(peelRoute(nodes, onion, AD).map(({ payload }) => payload)).toEqual(payloads);
  });

  it('refuses to build what no reader takes', () => {
    const { nodeId } = nodeAt(0);
    const build = (hops: { nodeId: Uint8Array; payload: Uint8Array }[]) => () =>
      buildOnion({ sessionKey: SESSION, hops, associatedData: AD });
    expect(build([])).toThrow(RangeError);
    expect(build([{ nodeId, payload: new Uint8Array(1) }])).toThrow(RangeError);
    expect(build([{ nodeId: new Uint8Array(33), payload: new Uint8Array(2) }])).toThrow(RangeError);
  });
});

describe('peelOnion refuses', () => {
  const { nodeId, nodeSecret } = nodeAt(0);
  const peelFramed = (framedPayload: Uint8Array) => {
    const { onion } = buildOnionOfFrames({
      sessionKey: SESSION,
      associatedData: AD,
      hops: [{ nodeId, framedPayload }],
    });
    return { onion, result: peelOnion({ nodeSecret, onion, associatedData: AD }) };
  };

  it.each([
    ['length 0', Uint8Array.of(0)],
    ['length 1', Uint8Array.of(1, 9)],
    ['length not minimal, 3 bytes', Uint8Array.of(0xfd, 0, 4, 1, 2, 3, 4)],
    ['length not minimal, 3 bytes, at its edge', concat(Uint8Array.of(0xfd, 0, 0xfc), new Uint8Array(0xfc))],
    ['length not minimal, 5 bytes', Uint8Array.of(0xfe, 0, 0, 0, 4, 1, 2, 3, 4)],
    ['length past the area', Uint8Array.of(0xfd, 0x05, 0x14)],
    ['length one too many', Uint8Array.of(0xfd, 0x04, 0xf2)],
    ['length of 9 bytes', Uint8Array.of(0xff, 255, 255, 255, 255, 255, 255, 255, 255)],
  ])('authentic onion with %s, and hands out the secret to encrypt the failure', (_, framed) => {
    const { onion, result } = peelFramed(framed);
    if (result.ok) throw new Error('peeled');
    expect(result.error.code).toBe('invalid_onion_payload');
    expect(result.error.failureCode).toBe(FailureCode.invalidOnionPayload);
    expect(result.error.sha256OfOnion).toEqual(sha256(onion));
    expect(result.error.sharedSecret).toEqual(ec.ecdh(nodeSecret, onion.subarray(1, 34)));
  });

  it('any corruption of one bit, by the part of the packet that was hit', () => {
    const { onion } = buildOnion({
      sessionKey: SESSION,
      associatedData: AD,
      hops: [{ nodeId, payload: new Uint8Array(50) }],
    });
    fc.assert(
      fc.property(fc.nat({ max: onion.length * 8 - 1 }), (bit) => {
        const bad = withFlippedBit(onion, bit);
        const result = peelOnion({ nodeSecret, onion: bad, associatedData: AD });
        if (result.ok) throw new Error('peeled');
        const { code, failureCode, sha256OfOnion, sharedSecret } = result.error;
        expect(sha256OfOnion).toEqual(sha256(bad));
        expect(sharedSecret).toBeUndefined();
        if (bit < 8) expect([code, failureCode]).toEqual(['invalid_onion_version', 0xc004]);
        else if (bit >= 34 * 8) expect([code, failureCode]).toEqual(['invalid_onion_hmac', 0xc005]);
        else expect(['invalid_onion_key', 'invalid_onion_hmac']).toContain(code);
      }),
      { numRuns: 300 },
    );
  });

  it('another payment hash and another node', () => {
    const { onion } = buildOnion({
      sessionKey: SESSION,
      associatedData: AD,
      hops: [{ nodeId, payload: new Uint8Array(50) }],
    });
    const code = (parameters: Partial<Parameters<typeof peelOnion>[0]>) => {
      const result = peelOnion({ nodeSecret, onion, associatedData: AD, ...parameters });
      return result.ok ? 'peeled' : result.error.code;
    };
    expect(code({})).toBe('peeled');
    expect(code({ associatedData: new Uint8Array(32) })).toBe('invalid_onion_hmac');
    expect(code({ nodeSecret: nodeAt(1).nodeSecret })).toBe('invalid_onion_hmac');
  });

  it('random bytes of any length, without throwing', () => {
    fc.assert(
      fc.property(bytes(0, 1500), fc.boolean(), (random, versioned) => {
        const onion = versioned ? concat(Uint8Array.of(0), nodeId, random) : random;
        expect(peelOnion({ nodeSecret, onion, associatedData: AD }).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe('blinded onions', () => {
  const pathKey = ec.publicKey(SESSION);

  it('are peeled with the path key, and with nothing else', () => {
    const { nodeId, nodeSecret } = nodeAt(4);
    const { hops } = buildBlindedPath(SESSION, [{ nodeId, data: new Uint8Array() }]);
    const { onion } = buildOnion({
      sessionKey: SESSION,
      associatedData: AD,
      hops: [{ nodeId: hops[0]!.blindedNodeId, payload: Uint8Array.of(1, 0) }],
    });
    expect(peelOnion({ nodeSecret, onion, associatedData: AD, pathKey })).toMatchObject({ ok: true });
    expect(peelOnion({ nodeSecret, onion, associatedData: AD })).toMatchObject({ ok: false });
  });

  it('answer invalid_onion_blinding whatever is wrong', () => {
    const { nodeSecret, nodeId } = nodeAt(4);
    const { onion } = buildOnion({ sessionKey: SESSION, associatedData: AD, hops: [{ nodeId, payload: AD }] });
    const answers = [
      peelOnion({ nodeSecret, onion, associatedData: AD, pathKey }),
      peelOnion({ nodeSecret, onion: withFlippedBit(onion, 0), associatedData: AD, pathKey }),
      peelOnion({ nodeSecret, onion, associatedData: AD, pathKey: new Uint8Array(33) }),
    ];
    const codes = answers.map((answer) => (answer.ok ? 'peeled' : [answer.error.code, answer.error.failureCode]));
    expect(codes).toEqual([
      ['invalid_onion_hmac', 0xc018],
      ['invalid_onion_version', 0xc018],
      ['invalid_onion_blinding', 0xc018],
    ]);
  });
});

it('replayTag is the hmac, equal for a replay and different for another onion', () => {
  const { nodeId } = nodeAt(0);
  const build = (sessionKey: Uint8Array) =>
    buildOnion({ sessionKey, associatedData: AD, hops: [{ nodeId, payload: AD }] }).onion;
  expect(replayTag(build(SESSION))).toEqual(build(SESSION).slice(1334));
  expect(replayTag(build(SESSION))).not.toEqual(replayTag(build(AD)));
});
