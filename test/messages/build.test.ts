import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import {
  buildOnionMessage,
  encodeContent,
  MAX_MESSAGE_HOPS,
  messagePath,
  type MessagePlan,
} from '../../src/messages/index.js';
import {
  type BlindedPath,
  decodeBlindedPath,
  decodeEncryptedData,
  decodeMessagePayload,
  decodeOnionMessage,
  encodeOnionMessage,
  type OnionMessage,
  peelOnion,
  peelOnionMessage,
} from '../../src/onion/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { NodeId } from '../../src/wire/units.js';
import { bytes } from '../onion/arbitraries.js';
import { vectorCases, vectorText } from '../wire/vectors.js';
import { content, path as anyPath } from './arbitraries.js';
import { secretOf, testRandom, virtualNode } from './network.js';

interface OfficialCase {
  readonly id: string;
  readonly session_key: string;
  readonly onion: string;
  readonly node_privkey: string;
  readonly wire_message: string;
  readonly first_node_id: string;
  readonly first_path_key: string;
  readonly hops: readonly { blinded_node_id: string; encrypted_data: string }[];
}

const official = new Map(vectorCases<OfficialCase>('bolt04-onion-message').map((one) => [one.id, one]));
const joined = official.get('path')!;
const officialPath: BlindedPath = {
  firstNode: { nodeId: fromHex(joined.first_node_id) },
  firstPathKey: fromHex(joined.first_path_key),
  hops: joined.hops.map((hop) => ({
    blindedNodeId: fromHex(hop.blinded_node_id),
    encryptedData: fromHex(hop.encrypted_data),
  })),
};
const NAMES = ['alice', 'bob', 'carol', 'dave'] as const;
const secrets = NAMES.map((name) => fromHex(official.get(`peel-${name}`)!.node_privkey));
const hello = { type: 1n, value: new TextEncoder().encode('hello') };

/** Peels at each node in turn; the last entry is what was received. */
function travel(message: OnionMessage, nodeSecrets: readonly Uint8Array[]) {
  let current = message;
  const way: (NodeId | bigint)[] = [];
  for (const [i, secret] of nodeSecrets.entries()) {
    const onWire = unwrap(decodeOnionMessage(encodeOnionMessage(current)));
    const peeled = unwrap(peelOnionMessage(secret, onWire));
    if (peeled.kind === 'receive') {
      expect(i).toBe(nodeSecrets.length - 1);
      return { way, ...peeled };
    }
    way.push('nodeId' in peeled.to ? peeled.to.nodeId : peeled.to.shortChannelId);
    expect(peeled.message.packet).toHaveLength(message.packet.length);
    current = peeled.message;
  }
  throw new Error('the message did not end at the last node');
}

describe('the official onion message', () => {
  it('is built byte for byte', () => {
    const sessionKey = fromHex(official.get('create')!.session_key);
    const message = buildOnionMessage({ target: { path: officialPath }, content: hello }, () => sessionKey)!;
    expect(toHex(message.packet)).toBe(official.get('create')!.onion);
    expect(toHex(encodeOnionMessage(message))).toBe(official.get('peel-alice')!.wire_message);
  });

  it('arrives over relays of ours before the path of Bob, Carol and Dave', () => {
    const given: BlindedPath = {
      firstNode: { shortChannelId: 5n, direction: 0 },
      firstPathKey: ec.publicKey(new Uint8Array(32).fill(1)),
      hops: officialPath.hops.slice(1),
    };
    const bob = ec.publicKey(secrets[1]!);
    const leadIn = [virtualNode(9).nodeId, ec.publicKey(secrets[0]!)];
    const plan: MessagePlan = { target: { path: given }, firstNode: bob, leadIn, content: hello };
    const message = buildOnionMessage(plan, testRandom())!;
    const received = travel(message, [secretOf(9), ...secrets]);
    expect(received.way.slice(0, 2)).toEqual([leadIn[1], bob]);
    expect(received.payload.unknown).toMatchObject([hello]);
    expect(toHex(received.data.pathId!)).toBe('deadbeefbadc0ffeedeadbeefbadc0ffeedeadbeefbadc0ffeedeadbeefbadc0');
    expect(() => buildOnionMessage({ target: { path: given }, leadIn, content: hello }, testRandom())).toThrow(
      RangeError,
    );
  });
});

