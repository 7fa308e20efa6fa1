import { describe, expect, it } from 'vitest';
import {
  believedPolicy,
  FAILURE_TABLE,
  newPayment,
  type PaymentPart,
  type PaymentState,
  type PrivatePolicy,
  react,
  type Reaction,
  type ReportedFailure,
} from '../../../src/send/index.js';
import { concat, toHex } from '../../../src/wire/bytes.js';
import { u16 } from '../../../src/wire/integers.js';
import { nodeId } from '../support.js';
import {
  HEIGHT,
  partOf,
  type RouteOptions,
  START,
  termsOf,
  type UpdateFields,
  updateOf,
  verifyUpdate,
} from './support.js';

const MINUTE = 60_000;

function partAt(id: number, options: RouteOptions = {}, amount = 50_000n): PaymentPart {
  return { ...partOf(amount, options), id, state: 'sent', records: {}, height: HEIGHT, sendAt: START, sentAt: START };
}

interface Given {
  readonly route?: RouteOptions;
  /** How often, by parts that were there before this one. */
  readonly seen?: Readonly<Record<string, number>>;
  readonly state?: Partial<PaymentState>;
  readonly others?: readonly PaymentPart[];
}

function reactTo(failure: ReportedFailure, { route = {}, seen = {}, state = {}, others = [] }: Given = {}): Reaction {
  const part = partAt(0, route);
  const payment: PaymentState = {
    ...newPayment(termsOf()),
    phase: 'in_flight',
    parts: [part, ...others],
    seen: Object.fromEntries(Object.entries(seen).map(([key, times]) => [key, { times, parts: 0 }])),
    ...state,
  };
  return react(failure, { state: payment, part, now: START, height: HEIGHT, verifyUpdate });
}

const reported = (code: number, reporter: number, fields = {}): ReportedFailure => ({
  kind: 'decoded',
  code,
  reporter,
  fields,
});

/** Lessons in one line each: kind and what it is about. */
function lines({ lessons }: Reaction): string[] {
  return lessons.map((lesson) => {
    switch (lesson.kind) {
      case 'channel_off':
      case 'policy':
        return `${lesson.kind} ${lesson.channel.scid}`;
      case 'avoid_channel':
        return `${lesson.kind} ${lesson.channel.scid} ${lesson.forMs / MINUTE}`;
      case 'at_most':
        return `${lesson.kind} ${lesson.channel.scid} ${lesson.atMostMsat}`;
      case 'node_off':
        return `${lesson.kind} ${Number.parseInt(toHex(lesson.node).slice(2), 16)}`;
      case 'avoid_node':
        return `${lesson.kind} ${Number.parseInt(toHex(lesson.node).slice(2), 16)} ${lesson.forMs / MINUTE}`;
      case 'mark_node':
      case 'ease_node':
        return `${lesson.kind} ${Number.parseInt(toHex(lesson.node).slice(2), 16)}`;
      case 'cannot_carry':
        return `${lesson.kind} ${lesson.hop.scid}`;
      case 'passed':
        return `${lesson.kind} ${lesson.hops.length}`;
      case 'reserved':
      case 'released':
      case 'settled':
        return lesson.kind;
    }
  });
}

const nextOf = ({ next }: Reaction): string => (next.kind === 'stop' ? `stop ${next.reason.code}` : next.kind);

// Route 1 -> 2 -> 3 -> 99 with channels 102, 203, 399.
const NODE_2_OFF = (minutes: number): string[] => ['passed 1', 'node_off 2', `avoid_node 2 ${minutes}`];
const CHANNEL_OFF = (minutes: number): string[] => ['passed 1', 'channel_off 203', `avoid_channel 203 ${minutes}`];
const LAST_OFF = ['passed 3', 'channel_off 399'];
const PROHIBITED = ['passed 1', 'node_off 2', 'mark_node 2'];
const BAD_ONION = ['passed 1', 'channel_off 203', 'mark_node 2', 'mark_node 3'];
const PLAIN_OFF = ['passed 1', 'channel_off 203'];
const ARRIVED = ['passed 3'];

