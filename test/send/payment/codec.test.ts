import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  headToText,
  lessonsFromText,
  lessonsToText,
  partFromText,
  partToText,
  stateFromText,
} from '../../../src/send/payment/codec.js';
import { fromPlain, toPlain } from '../../../src/wire/plain.js';
import type { BlindedPath } from '../../../src/onion/index.js';
import { HOLD_RECORD, newPayment, type PaymentState, type SharedLesson, step } from '../../../src/send/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { nodeId } from '../support.js';
import { Driven, partOf, PREIMAGE, termsOf } from './support.js';
import { type StepFunction, World } from './world.js';

const kept = (state: PaymentState): PaymentState =>
  unwrap(stateFromText(headToText(state), state.parts.map(partToText)));

/** The machine, whose state is written and read again at each step. */
function forgetful(seen: { states: number; lessons: number }): StepFunction {
  return (state, event, context) => {
    const made = step(state, event, context);
    const read = kept(made.state);
    expect(read).toEqual(made.state);
    seen.states++;
    for (const command of made.commands) {
      if (command.type !== 'learn') continue;
      expect(unwrap(lessonsFromText(lessonsToText(command.lessons)))).toEqual(command.lessons);
      seen.lessons += command.lessons.length;
    }
    return { ...made, state: read };
  };
}

const pathOf = (first: Uint8Array | undefined): BlindedPath => ({
  firstNode: first ? { nodeId: first } : { shortChannelId: 2n ** 64n - 1n, direction: 1 },
  firstPathKey: nodeId(7),
  hops: [
    { blindedNodeId: nodeId(8), encryptedData: new Uint8Array([1, 2, 3]) },
    { blindedNodeId: nodeId(9), encryptedData: new Uint8Array() },
  ],
});

/** Everything that terms may hold. */
const FULL = termsOf({
  maxHops: 5,
  payee: {
    nodeId: nodeId(99),
    finalCltvDelta: 40,
    hints: [
      [
        { from: nodeId(3), scid: 2n ** 63n, feeBaseMsat: 1, feePpm: 2, cltvDelta: 3 },
        {
          from: nodeId(4),
          scid: 7n,
          feeBaseMsat: 2 ** 32 - 1,
          feePpm: 0,
          cltvDelta: 0,
          htlcMinimumMsat: 1n,
          htlcMaximumMsat: 2n ** 64n - 1n,
        },
      ],
      [],
      [
        {
          from: nodeId(5),
          scid: 8n,
          feeBaseMsat: 0,
          feePpm: 0,
          cltvDelta: 0,
          blindedPath: pathOf(nodeId(5)),
          countsAs: 3,
        },
      ],
      [{ from: nodeId(6), scid: 9n, feeBaseMsat: 0, feePpm: 0, cltvDelta: 0, blindedPath: pathOf(undefined) }],
    ],
    isBlinded: true,
  },
  firstHopRecords: [{ type: 75537n, value: new Uint8Array() }],
  isHeld: true,
  records: {
    paymentData: { paymentSecret: PREIMAGE, totalMsat: 100_000n },
    paymentMetadata: new Uint8Array(0),
    keysendPreimage: PREIMAGE,
    invoiceRequest: new Uint8Array([9, 9]),
    encryptedRecipientData: new Uint8Array([1]),
    totalAmountMsat: 1n,
    customRecords: [{ type: 2n ** 64n - 1n, value: new Uint8Array([0, 255]) }],
  },
  deadline: Infinity,
});

describe('a payment as text', () => {
  it('drives the machine just as well, whatever happens to it', () => {
    const seen = { states: 0, lessons: 0 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (seed) => {
        const plain = new World(seed).run();
        const world = new World(seed, { step: forgetful(seen) }).run();
        expect(world.violations).toEqual([]);
        expect(world.state).toEqual(plain.state);
      }),
      { numRuns: 12 },
    );
    expect(seen.states).toBeGreaterThan(500);
    expect(seen.lessons).toBeGreaterThan(50);
  });

  it('keeps everything that terms may hold', () => {
    expect(kept(newPayment(FULL))).toEqual(newPayment(FULL));
  });

  it('keeps the blinded path of a part, and how it is released', () => {
    const over = partOf(100_000n, { lastKind: 'hint' });
    const last = { ...over.hops.at(-1)!, blindedPath: pathOf(nodeId(3)) };
    const blinded = { ...over, hops: [...over.hops.slice(0, -1), last] };
    const terms = { isBlinded: true, nodeId: nodeId(99), finalCltvDelta: 18, hints: [] } as const;
    const payment = new Driven({ payee: terms, firstHopRecords: [HOLD_RECORD], isHeld: true }).send(blinded);
    payment.tell({ type: 'accepted', part: 0, releasePath: pathOf(undefined) });
    expect(payment.part(0)).toMatchObject({ state: 'sent', releasePath: pathOf(undefined) });
    expect(kept(payment.state)).toEqual(payment.state);
    const damaged = partToText(payment.part(0)).replace('"firstPathKey"', '"pathKey"');
    expect(partFromText(damaged)).toMatchObject({ ok: false, error: { code: 'bad_member' } });
  });

  it('leaves blinded paths out of what all learn', () => {
    const hop = { scid: 1n, direction: 0, amountMsat: 5n, kind: 'public' } as const;
    const blinded = { ...hop, kind: 'hint', blindedPath: pathOf(nodeId(3)) } as const;
    const text = lessonsToText([{ kind: 'passed', hops: [hop, blinded] }]);
    expect(unwrap(lessonsFromText(text))).toEqual([{ kind: 'passed', hops: [hop] }]);
  });

  it('of the version before is read as it was', () => {
    const payment = new Driven().send(partOf(100_000n));
    const names = /isBlinded|blindedPath|invoiceRequest|firstHopRecords|isHeld|releasePath|countsAs/u;
    expect([headToText(payment.state), partToText(payment.part(0))].join()).not.toMatch(names);
    expect(kept(payment.state)).toEqual(payment.state);
  });

  it('keeps what failures say, however odd', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n, { via: [4] }));
    payment.fail(0, { kind: 'decoded', reporter: 1.5, code: -1, raw: new Uint8Array(3), holdTimes: [NaN, -0, 7] });
    payment.fail(1, {
      kind: 'decoded',
      reporter: 1,
      code: 0x1007,
      fields: { channelUpdate: new Uint8Array([1, 2]), htlcMsat: 5n },
    });
    expect(kept(payment.state)).toEqual(payment.state);
    expect(payment.state.parts.map(({ state }) => state)).toContain('failed');
  });
});

