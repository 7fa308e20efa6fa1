import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseRouteHints,
  ClusterKeys,
  type ClusterMember,
  type HintParams,
  KeyRing,
  type MemberChannel,
  phantomScid,
  recognisePhantomScid,
} from '../../src/phantom/index.js';
import { channel, clusterMember, nodeId, publicChannel } from './support.js';

const keys = new ClusterKeys(new Uint8Array(32).fill(42));
const ring = new KeyRing({ id: 1, keys });

function choose(members: readonly ClusterMember[], change: Partial<HintParams> = {}) {
  const chosen = chooseRouteHints({ keys, members, amountMsat: 1000n, rotation: 0, variant: 9, ...change });
  if (!chosen.ok) throw new Error(chosen.error.code);
  return chosen.value;
}

const named = (members: readonly ClusterMember[], change: Partial<HintParams> = {}): string[] =>
  choose(members, change).members.map(({ alias }) => alias!);

/** In the order of their node ids, by which turns go. */
const publicMembers = (...names: string[]): ClusterMember[] =>
  names.map((name) => clusterMember(name, [publicChannel('peer', 1_000_000n)]));

describe('hints of a member', () => {
  it('one hop for a public member, two for a private one', () => {
    const alias = channel('q', 5000n, { aliasScid: 77n });
    const { hints } = choose([publicMembers('A')[0]!, clusterMember('B', [alias])]);
    const last = (name: string) => ({
      nodeId: nodeId(name),
      shortChannelId: phantomScid(keys, nodeId(name), 9),
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: 48,
    });
    expect(hints).toHaveLength(2);
    expect(hints).toContainEqual([last('A')]);
    expect(hints).toContainEqual([
      {
        nodeId: nodeId('q'),
        shortChannelId: 77n,
        feeBaseMsat: 1000,
        feeProportionalMillionths: 100,
        cltvExpiryDelta: 80,
      },
      last('B'),
    ]);
  });

  it('a private member alone fills the hints with further channels', () => {
    const { hints } = choose([clusterMember('A', [channel('p', 3000n), channel('q', 2000n), channel('r', 4000n)])]);
    expect(hints.map(([hop]) => hop!.nodeId)).toEqual([nodeId('q'), nodeId('p'), nodeId('r')]);
  });

  it('another variant gives other SCIDs, which the member recognises', () => {
    const scids = [1, 2, 3].map((variant) => choose(publicMembers('A'), { variant }).hints[0]![0]!.shortChannelId);
    expect(new Set(scids).size).toBe(3);
    scids.forEach((scid, i) =>
      expect(recognisePhantomScid(ring, nodeId('A'), scid)).toEqual({ epochId: 1, variant: i + 1 }),
    );
  });

  it('an imported member is named by the SCIDs it made itself', () => {
    const ldk = clusterMember('L', [channel('p', 5000n)], { holdsParts: false, importedScids: [11n, 22n] });
    expect(choose([ldk], { variant: 4 }).hints[0]![1]!.shortChannelId).toBe(11n);
    expect(choose([ldk], { variant: 5 }).hints[0]![1]!.shortChannelId).toBe(22n);
  });
});

