import { describe, expect, it } from 'vitest';
import { decodeOffer, derivedOfferSigner, encodeOfferString, offerIdOf } from '../../../src/bolt12/index.js';
import { decodeEncryptedData, nextPathKey, unblindHop } from '../../../src/onion/index.js';
import {
  createPhantomOffer,
  drawsFrom,
  type MessagePathParams,
  messagePathsToPhantom,
  MOST_OFFER_PATHS,
} from '../../../src/phantom/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { channel, clusterMember, nodeId, publicChannel } from '../support.js';
import { secretOf } from './payer.js';
import { entropyOf, epoch, hidden, keys, members, NAMES, NONCE, offerOf, PATH_ID } from './world.js';

const paths = (more: Partial<MessagePathParams> = {}) =>
  messagePathsToPhantom({
    phantomNodeId: keys.phantomNodeId,
    members,
    pathId: PATH_ID,
    draws: drawsFrom(entropyOf(1)),
    ...more,
  });

/** Who passes the message on, and what the phantom finds. */
function walk(path: ReturnType<typeof paths>[number]): { through: string[]; pathId: string } {
  let pathKey = path.firstPathKey;
  const through: string[] = [];
  let next: Uint8Array = 'nodeId' in path.firstNode ? path.firstNode.nodeId : new Uint8Array();
  for (const { encryptedData } of path.hops.slice(0, -1)) {
    const name = NAMES.find((one) => toHex(nodeId(one)) === toHex(next))!;
    const unblinded = unwrap(unblindHop(secretOf(name), pathKey, encryptedData));
    const data = unwrap(decodeEncryptedData(unblinded.data, 'message_relay'));
    through.push(name);
    next = data.nextNodeId!;
    pathKey = nextPathKey(unblinded, data);
  }
  expect(toHex(next)).toBe(toHex(keys.phantomNodeId));
  const last = unwrap(unblindHop(keys.phantomSecret, pathKey, path.hops.at(-1)!.encryptedData));
  return { through, pathId: toHex(unwrap(decodeEncryptedData(last.data, 'message_final')).pathId!) };
}

describe('a phantom offer', () => {
  it('leads through every member to the phantom and brings the path id along', () => {
    const { offer } = offerOf();
    const walked = offer.paths!.map(walk);
    expect(walked.map(({ through }) => through.at(-1)).sort()).toEqual(['M1', 'M2', 'M3']);
    expect(walked.find(({ through }) => through.at(-1) === 'M3')!.through).toEqual(['P1', 'M3']);
    expect(new Set(walked.map(({ pathId }) => pathId))).toEqual(new Set([toHex(PATH_ID)]));
  });

  it('is read by anybody and known again by the cluster alone', () => {
    const made = offerOf({ amountMsat: 5000n, issuer: 'a shop', quantityMax: 3n, absoluteExpiry: 1_800_000_000 });
    const read = unwrap(decodeOffer(encodeOfferString(made.offer)));
    expect(read).toMatchObject({
      amount: 5000n,
      description: 'tea',
      issuer: 'a shop',
      quantityMax: 3n,
      absoluteExpiry: 1_800_000_000n,
    });
    expect(read.chains).toBeUndefined();
    expect(read.metadata).toBeUndefined();
    expect(toHex(offerIdOf(read.records))).toBe(toHex(made.offerId));
    const known = (nonce: Uint8Array, offersKey = keys.offersBaseKey) =>
      derivedOfferSigner(offersKey, nonce, { offer: read, records: read.records }) !== undefined;
    expect(known(NONCE)).toBe(true);
    expect(known(new Uint8Array(16))).toBe(false);
    expect(known(NONCE, keys.offersEncryptionKey)).toBe(false);
  });

  it('is the same for the same arguments, and another one for other randomness', () => {
    const text = (byte: number) => encodeOfferString(offerOf({ entropy: entropyOf(byte) }).offer);
    expect(text(1)).toBe(text(1));
    expect(text(1)).not.toBe(text(2));
  });

  it('names its chain unless that is bitcoin', () => {
    const regtest = new Uint8Array(32).fill(0xaa);
    expect(offerOf({ chainHash: regtest }).offer.chains).toEqual([regtest]);
  });

  it('is refused where nobody could answer, or where it says nothing of its price', () => {
    const make = (more: object) =>
      createPhantomOffer({ epoch, members, nonce: NONCE, pathId: PATH_ID, entropy: entropyOf(1), ...more });
    expect(make({ members: [] })).toMatchObject({ error: { code: 'no_path' } });
    expect(make({ amountMsat: 5n })).toMatchObject({ error: { code: 'missing_offer_description' } });
    expect(make({ amountMsat: -5n, description: 'x' })).toMatchObject({ error: { code: 'bad_value' } });
    expect(() => make({ nonce: new Uint8Array(15) })).toThrow(RangeError);
    expect(() => make({ entropy: new Uint8Array(31) })).toThrow(RangeError);
  });
});

describe('message paths', () => {
  it('hide their place: all data of a path has one length', () => {
    for (const path of paths({ members: hidden })) {
      expect(path.hops).toHaveLength(3);
      expect(new Set(path.hops.map(({ encryptedData }) => encryptedData.length)).size).toBe(1);
    }
  });

  it('pass over members that cannot relay, and peers that do not', () => {
    const [m1, m2, m3] = members;
    const through = (list: typeof members) =>
      paths({ members: list, maxPaths: MOST_OFFER_PATHS }).map((path) => walk(path).through);
    expect(through([m1!, { ...m2!, healthy: false }])).toEqual([['M1']]);
    expect(through([m1!, { ...m2!, relaysBlinded: false }])).toEqual([['M1']]);
    expect(through([m1!, { ...m2!, importedScids: [1n] }])).toEqual([['M1']]);
    expect(through([m3!])).toEqual([
      ['P1', 'M3'],
      ['P2', 'M3'],
    ]);
    const channels = [channel('P1', 1n, { peerRelaysMessages: false }), channel('P2', 1n)];
    expect(through([clusterMember('M3', channels)])).toEqual([['P2', 'M3']]);
    expect(through([clusterMember('M3', [channel('P1', 1n, { usable: false })])])).toEqual([]);
  });

  it('come from several members before one gets two', () => {
    const list = [...hidden, clusterMember('M1', [publicChannel('P1', 1n)])];
    const last = paths({ members: list, maxPaths: 2 }).map((path) => walk(path).through.at(-1));
    expect(last.sort()).toEqual(['M1', 'M3']);
  });

  it('are between 1 and 8', () => {
    for (const maxPaths of [0, 9, 1.5]) expect(() => paths({ maxPaths })).toThrow(RangeError);
  });
});
