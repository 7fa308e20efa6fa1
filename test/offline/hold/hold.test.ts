import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT_LIMITS } from '../../../src/offline/clients.js';
import {
  failHeight,
  type HoldingClient,
  holdIdOf,
  type HoldQuestion,
  judgeHold,
} from '../../../src/offline/hold/admit.js';
import { stepHold } from '../../../src/offline/hold/step.js';
import type { HeldHtlc, HoldableHtlc, HoldContext, HoldEvent } from '../../../src/offline/hold/types.js';

const HEIGHT = 800_000;

const htlc = (over: Partial<HoldableHtlc> = {}): HoldableHtlc => ({
  key: { nodeId: new Uint8Array(33).fill(2), channelId: 7n, htlcId: 3n },
  paymentHash: new Uint8Array(32).fill(9),
  incomingAmountMsat: 1_000_000n,
  incomingExpiry: HEIGHT + 400,
  outgoingAmountMsat: 999_000n,
  outgoingExpiry: HEIGHT + 320,
  deadline: HEIGHT + 381,
  onChain: false,
  ...over,
});
const client = (number: number, over: Partial<HoldingClient> = {}): HoldingClient => ({
  number,
  limits: DEFAULT_CLIENT_LIMITS,
  held: 0,
  heldMsat: 0n,
  ...over,
});
const question = (over: Partial<HoldQuestion> = {}): HoldQuestion => ({
  htlc: htlc(),
  isFlagged: false,
  isTagged: false,
  canRelease: true,
  isReleased: false,
  height: HEIGHT,
  now: 1_000,
  ...over,
});
const asleep = { ...client(2), isAwake: false };
const awake = { ...client(2), isAwake: true };
const rod = { rodId: new Uint8Array(32).fill(5), holdUntil: HEIGHT + 100 };

const heldOf = (over: Partial<HoldQuestion>): HeldHtlc => {
  const verdict = judgeHold(question(over));
  if (verdict.kind !== 'hold') throw new Error(`held expected, got ${verdict.kind}`);
  return verdict.held;
};
const context = (over: Partial<HoldContext> = {}): HoldContext => ({
  now: 2_000,
  height: HEIGHT + 1,
  isPayeeAwake: false,
  ...over,
});

