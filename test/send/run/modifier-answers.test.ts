import { describe, expect, it } from 'vitest';
import { type Modifier } from '../../../src/send/index.js';
import { guarded, ModifierFault } from '../../../src/send/run/guarded-modifiers.js';

const refusal = { kind: 'refusal', code: 'unreachable', message: 'no way' } as const;
const reaction = { words: 'it failed', lessons: [], next: { kind: 'replan' } } as const;

/** The stages of a guarded modifier that answers this everywhere. */
function answering(value: unknown) {
  const faults: string[] = [];
  const stage = () => value as never;
  const own: Modifier = { name: 'mine', prepare: stage, plan: stage, payload: stage, send: stage, outcome: stage };
  const [modifier] = guarded([own], (what) => faults.push(what));
  const none = {} as never;
  return {
    faults,
    prepare: () => modifier!.prepare!(none, none),
    plan: () => modifier!.plan!(none, () => refusal, none),
    payload: () => modifier!.payload!({}, none, none),
    send: () => modifier!.send!(5, none, none, none),
    outcome: () => modifier!.outcome!(reaction, none),
  };
}

describe('what a modifier returns', () => {
  it.each([42, 'x', [], Promise.resolve(refusal), { kind: 'plan' }, { kind: 'plan', parts: [{}] }, { amountMsat: 1n }])(
    'is refused with its name where it is of no use: %s',
    (value) => {
      const { faults, prepare, plan, outcome } = answering(value);
      expect(prepare()).toMatchObject({
        kind: 'stop',
        reason: { message: expect.stringContaining('"mine" failed at prepare') as string },
      });
      expect(plan()).toMatchObject({
        kind: 'refusal',
        message: expect.stringContaining('"mine" failed at plan') as string,
      });
      expect(outcome().next).toMatchObject({
        kind: 'stop',
        reason: { message: expect.stringContaining('at outcome') as string },
      });
      expect(faults).toHaveLength(3);
    },
  );

  it.each(['x', 7, { keysendPreimage: 'text' }, { customRecords: [{ type: 5, value: new Uint8Array() }] }])(
    'never becomes a payload that cannot be stored: %s',
    (value) => {
      expect(() => answering(value).payload()).toThrow(ModifierFault);
    },
  );

  it.each(['x', Number.NaN, {}])('never becomes the time of a part: %s', (value) => {
    expect(() => answering(value).send()).toThrow(/"mine" failed at send/);
  });

  it('is taken as it is where it fits', () => {
    const { faults, plan } = answering(refusal);
    expect(plan()).toBe(refusal);
    expect(answering(reaction).outcome()).toBe(reaction);
    const records = { keysendPreimage: new Uint8Array(32) };
    expect(answering(records).payload()).toBe(records);
    expect(answering(undefined).payload()).toEqual({});
    expect(faults).toEqual([]);
  });
});