type Expected = readonly [lessons: readonly string[], next: string];

/** Code: what node 2 of the route leads to, what the payee leads to. */
const EXPECTED: Readonly<Record<number, readonly [along: Expected, final: Expected]>> = {
  0x2002: [
    [NODE_2_OFF(1), 'replan'],
    [ARRIVED, 'pause'],
  ],
  0x6002: [
    [NODE_2_OFF(240), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x6003: [
    [NODE_2_OFF(240), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0xc004: [
    [BAD_ONION, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0xc005: [
    [BAD_ONION, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0xc006: [
    [BAD_ONION, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x1007: [
    [['passed 1', 'at_most 203 49999', 'cannot_carry 203'], 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x4008: [
    [CHANNEL_OFF(240), 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x4009: [
    [CHANNEL_OFF(1440), 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x400a: [
    [CHANNEL_OFF(5), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x100b: [
    [PLAIN_OFF, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x100c: [
    [PLAIN_OFF, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x100d: [
    [PLAIN_OFF, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x100e: [
    [['passed 1', 'mark_node 2'], 'replan'],
    [ARRIVED, 'stop payee_refused'],
  ],
  0x1014: [
    [CHANNEL_OFF(5), 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x0015: [
    [PLAIN_OFF, 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x4016: [
    [NODE_2_OFF(1440), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x400f: [
    [PROHIBITED, 'replan'],
    [ARRIVED, 'stop payee_refused'],
  ],
  0x0012: [
    [PROHIBITED, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x0013: [
    [PROHIBITED, 'replan'],
    [LAST_OFF, 'replan'],
  ],
  0x0017: [
    [PROHIBITED, 'replan'],
    [ARRIVED, 'repeat'],
  ],
  0xc018: [
    [['passed 1', 'node_off 2'], 'replan'],
    [LAST_OFF, 'stop paths_used_up'],
  ],
  0x4001: [
    [NODE_2_OFF(1440), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x4010: [
    [PROHIBITED, 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x0011: [
    [PROHIBITED, 'replan'],
    [ARRIVED, 'stop payee_refused'],
  ],
  0x2019: [
    [['passed 1', 'node_off 2'], 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x201a: [
    [['passed 1', 'node_off 2'], 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x401b: [
    [['passed 1', 'node_off 2'], 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x2033: [
    [['passed 1', 'node_off 2'], 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x2034: [
    [['passed 1', 'node_off 2'], 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  // Unknown codes act by their flags.
  0x2999: [
    [NODE_2_OFF(5), 'replan'],
    [ARRIVED, 'pause'],
  ],
  0x6999: [
    [NODE_2_OFF(240), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x4999: [
    [CHANNEL_OFF(240), 'replan'],
    [ARRIVED, 'stop payee_node'],
  ],
  0x1999: [
    [CHANNEL_OFF(5), 'replan'],
    [ARRIVED, 'pause'],
  ],
};

describe('the failure table', () => {
  it('is expected here row by row', () => {
    const known = Object.keys(EXPECTED)
      .map(Number)
      .filter((code) => FAILURE_TABLE.has(code));
    expect(known.sort()).toEqual([...FAILURE_TABLE.keys()].sort());
  });

  for (const [code, [along, final]] of Object.entries(EXPECTED)) {
    const name = FAILURE_TABLE.get(Number(code))?.name ?? `unknown 0x${Number(code).toString(16)}`;
    it(`${name} from a node on the way`, () => {
      const reaction = reactTo(reported(Number(code), 1));
      expect([lines(reaction), nextOf(reaction)]).toEqual(along);
    });
    it(`${name} from the payee`, () => {
      const reaction = reactTo(reported(Number(code), 3));
      expect([lines(reaction), nextOf(reaction)]).toEqual(final);
    });
    it(`${name} from the own node blames no node`, () => {
      const kinds = reactTo(reported(Number(code), 0)).lessons.map(({ kind }) => kind);
      expect(kinds).not.toContain('node_off');
      expect(kinds).not.toContain('passed');
    });
  }
});

describe('second times and surroundings', () => {
  it('a node in temporary trouble is kept off longer each time, ten minutes at most', () => {
    const key = `temporary_node_failure:${toHex(nodeId(2))}`;
    expect(reactTo(reported(0x2002, 1)).seen).toEqual([key]);
    expect(lines(reactTo(reported(0x2002, 1), { seen: { [key]: 2 } }))).toContain('avoid_node 2 4');
    expect(lines(reactTo(reported(0x2002, 1), { seen: { [key]: 9 } }))).toContain('avoid_node 2 10');
  });

  it('the payee in temporary trouble gets three pauses', () => {
    const seen = (times: number): Given => ({ seen: { 'pause:temporary_node_failure': times } });
    expect(reactTo(reported(0x2002, 3), seen(2)).next).toEqual({ kind: 'pause', forMs: 4000 });
    expect(nextOf(reactTo(reported(0x2002, 3), seen(3)))).toBe('stop payee_node');
  });

  it('onions that several nodes cannot read are our own mistake', () => {
    const seen = { [`bad_onion:${toHex(nodeId(7))}`]: 1 };
    expect(reactTo(reported(0xc005, 1)).alarm).toBeUndefined();
    expect(reactTo(reported(0xc005, 1), { seen }).alarm).toContain('several nodes');
    expect(reactTo(reported(0xc005, 3)).alarm).toContain('payee');
    expect(reactTo(reported(0x4016, 1)).alarm).toContain('payload');
  });

  it('an own channel that cannot carry rests, and is off after the third time', () => {
    const rests = reactTo(reported(0x1007, 0));
    expect(lines(rests)).toEqual([`avoid_channel 102 ${5000 / MINUTE}`]);
    expect(rests.adjust).toEqual({ restUntil: START + 5000 });
    expect(lines(reactTo(reported(0x1007, 0), { seen: { 'own:102/0': 2 } }))).toEqual(['channel_off 102']);
  });

  it('counts own parts on a hint and says nothing about it to others', () => {
    const other = partAt(1, { lastKind: 'hint' }, 20_000n);
    const reaction = reactTo(reported(0x1007, 2), { route: { lastKind: 'hint' }, others: [other] });
    expect(lines(reaction)).toEqual(['passed 2', 'at_most 399 69999']);
    expect(lines(reactTo(reported(0x1014, 2), { route: { lastKind: 'hint' } }))).toEqual([
      'passed 2',
      'channel_off 399',
    ]);
  });

  it('expiry too soon adds six blocks once; a part with them that fails again is off', () => {
    expect(reactTo(reported(0x100e, 1)).adjust).toEqual({ padBlocks: 6 });
    const adjustments = { ...newPayment(termsOf()).adjustments, padBlocks: 6 };
    const given = { seen: { expiry_too_soon: 1 }, state: { adjustments } };
    expect(lines(reactTo(reported(0x100e, 1), given))).toEqual(['passed 1', 'channel_off 203', 'mark_node 2']);
  });

  it('expiry too far spares our offset, then the channel is off; at the payee too', () => {
    expect(lines(reactTo(reported(21, 1)))).toEqual(PLAIN_OFF);
    const adjustments = { ...newPayment(termsOf()).adjustments, offsetBlocks: 40 };
    const spared = reactTo(reported(21, 1), { state: { adjustments } });
    expect([nextOf(spared), spared.adjust, lines(spared)]).toEqual(['replan', { offsetBlocks: 0 }, ['passed 1']]);
    const shorter = reactTo(reported(21, 3), { state: { adjustments } });
    expect([nextOf(shorter), shorter.adjust]).toEqual(['replan', { offsetBlocks: 0, padBlocks: 0 }]);
  });

  it('the last hint whose node does not reach the payee: the payee is offline', () => {
    const hint = (scid: bigint) => [{ from: nodeId(3), scid, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 }];
    const payee = { nodeId: nodeId(99), finalCltvDelta: 18, hints: [hint(399n), hint(499n)] };
    const state = { terms: termsOf({ payee }) };
    const route = { lastKind: 'hint' } as const;
    expect(nextOf(reactTo(reported(0x400a, 2), { route, state }))).toBe('replan');
    const memory = [{ kind: 'channel_off', channel: { scid: 499n, direction: 0 } }] as const;
    expect(nextOf(reactTo(reported(0x400a, 2), { route, state: { ...state, memory } }))).toBe('stop payee_offline');
    // A blinded path: first only a bound, then off, then a new invoice is needed.
    expect(lines(reactTo(reported(0xc018, 2), { route, state }))).toEqual(['passed 2', 'at_most 399 49999']);
    const seen = { 'blinded:399/0': 1 };
    expect(lines(reactTo(reported(0xc018, 2), { route, state, seen }))).toEqual(['passed 2', 'channel_off 399']);
    expect(nextOf(reactTo(reported(0xc018, 3), { route, state }))).toBe('replan');
    expect(nextOf(reactTo(reported(0xc018, 3), { route, state: { ...state, memory } }))).toBe('stop paths_used_up');
  });

  it('a direct peer that blames itself for a changed HTLC ends the payment', () => {
    expect(nextOf(reactTo(reported(18, 1), { route: { via: [] } }))).toBe('stop payee_node');
    expect(nextOf(reactTo(reported(19, 1), { route: { via: [] } }))).toBe('stop payee_node');
  });

  it('parts of one round time out once; then fewer parts, then the end', () => {
    const first = reactTo(reported(23, 3), { others: [partAt(1)] });
    expect([nextOf(first), first.seen]).toEqual(['repeat', ['mpp_rounds']]);
    const second = { seen: { mpp_rounds: 1 }, others: [partAt(1), partAt(2)] };
    expect(reactTo(reported(23, 3), second).adjust).toEqual({ maxParts: 2 });
    expect(nextOf(reactTo(reported(23, 3), { seen: { mpp_rounds: 2 } }))).toBe('stop payee_waits');
  });

  it('the own node refuses: the channel rests, the third time it is off', () => {
    const local = { kind: 'local', reason: 'channel_busy' } as const;
    expect(lines(reactTo(local))).toEqual([`avoid_channel 102 ${5000 / MINUTE}`]);
    expect(lines(reactTo(local, { seen: { 'local:102/0': 2 } }))).toEqual(['channel_off 102']);
  });
});

describe('what cannot be believed', () => {
  it('a reporter that is not on the route, a code that is none: as if unreadable', () => {
    for (const [code, reporter] of [
      [0x2002, 4],
      [0x2002, -1],
      [0x2002, 1.5],
      [0x2002, NaN],
      [0x1_0000, 1],
      [-1, 1],
      [NaN, 1],
    ] as const) {
      const reaction = reactTo(reported(code, reporter));
      expect(lines(reaction)).toEqual(['node_off 2', 'mark_node 2', 'node_off 3', 'mark_node 3']);
      expect(nextOf(reaction)).toBe('replan');
    }
  });

  it('garbage blames nobody for certain; attribution data names the pair', () => {
    const garbage = reactTo({ kind: 'unreadable' });
    expect(garbage.lessons.filter(({ kind }) => kind === 'node_off')).toMatchObject([
      { unsure: true },
      { unsure: true },
    ]);
    expect(lines(reactTo({ kind: 'unreadable', brokenAt: 2 }))).toEqual([
      'channel_off 203',
      'mark_node 2',
      'mark_node 3',
    ]);
    expect(lines(reactTo({ kind: 'unreadable', brokenAt: 99 }))).toContain('node_off 2');
    expect(lines(reactTo({ kind: 'unreadable' }, { route: { via: [] } }))).toEqual(['channel_off 199']);
  });

  it('marks who held the HTLC long by itself', () => {
    const held = (holdTimes: number[]) => lines(reactTo({ kind: 'decoded', reporter: 3, code: 0x400f, holdTimes }));
    expect(held([30_000, 29_000, 100])).toEqual(['passed 3', 'mark_node 3']);
    expect(held([30_000, 15_000, 14_000])).toEqual(['passed 3', 'mark_node 2']);
    // The payee may take its time, and impossible times are none.
    expect(held([60_000, 60_000, 60_000])).toEqual(['passed 3']);
    expect(held([NaN, -5, Infinity, 1e9])).toEqual(['passed 3']);
  });
});

describe('updates inside failures', () => {
  const terms = (code: number, channelUpdate: Uint8Array, given: Given = {}) =>
    reactTo(reported(code, 1, { channelUpdate }), given);

  it('are adopted once for this payment only, with their message type or without', () => {
    for (const code of [0x100b, 0x100c, 0x100d]) {
      for (const update of [updateOf(), concat(u16(258), updateOf())]) {
        const reaction = terms(code, update);
        expect(lines(reaction)).toEqual(['passed 1', 'policy 203']);
        const adopted = reaction.lessons[1] as unknown as PrivatePolicy;
        expect(adopted.policy).toMatchObject({
          feeBaseMsat: 2000,
          feePpm: 300,
          cltvDelta: 50,
          htlcMaximumMsat: 10n ** 9n,
        });
      }
    }
    const again = terms(0x100c, updateOf(), { seen: { 'terms:203/0': 1 } });
    expect(lines(again)).toEqual(['passed 1', 'channel_off 203', 'mark_node 2']);
  });

  it('that ask for no more than the part gave are a lie: not adopted, and the channel is off', () => {
    // The part left 10 msat and 40 blocks at node 2, and 50 000 msat go on.
    const met = { base: 10, ppm: 0, cltv: 40, minimum: 50_000n, maximum: 50_000n };
    const more: readonly UpdateFields[] = [
      { base: 11 },
      { ppm: 20 },
      { cltv: 41 },
      { minimum: 50_001n, maximum: 50_001n },
      { minimum: 1n, maximum: 49_999n },
    ];
    for (const code of [0x100b, 0x100c, 0x100d]) {
      expect(lines(terms(code, updateOf(met)))).toEqual([...PLAIN_OFF, 'mark_node 2']);
      for (const fields of more) {
        expect(lines(terms(code, updateOf({ ...met, ...fields })))).toEqual(['passed 1', 'policy 203']);
      }
    }
  });

  it('of another channel, direction, signer, time or of absurd terms are not', () => {
    const forged: readonly UpdateFields[] = [
      { scid: 204n },
      { flags: 1 },
      { flags: 2 },
      { signature: new Uint8Array(64).fill(2) },
      { timestamp: START / 1000 + 15 * 24 * 3600 },
      { timestamp: START / 1000 - 15 * 24 * 3600 },
      { cltv: 2017 },
      { minimum: 2n, maximum: 1n },
    ];
    for (const fields of forged) expect(lines(terms(0x100c, updateOf(fields)))).toEqual(PLAIN_OFF);
    for (const length of [0, 1, 2, 63, 64, 100, 135]) {
      expect(lines(terms(0x100c, updateOf().slice(0, length)))).toEqual(PLAIN_OFF);
    }
    const unchecked = believedPolicy(updateOf(), { scid: 203n, direction: 0 }, nodeId(2), START / 1000, undefined);
    expect(unchecked).toBeUndefined();
  });

  it('with a maximum below the amount explain a channel that cannot carry', () => {
    expect(lines(terms(0x1007, updateOf({ maximum: 49_999n })))).toEqual(['passed 1', 'policy 203']);
    expect(lines(terms(0x1007, updateOf()))).toEqual(['passed 1', 'at_most 203 49999', 'cannot_carry 203']);
  });
});
