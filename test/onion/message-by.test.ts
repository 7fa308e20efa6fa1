/** Peeling with a key that somebody else holds does what peeling with the key does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import { type OnionMessage, peelOnionMessage, peelOnionMessageBy } from '../../src/onion/index.js';
import { messageTo } from '../node/messages-conformance-cast.js';

const SECRET = new Uint8Array(32).fill(0x11);
const NODE = ec.publicKey(SECRET);
const OTHER = ec.publicKey(new Uint8Array(32).fill(0x12));

async function peelBy(message: OnionMessage): Promise<{ result: ReturnType<typeof peelOnionMessage>; asked: number }> {
  let asked = 0;
  const ecdh = async (point: Uint8Array): Promise<Uint8Array> => {
    asked += 1;
    const shared = ec.ecdh(SECRET, point);
    if (!shared) throw new Error('no point was asked about');
    return shared;
  };
  return { result: await peelOnionMessageBy(ecdh, message), asked };
}

describe('a message peeled by questions about a key', () => {
  it.each([
    ['ends here', [NODE]],
    ['goes on', [NODE, OTHER]],
    ['goes round', [NODE, NODE, OTHER]],
  ])('that %s', async (_what, nodes) => {
    const message = messageTo(nodes, 'text');
    const { result, asked } = await peelBy(message);
    expect(result.ok).toBe(true);
    expect(result).toEqual(peelOnionMessage(SECRET, message));
    expect(asked).toBe(2);
  });

  it('of anybody never throws, and is refused where it would be with the key', async () => {
    const good = messageTo([NODE, OTHER], 'text');
    const mutated = fc.record({
      at: fc.nat(good.packet.length - 1),
      bit: fc.nat(7),
      cut: fc.nat(good.packet.length),
      pathKey: fc.oneof(fc.constant(good.pathKey), fc.constant(OTHER), fc.uint8Array({ maxLength: 34 })),
    });
    await fc.assert(
      fc.asyncProperty(mutated, fc.boolean(), async ({ at, bit, cut, pathKey }, isCut) => {
        const packet = isCut ? good.packet.slice(0, cut) : good.packet.slice();
        if (!isCut) packet[at]! ^= 1 << bit;
        const message = { pathKey, packet };
        const { result } = await peelBy(message);
        expect(result.ok).toBe(peelOnionMessage(SECRET, message).ok);
      }),
    );
  });
});