describe('choice of members', () => {
  const six = publicMembers('A', 'B', 'C', 'D', 'E', 'F');

  it('every member has its turn equally often', () => {
    const counts = new Map<string, number>();
    for (let rotation = 0; rotation < 60; rotation++) {
      const names = named(six, { rotation });
      expect(names).toHaveLength(3);
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([30, 30, 30, 30, 30, 30]);
  });

  it('does not depend on the order in which members are given', () => {
    expect(named([...six].reverse(), { rotation: 4 })).toEqual(named(six, { rotation: 4 }));
    expect(named(six, { rotation: -2 })).toEqual(named(six, { rotation: 4 }));
  });

  it('leaves out the sick and those that cannot receive', () => {
    const members = [
      ...publicMembers('A', 'B'),
      clusterMember('C', [publicChannel('peer', 9_000_000n)], { healthy: false }),
      clusterMember('D', [publicChannel('peer', 9_000_000n, { usable: false })]),
      clusterMember('E', [channel('peer', 9_000_000n, { ready: false })]),
      clusterMember('F', [channel('peer', 0n)]),
      clusterMember('G', []),
    ];
    for (let rotation = 0; rotation < 7; rotation++) expect(named(members, { rotation }).sort()).toEqual(['A', 'B']);
  });

  it('takes members that can take the whole amount first', () => {
    const members = [
      clusterMember('small', [publicChannel('peer', 999n)]),
      clusterMember('tiny', [publicChannel('peer', 10n)]),
      clusterMember('large', [publicChannel('peer', 1000n)]),
      clusterMember('twofold', [publicChannel('p', 600n), publicChannel('q', 400n)]),
    ];
    for (let rotation = 0; rotation < 4; rotation++) {
      const names = named(members, { rotation });
      expect(names.slice(0, 2).sort()).toEqual(['large', 'twofold']);
      expect(names[2]).toBe('small');
    }
  });

  it('for any amount takes the largest', () => {
    const members = [5n, 1n, 4n, 2n, 3n].map((size) => clusterMember(`m${size}`, [publicChannel('peer', size)]));
    expect(named(members, { amountMsat: undefined })).toEqual(['m5', 'm4', 'm3']);
    expect(named(members, { amountMsat: undefined, rotation: 1 })).toEqual(['m4', 'm3', 'm5']);
  });

  it('joins members where none suffices alone, and says whether all do', () => {
    const members = [400n, 300n, 300n].map((size, i) => clusterMember(`m${i}`, [publicChannel('peer', size)]));
    expect(choose(members)).toMatchObject({ multiPart: true, enough: true });
    expect(named(members)[0]).toBe('m0');
    expect(choose(members, { amountMsat: 1001n })).toMatchObject({ multiPart: true, enough: false });
  });

  it('regards what the peer lets through', () => {
    const limited = (limits: Partial<MemberChannel['peerPolicy'] & object>): MemberChannel =>
      publicChannel('peer', 9000n, {
        peerPolicy: { feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 40, ...limits },
      });
    const under = clusterMember('under', [limited({ htlcMinimumMsat: 1001n })]);
    const over = clusterMember('over', [limited({ htlcMaximumMsat: 999n })], { holdsParts: false });
    const fits = clusterMember('fits', [limited({ htlcMinimumMsat: 1000n, htlcMaximumMsat: 1000n })]);
    expect(named([under, over, fits])).toEqual(['fits']);
  });
});

describe('members that cannot hold parts', () => {
  const ldk = clusterMember('L', [publicChannel('peer', 5000n)], { holdsParts: false, importedScids: [1n] });

  it('cost the invoice its basic_mpp', () => {
    expect(choose(publicMembers('A', 'B')).multiPart).toBe(true);
    expect(choose([...publicMembers('A', 'B'), ldk])).toMatchObject({ multiPart: false, enough: true });
    expect(choose([ldk]).multiPart).toBe(false);
  });

  it('are named beside others only with members that one HTLC suffices for', () => {
    const twofold = clusterMember('twofold', [publicChannel('p', 600n), publicChannel('q', 600n)]);
    expect(named([ldk, twofold])).toEqual(['L']);
  });

  it('are left out where only parts can make the amount', () => {
    const halves = ['A', 'B'].map((name) => clusterMember(name, [publicChannel('peer', 4000n)]));
    const chosen = choose([ldk, ...halves], { amountMsat: 8000n });
    expect(chosen).toMatchObject({ multiPart: true, enough: true });
    expect(chosen.members).not.toContain(ldk);
    expect(choose([ldk, ...halves], { amountMsat: 9000n }).enough).toBe(false);
  });
});

describe('limits and errors', () => {
  const seven = publicMembers('A', 'B', 'C', 'D', 'E', 'F', 'G');

  it('at most 3 hints, up to 5 on demand', () => {
    expect(choose(seven).hints).toHaveLength(3);
    expect(choose(seven, { maxHints: 5 }).hints).toHaveLength(5);
    expect(choose(seven, { maxHints: 1 }).hints).toHaveLength(1);
    for (const maxHints of [0, 6, 2.5]) expect(() => choose(seven, { maxHints })).toThrow(RangeError);
  });

  it('says why nobody can be named', () => {
    const code = (members: readonly ClusterMember[]): string => {
      const chosen = chooseRouteHints({ keys, members, rotation: 0, variant: 0 });
      return chosen.ok ? 'chosen' : chosen.error.code;
    };
    expect(code([])).toBe('no_members');
    expect(code([{ ...seven[0]!, healthy: false }])).toBe('no_healthy_member');
    expect(code([clusterMember('A', [])])).toBe('no_usable_channel');
    expect(code(seven)).toBe('chosen');
  });

  it('names the least amount if all channels ask for more', () => {
    const withMinimum = (htlcMinimumMsat: bigint): MemberChannel => {
      const one = publicChannel('peer', 1_000_000n);
      return { ...one, peerPolicy: { ...one.peerPolicy!, htlcMinimumMsat } };
    };
    const members = [clusterMember('A', [withMinimum(3000n)]), clusterMember('B', [withMinimum(2000n)])];
    const errorAt = (amountMsat: bigint | undefined, among = members): unknown => {
      const chosen = chooseRouteHints({ keys, members: among, amountMsat, rotation: 0, variant: 0 });
      return chosen.ok ? 'chosen' : chosen.error;
    };
    expect(errorAt(1999n)).toEqual({
      code: 'amount_too_small',
      message: '1999 msat are below the minimum of every channel: ask for at least 2000 msat',
    });
    expect(errorAt(2000n)).toBe('chosen');
    expect(errorAt(undefined)).toBe('chosen');
    const sick = members.map((member) => ({ ...member, healthy: false }));
    expect(errorAt(1n, sick)).toMatchObject({ code: 'no_healthy_member' });
    const full = [clusterMember('A', [{ ...withMinimum(3000n), inboundCapacityMsat: 2000n }])];
    expect(errorAt(1n, full)).toMatchObject({ code: 'no_usable_channel' });
  });

  it('holds for any cluster: as many hints as allowed at most, members once, every hint ends at a member named', () => {
    const anyChannel = fc
      .record({
        peer: fc.constantFrom('p', 'q', 'r'),
        size: fc.bigInt(0n, 3000n),
        announced: fc.boolean(),
        usable: fc.boolean(),
      })
      .map(({ peer, size, ...more }) => channel(peer, size, more));
    const anyMember = (name: string): fc.Arbitrary<ClusterMember> =>
      fc
        .record({ channels: fc.array(anyChannel, { maxLength: 4 }), healthy: fc.boolean(), holdsParts: fc.boolean() })
        .map(({ channels, ...more }) => clusterMember(name, channels, more));
    fc.assert(
      fc.property(
        fc.tuple(...['A', 'B', 'C', 'D', 'E'].map(anyMember)),
        fc.option(fc.bigInt(1n, 6000n), { nil: undefined }),
        fc.integer(),
        fc.integer({ min: 1, max: 5 }),
        (members, amountMsat, rotation, maxHints) => {
          const chosen = chooseRouteHints({ keys, members, amountMsat, rotation, variant: 1, maxHints });
          if (!chosen.ok) return;
          const { hints, members: who, multiPart } = chosen.value;
          expect(hints.length).toBeLessThanOrEqual(maxHints);
          expect(hints.length).toBeGreaterThanOrEqual(who.length);
          expect(new Set(who).size).toBe(who.length);
          expect(who.every(({ healthy }) => healthy)).toBe(true);
          expect(multiPart).toBe(who.every(({ holdsParts }) => holdsParts));
          for (const hops of hints) {
            const { nodeId: end, shortChannelId } = hops.at(-1)!;
            expect(who.some((one) => one.nodeId === end)).toBe(true);
            expect(recognisePhantomScid(ring, end, shortChannelId)).toEqual({ epochId: 1, variant: 1 });
          }
          const single = members.some(
            (one) =>
              one.healthy &&
              one.channels.some((c) => c.usable && c.announced && c.inboundCapacityMsat >= (amountMsat ?? 1n)),
          );
          if (single) expect(chosen.value.enough).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