interface LdkMessage {
  readonly name: string;
  readonly onion_message: string;
  readonly path: string;
  readonly reply_path: string;
  readonly lsp_payload: string;
  readonly next_path_key: string;
  readonly next_onion: string;
  readonly final_payload: string;
}

const ldk = (JSON.parse(vectorText('static-invoice')) as { onion_messages: readonly LdkMessage[] }).onion_messages;
const CONTENTS = [{ name: 'held_htlc_available' }, { name: 'offer_paths_request', slot: 3 }] as const;
const [lspSecret, payeeSecret] = [secretOf(0x22), secretOf(0x33)];

describe('messages that LDK built', () => {
  it.each(ldk.map((vector, i) => [vector.name, vector, CONTENTS[i]!] as const))('%s', (_, vector, expected) => {
    const message = unwrap(decodeOnionMessage(fromHex(vector.onion_message)));
    const atLsp = unwrap(peelOnionMessage(lspSecret, message));
    if (atLsp.kind !== 'forward') throw new Error('it ended at the LSP');
    expect(atLsp.to).toEqual({ nodeId: ec.publicKey(payeeSecret) });
    expect(toHex(atLsp.message.pathKey)).toBe(vector.next_path_key);
    expect(toHex(atLsp.message.packet)).toBe(vector.next_onion);
    const { pathKey, packet: onion } = atLsp.message;
    const atPayee = peelOnion({ nodeSecret: payeeSecret, onion, associatedData: new Uint8Array(), pathKey });
    if (!atPayee.ok) throw new Error(atPayee.error.message);
    expect(toHex(atPayee.value.payload)).toBe(vector.final_payload);
    const payload = unwrap(decodeMessagePayload(atPayee.value.payload, 'final'));
    expect(payload.content).toMatchObject(encodeContent(expected));
    expect(payload.replyPath).toEqual(unwrap(decodeBlindedPath(fromHex(vector.reply_path))));
  });

  it.each(ldk.map((vector, i) => [vector.name, vector, CONTENTS[i]!] as const))(
    'have the payloads that we give them: %s',
    (_, vector, expected) => {
      const plan: MessagePlan = {
        target: { path: unwrap(decodeBlindedPath(fromHex(vector.path))) },
        replyPath: unwrap(decodeBlindedPath(fromHex(vector.reply_path))),
        content: encodeContent(expected),
      };
      const message = buildOnionMessage(plan, testRandom())!;
      expect(message.packet).toHaveLength(1366);
      const peel = (nodeSecret: Uint8Array, { pathKey, packet: onion }: OnionMessage) => {
        const peeled = peelOnion({ nodeSecret, onion, associatedData: new Uint8Array(), pathKey });
        if (!peeled.ok) throw new Error(peeled.error.message);
        return peeled.value;
      };
      const atLsp = peel(lspSecret, message);
      expect(toHex(atLsp.payload)).toBe(vector.lsp_payload);
      const atPayee = peel(payeeSecret, { pathKey: fromHex(vector.next_path_key), packet: atLsp.next! });
      expect(toHex(atPayee.payload)).toBe(vector.final_payload);
    },
  );
});

const nodeSeeds = fc.uniqueArray(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });

describe('a message', () => {
  it('is peeled hop by hop to the same content, whatever the path, its dummies and the relays before it', () => {
    const sizes = new Set<number>();
    fc.assert(
      fc.property(
        nodeSeeds,
        fc.nat({ max: 3 }),
        fc.nat({ max: 2 }),
        fc.boolean(),
        content,
        fc.option(anyPath, { nil: undefined }),
        bytes(0, 32),
        fc.integer({ min: 1, max: 1_000_000 }),
        (seeds, before, dummyHops, byChannel, sent, replyPath, pathId, chance) => {
          const random = testRandom(chance);
          const nodes = seeds.map((seed) => ec.publicKey(secretOf(seed)));
          const split = Math.min(before, seeds.length - 1);
          const leadIn = nodes.slice(0, split);
          const made = messagePath({ nodes: nodes.slice(split), pathId, dummyHops }, random);
          const given = byChannel ? { ...made, firstNode: { shortChannelId: 7n, direction: 1 as const } } : made;
          const record = encodeContent(sent);
          const plan: MessagePlan = {
            target: { path: given },
            firstNode: nodes[split]!,
            leadIn,
            content: record,
            ...(replyPath && { replyPath }),
          };
          const message = buildOnionMessage(plan, random)!;
          sizes.add(message.packet.length);
          const all = [...seeds, ...Array<number>(dummyHops).fill(seeds.at(-1)!)].map(secretOf);
          const received = travel(message, all);
          const after = [...nodes.slice(1), ...Array<NodeId>(dummyHops).fill(nodes.at(-1)!)];
          expect(received.way).toEqual(after);
          expect(received.data.pathId).toEqual(pathId);
          expect(received.payload.content).toMatchObject(record);
          expect(received.payload.replyPath).toEqual(replyPath);
          expect(new Set(given.hops.map((hop) => hop.encryptedData.length)).size).toBe(1);
        },
      ),
      { numRuns: 40 },
    );
    for (const size of sizes) expect([1366, 32834]).toContain(size);
  });

  const to = (bytesLong: number): OnionMessage | undefined =>
    buildOnionMessage(
      { target: { nodeId: virtualNode(1).nodeId }, content: { type: 64n, value: new Uint8Array(bytesLong).fill(1) } },
      testRandom(),
    );

  it('is as large as needed: 1366 bytes, 32834, or not sent', () => {
    const sizes = [10, 1200, 1226, 1260, 30_000, 32_600, 32_768].map((length) => to(length)?.packet.length);
    expect(sizes).toEqual([1366, 1366, 1366, 32_834, 32_834, 32_834, undefined]);
    const received = travel(to(30_000)!, [secretOf(1)]);
    expect(received.payload.content?.value).toHaveLength(30_000);
    expect(received.data).not.toHaveProperty('pathId');
  });

  it('goes over no path of too many hops, and over no point that is none', () => {
    const nodes = Array.from({ length: MAX_MESSAGE_HOPS }, (_, i) => virtualNode(i + 1).nodeId);
    const path = messagePath({ nodes }, testRandom());
    expect(buildOnionMessage({ target: { path }, content: hello }, testRandom())).toBeDefined();
    const leadIn = [virtualNode(90).nodeId];
    expect(buildOnionMessage({ target: { path }, leadIn, content: hello }, testRandom())).toBeUndefined();
    expect(() => messagePath({ nodes, dummyHops: 1 }, testRandom())).toThrow(RangeError);
    expect(() => messagePath({ nodes: [] }, testRandom())).toThrow(RangeError);
    const [first, ...rest] = path.hops;
    const spoilt = { ...path, hops: [{ ...first!, blindedNodeId: new Uint8Array(33) }, ...rest] };
    expect(buildOnionMessage({ target: { path: spoilt }, content: hello }, testRandom())).toBeUndefined();
  });

  it('pads all hops of a path to one length, and counts equal neighbours once', () => {
    const [a, b] = [virtualNode(1).nodeId, virtualNode(2).nodeId];
    const path = messagePath({ nodes: [a, a, b, b], pathId: new Uint8Array(32), dummyHops: 2 }, testRandom());
    expect(path.hops).toHaveLength(4);
    const lengths = path.hops.map(({ encryptedData }) => encryptedData.length);
    expect(new Set(lengths).size).toBe(1);
    expect(path.firstNode).toEqual({ nodeId: a });
    expect(decodeEncryptedData(new Uint8Array()).ok).toBe(true);
  });

  it('does not repeat keys', () => {
    const random = testRandom();
    const plan: MessagePlan = { target: { nodeId: virtualNode(1).nodeId }, content: hello };
    const [one, two] = [buildOnionMessage(plan, random)!, buildOnionMessage(plan, random)!];
    expect(toHex(one.pathKey)).not.toBe(toHex(two.pathKey));
    expect(toHex(one.packet)).not.toBe(toHex(two.packet));
  });

  it('takes no secret that the curve has not', () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(255), secretOf(5), secretOf(6)];
    const path = messagePath({ nodes: [virtualNode(1).nodeId] }, () => draws.shift()!);
    expect(path.firstPathKey).toEqual(ec.publicKey(secretOf(5)));
  });
});