describe('a damaged payment', () => {
  const payment = new Driven().send(partOf(100_000n));
  const head = headToText(payment.state);
  const part = partToText(payment.part(0));

  it.each([
    ['no JSON', '', 'not_json'],
    ['another format', head.replace('"format":1', '"format":2'), 'unknown_format'],
    ['no object', '7', 'unknown_format'],
    ['a phase that is none', head.replace('"in_flight"', '"lost"'), 'bad_member'],
    ['a negative amount', head.replace('"amountMsat":{"$n":"', '"amountMsat":{"$n":"-'), 'bad_member'],
    ['an amount that is a number', head.replace(/"amountMsat":\{"\$n":"(\d+)"\}/, '"amountMsat":$1'), 'bad_member'],
    ['a number with letters', head.replace('{"$n":"', '{"$n":"x'), 'bad_tag'],
    ['half a byte', head.replace('{"$b":"', '{"$b":"0'), 'bad_tag'],
    ['an unknown tag', head.replace('"$b"', '"$z"'), 'bad_tag'],
    ['a missing member', head.replace('"adjustments"', '"adjust"'), 'bad_member'],
    ['no end of nesting', `{"format":1,"value":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'too_deep'],
  ])('is refused: %s', (_, text, code) => {
    expect(text).not.toBe(head);
    expect(stateFromText(text, [part])).toMatchObject({ ok: false, error: { code } });
  });

  it('is refused if a part is missing or damaged', () => {
    expect(stateFromText(head, [part]).ok).toBe(true);
    expect(stateFromText(head, [part.replace('"id":0', '"id":1')])).toMatchObject({
      error: { code: 'missing_part' },
    });
    expect(partFromText(part.replace('"sent"', '"gone"'))).toMatchObject({ error: { code: 'bad_member' } });
  });

  it('never makes the reader throw', () => {
    fc.assert(
      fc.property(fc.nat(head.length - 1), fc.string({ maxLength: 5 }), fc.nat(20), (at, put, cut) => {
        stateFromText(head.slice(0, at) + put + head.slice(at + cut), [part]);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (value) => {
        stateFromText(`{"format":1,"value":${value}}`, [value]);
        lessonsFromText(`{"format":1,"value":${value}}`);
      }),
    );
  });
});

describe('lessons', () => {
  const known: SharedLesson = { kind: 'avoid_node', node: nodeId(1), forMs: 5 };

  it('of a kind that this version does not know are left out', () => {
    const text = lessonsToText([known, { ...known, kind: 'sing' } as unknown as SharedLesson, known]);
    expect(lessonsFromText(text)).toEqual({ ok: true, value: [known, known] });
    expect(lessonsFromText('[]').ok).toBe(false);
  });
});

describe('plain values', () => {
  const leaf = fc.oneof(
    fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    fc.uint8Array({ maxLength: 40 }),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
  );
  const name = fc.oneof(fc.string(), fc.constantFrom('$n', '$b', '$o', '$', '__proto__', 'constructor'));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
    object: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
  }));

  it('come back as they were, whatever their members are called', () => {
    fc.assert(
      fc.property(value, (plain) => {
        expect(fromPlain(JSON.parse(JSON.stringify(toPlain(plain))))).toEqual(plain);
      }),
      { numRuns: 500 },
    );
  });

  it.each([() => 1, Symbol('x'), new Map(), new Date(0), [undefined]])('are nothing else: %s', (value) => {
    expect(() => toPlain(value)).toThrow(TypeError);
  });
});