describe('whether an HTLC is held', () => {
  it('forwards what has nothing to do with a wallet that sleeps', () => {
    expect(judgeHold(question())).toEqual({ kind: 'forward' });
    expect(judgeHold(question({ payer: client(1), payee: awake }))).toEqual({ kind: 'forward' });
    expect(judgeHold(question({ payee: asleep, htlc: htlc({ onChain: true }) }))).toEqual({ kind: 'forward' });
  });

  it('holds for a payee that sleeps, for the flag of a client, and for a request of a client', () => {
    expect(heldOf({ payee: asleep })).toMatchObject({ payee: 2, awaitsPayee: true, awaitsRelease: false });
    expect(heldOf({ payer: client(1), isFlagged: true })).toMatchObject({ payer: 1, awaitsRelease: true });
    expect(heldOf({ payer: client(1), rod })).toMatchObject({ rodId: rod.rodId, failAt: rod.holdUntil });
  });

  it('lets nobody but the client over whose channel it came have an HTLC held', () => {
    expect(judgeHold(question({ isFlagged: true }))).toEqual({ kind: 'refuse', why: 'no_hold' });
    // A node that knows nothing of the flag would have forwarded it, and may have done so before.
    expect(judgeHold(question({ isFlagged: true, canRelease: false }))).toEqual({ kind: 'forward' });
    expect(judgeHold(question({ isTagged: true, rod }))).toEqual({ kind: 'forward' });
    expect(judgeHold(question({ rod }))).toEqual({ kind: 'forward' });
  });

  it('refuses the flag where no release could ever be asked for', () => {
    expect(judgeHold(question({ payer: client(1), isFlagged: true, canRelease: false }))).toEqual({
      kind: 'refuse',
      why: 'no_hold',
    });
  });

  it('does not wait for a release that came before the HTLC', () => {
    expect(judgeHold(question({ payer: client(1), isFlagged: true, isReleased: true }))).toMatchObject({
      kind: 'pass',
      held: { phase: 'resumed', end: 'released', isMarked: true },
    });
    const both = { payer: client(1), payee: asleep, isFlagged: true, isReleased: true };
    expect(heldOf(both)).toMatchObject({ awaitsRelease: false, awaitsPayee: true });
  });

  it('keeps to the limits of both ends', () => {
    const full = { held: DEFAULT_CLIENT_LIMITS.maxHeld };
    const rich = { heldMsat: DEFAULT_CLIENT_LIMITS.maxHeldMsat };
    for (const over of [full, rich]) {
      expect(judgeHold(question({ payer: client(1, over), isFlagged: true }))).toEqual({
        kind: 'refuse',
        why: 'limit',
      });
      expect(judgeHold(question({ payee: { ...asleep, ...over } }))).toEqual({ kind: 'forward' });
    }
    // The other end's limits are not used up by what is not held for it.
    expect(heldOf({ payer: client(1, full), payee: asleep })).toMatchObject({ awaitsPayee: true });
  });

  it('never holds what would have to fail at once', () => {
    const late = htlc({ outgoingExpiry: HEIGHT + 39 });
    expect(judgeHold(question({ htlc: late, payer: client(1), isFlagged: true }))).toEqual({
      kind: 'refuse',
      why: 'too_late',
    });
    expect(judgeHold(question({ htlc: late, payee: asleep }))).toEqual({ kind: 'forward' });
  });

  it('fails back before every one of its limits, for any expiries a sender may pick', () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(u32, u32, u32, u32, (incomingExpiry, outgoingExpiry, deadline, height) => {
        const at = failHeight(htlc({ incomingExpiry, outgoingExpiry, deadline }), height, DEFAULT_CLIENT_LIMITS);
        expect(at).toBeLessThanOrEqual(outgoingExpiry - 39);
        expect(at).toBeLessThanOrEqual(incomingExpiry - 40);
        expect(at).toBeLessThan(deadline);
        expect(at - height).toBeLessThanOrEqual(DEFAULT_CLIENT_LIMITS.maxHoldBlocks);
      }),
    );
  });

  it('tells HTLCs apart by node, channel and id', () => {
    const { key } = htlc();
    const ids = [
      key,
      { ...key, htlcId: 4n },
      { ...key, channelId: 8n },
      { ...key, nodeId: new Uint8Array(33).fill(3) },
    ].map((one) => holdIdOf(one).join());
    expect(new Set(ids).size).toBe(4);
  });
});

describe('a held HTLC', () => {
  const flagged = heldOf({ payer: client(1), payee: asleep, isFlagged: true });
  const sleeping = heldOf({ payee: asleep });

  it('goes on when its payee wakes up', () => {
    const shown = stepHold(sleeping, { kind: 'shown', onChain: false }, context());
    expect(shown.commands).toEqual([{ kind: 'wake_payee', client: 2 }]);
    const woken = stepHold(shown.held, { kind: 'payee' }, context({ isPayeeAwake: true }));
    expect(woken.commands).toEqual([{ kind: 'answer', answer: 'resume' }]);
    expect(woken.held).toMatchObject({ phase: 'resumed', end: 'awake' });
  });

  it('waits for its release although the payee is awake, and for the payee although it is released', () => {
    const early = stepHold(flagged, { kind: 'payee' }, context({ isPayeeAwake: true }));
    expect(early.commands).toEqual([]);
    const released = stepHold(early.held, { kind: 'released' }, context());
    expect(released.commands).toEqual([{ kind: 'wake_payee', client: 2 }]);
    const again = stepHold(released.held, { kind: 'released' }, context());
    expect(again).toEqual({ held: released.held, commands: [] });
    const woken = stepHold(released.held, { kind: 'payee' }, context({ isPayeeAwake: true }));
    expect(woken.commands).toEqual([{ kind: 'answer', answer: 'resume' }]);
  });

  it('is failed at its height and tells its payer once', () => {
    const before = stepHold(flagged, { kind: 'height', height: flagged.failAt - 1 }, context());
    expect(before.commands).toEqual([]);
    const at = stepHold(flagged, { kind: 'height', height: flagged.failAt }, context());
    expect(at.commands).toEqual([
      { kind: 'answer', answer: 'fail' },
      { kind: 'tell_payer', client: 1, end: 'expired' },
    ]);
    const final = stepHold(at.held, { kind: 'final', outcome: 'failed' }, context());
    expect(final.commands).toEqual([]);
    expect(final.held).toMatchObject({ isGone: true, phase: 'failed' });
  });

  it('is never failed if it may have been forwarded before it was held: its node has to fail it', () => {
    const at = stepHold(sleeping, { kind: 'height', height: sleeping.failAt }, context());
    expect(at.commands).toEqual([{ kind: 'answer', answer: 'resume' }]);
    expect(at.held).toMatchObject({ phase: 'resumed', end: 'expired' });
    const byHash = heldOf({ payer: client(1), rod });
    expect(stepHold(byHash, { kind: 'cancel' }, context()).commands).toEqual([{ kind: 'answer', answer: 'resume' }]);
    const tagged = heldOf({ payer: client(1), rod, isTagged: true });
    expect(stepHold(tagged, { kind: 'cancel' }, context()).commands[0]).toEqual({ kind: 'answer', answer: 'fail' });
  });

  it('can be cancelled until it is released, not later', () => {
    expect(stepHold(flagged, { kind: 'cancel' }, context()).held).toMatchObject({ phase: 'failed', end: 'cancelled' });
    const { held } = stepHold(flagged, { kind: 'released' }, context());
    expect(stepHold(held, { kind: 'cancel' }, context())).toEqual({ held, commands: [] });
    expect(stepHold(sleeping, { kind: 'cancel' }, context()).commands).toEqual([]);
  });

  it('is left to the chain once it is there', () => {
    expect(stepHold(flagged, { kind: 'shown', onChain: true }, context()).commands).toEqual([]);
  });

  it('tells its payer that it was settled', () => {
    const resumed: HeldHtlc = { ...flagged, phase: 'resumed' };
    expect(stepHold(resumed, { kind: 'final', outcome: 'settled' }, context()).commands).toEqual([
      { kind: 'tell_payer', client: 1, end: 'settled' },
    ]);
  });

  it('never takes a decision back, whatever comes in whatever order', () => {
    const event: fc.Arbitrary<HoldEvent> = fc.oneof(
      fc.record({ kind: fc.constant('shown' as const), onChain: fc.boolean() }),
      fc.constantFrom<HoldEvent>({ kind: 'released' }, { kind: 'payee' }, { kind: 'cancel' }),
      fc.record({ kind: fc.constant('height' as const), height: fc.integer({ min: HEIGHT, max: HEIGHT + 500 }) }),
      fc.record({
        kind: fc.constant('final' as const),
        outcome: fc.constantFrom('settled' as const, 'failed' as const),
      }),
    );
    const step = fc.record({
      event,
      isPayeeAwake: fc.boolean(),
      height: fc.integer({ min: HEIGHT, max: HEIGHT + 500 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(flagged, sleeping), fc.array(step, { maxLength: 20 }), (start, steps) => {
        let held = start;
        const answers = new Set<string>();
        for (const { event: one, ...more } of steps) {
          const before = held;
          const stepped = stepHold(held, one, context(more));
          ({ held } = stepped);
          for (const command of stepped.commands) {
            if (command.kind !== 'answer') continue;
            answers.add(command.answer);
            // Nothing is forwarded unasked, nor to a wallet that sleeps, nor when its time is over, unless it may be out already.
            const isGivenUp = !before.isMarked && held.end === 'expired';
            expect(command.answer === 'fail' && !before.isMarked).toBe(false);
            if (command.answer === 'resume' && before.phase === 'held' && !isGivenUp) {
              expect(held.awaitsRelease).toBe(false);
              expect(more.isPayeeAwake).toBe(true);
              expect(more.height).toBeLessThan(held.failAt);
            }
          }
        }
        expect(answers.size).toBeLessThanOrEqual(1);
      }),
    );
  });
});
