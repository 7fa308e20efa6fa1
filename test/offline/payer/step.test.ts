import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newOfferPayment, RELEASE_WAIT_MS, stepOfferPayment, wakeAt } from '../../../src/offline/payer/step.js';
import type {
  AcceptedInvoice,
  HeldPart,
  OfferPayment,
  OfferPaymentCommand,
  OfferPaymentEvent,
} from '../../../src/offline/payer/types.js';

const T0 = 1_000_000;
const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill);
const fresh = newOfferPayment({
  id: bytes(1, 16),
  offer: bytes(2),
  request: bytes(3),
  amountMsat: 1_000n,
  startedAt: T0,
  askUntil: T0 + 120_000,
});
const ordinary: AcceptedInvoice = { kind: 'invoice', bytes: bytes(4), paymentHash: bytes(5) };
const fixed: AcceptedInvoice = {
  kind: 'static',
  bytes: bytes(6),
  preimage: bytes(7),
  paymentHash: bytes(8),
  expiresAt: T0 + 3 * RELEASE_WAIT_MS,
};
const held = (part: number, fill = 9): HeldPart => ({
  part,
  releasePath: { firstNode: { nodeId: bytes(fill, 33) }, firstPathKey: bytes(fill, 33), hops: [] },
});

/** Runs events at their times and returns what was commanded. */
function run(start: OfferPayment, events: readonly (readonly [OfferPaymentEvent, number])[]) {
  let payment = start;
  const commands: OfferPaymentCommand[] = [];
  for (const [event, now] of events) {
    const step = stepOfferPayment(payment, event, now);
    payment = step.payment;
    commands.push(...step.commands);
  }
  return { payment, commands };
}

describe('a payment to an offer', () => {
  it('asks again at growing distances until nobody answered in time', () => {
    let payment = fresh;
    const asked: number[] = [];
    for (let now = wakeAt(payment); now !== undefined; now = wakeAt(payment)) {
      const step = stepOfferPayment(payment, { kind: 'tick' }, now);
      payment = step.payment;
      for (const { kind } of step.commands) if (kind === 'ask') asked.push(now - T0);
    }
    expect(asked).toEqual([0, 4_000, 12_000, 28_000, 60_000, 92_000]);
    expect(payment).toMatchObject({ phase: 'failed', failure: { code: 'no_answer' } });
  });

  it('pays an ordinary invoice at once, and only the first one', () => {
    const { payment, commands } = run(fresh, [
      [{ kind: 'invoice', invoice: ordinary, canHold: true }, T0 + 1],
      [{ kind: 'invoice', invoice: { ...ordinary, paymentHash: bytes(77) }, canHold: true }, T0 + 2],
      [{ kind: 'invoice', invoice: fixed, canHold: true }, T0 + 3],
      [{ kind: 'released' }, T0 + 4],
    ]);
    expect(commands).toEqual([{ kind: 'pay', invoice: ordinary, hold: false }]);
    expect(payment).toMatchObject({ phase: 'paying', invoice: ordinary, isHeld: false });
  });

  it('sends nothing for a static invoice before the payee is awake', () => {
    const first = run(fresh, [[{ kind: 'invoice', invoice: fixed, canHold: false }, T0 + 1]]);
    expect(first.commands).toEqual([{ kind: 'announce', replyOver: 'own_path', round: 0 }]);
    expect(first.payment.phase).toBe('unreleased');
    const again = run(first.payment, [[{ kind: 'tick' }, T0 + 30_001]]);
    expect(again.commands).toEqual([{ kind: 'announce', replyOver: 'own_path', round: 1 }]);
    const released = run(again.payment, [
      [{ kind: 'released' }, T0 + 40_000],
      [{ kind: 'released' }, T0 + 40_001],
    ]);
    expect(released.commands).toEqual([{ kind: 'pay', invoice: fixed, hold: false }]);
  });

  it('has HTLCs held by its peers where they can, and tells the payee their paths, the last of each', () => {
    const paying = run(fresh, [[{ kind: 'invoice', invoice: fixed, canHold: true }, T0]]);
    expect(paying.commands).toEqual([{ kind: 'pay', invoice: fixed, hold: true }]);
    // Nothing to be told yet: a time that has passed already would have it looked at without end.
    expect(wakeAt(paying.payment)).toBeUndefined();
    const told = run(paying.payment, [
      [{ kind: 'held', held: held(0) }, T0 + 1],
      [{ kind: 'held', held: held(1) }, T0 + 2],
      [{ kind: 'held', held: held(0, 10) }, T0 + 3],
    ]);
    expect(told.commands.map((command) => command.kind === 'announce' && command.replyOver)).toEqual([
      held(0),
      held(1),
      held(0, 10),
    ]);
    // A release over our own path is none for money that is out already.
    expect(run(told.payment, [[{ kind: 'released' }, T0 + 4]]).commands).toEqual([]);
    const later = run(told.payment, [[{ kind: 'tick' }, told.payment.announceAt]]);
    expect(later.commands.map(({ kind }) => kind)).toEqual(['pay', 'announce', 'announce']);
    expect(run(later.payment, [[{ kind: 'payment', outcome: 'paid', message: '' }, T0 + 9]]).payment.phase).toBe(
      'paid',
    );
  });

  it('waits for the payee to wake where no peer can hold, once nothing is held', () => {
    const paying = run(fresh, [[{ kind: 'invoice', invoice: fixed, canHold: true }, T0]]).payment;
    const back = run(paying, [[{ kind: 'no_holder' }, T0 + 1]]);
    expect(back.payment).toMatchObject({ phase: 'unreleased', isHeld: false });
    expect(back.commands).toEqual([{ kind: 'announce', replyOver: 'own_path', round: 0 }]);
    const out = run(paying, [[{ kind: 'held', held: held(0) }, T0 + 1]]).payment;
    expect(run(out, [[{ kind: 'no_holder' }, T0 + 2]])).toEqual({ payment: out, commands: [] });
  });

  it('gives up a payee that never wakes, after seven days or when the invoice expires', () => {
    const unreleased = run(fresh, [[{ kind: 'invoice', invoice: fixed, canHold: false }, T0]]).payment;
    const at = (payment: OfferPayment, now: number) => run(payment, [[{ kind: 'tick' }, now]]).payment;
    expect(at(unreleased, T0 + RELEASE_WAIT_MS - 1).phase).toBe('unreleased');
    expect(at(unreleased, T0 + RELEASE_WAIT_MS)).toMatchObject({ failure: { code: 'never_released' } });
    const short = run(fresh, [
      [{ kind: 'invoice', invoice: { ...fixed, expiresAt: T0 + 50 }, canHold: false }, T0],
    ]).payment;
    expect(at(short, T0 + 50)).toMatchObject({ failure: { code: 'invoice_expired' } });
  });

  it('can be abandoned while nothing is out, and not later', () => {
    expect(run(fresh, [[{ kind: 'abandon' }, T0]]).payment).toMatchObject({ failure: { code: 'abandoned' } });
    const paying = run(fresh, [[{ kind: 'invoice', invoice: ordinary, canHold: false }, T0]]).payment;
    expect(run(paying, [[{ kind: 'abandon' }, T0]])).toEqual({ payment: paying, commands: [] });
  });

  it('believes what was recorded rather than what a slower process was told', () => {
    const paying = run(fresh, [[{ kind: 'invoice', invoice: fixed, canHold: true }, T0]]).payment;
    const denials: readonly OfferPaymentEvent[][] = [
      [{ kind: 'refused', message: 'no plan' }],
      [{ kind: 'no_holder' }],
      [{ kind: 'no_holder' }, { kind: 'abandon' }],
    ];
    for (const events of denials) {
      const denied = run(
        paying,
        events.map((event) => [event, T0 + 1] as const),
      ).payment;
      expect(denied.phase).not.toBe('paying');
      const begun = run(denied, [[{ kind: 'begun', hold: true }, T0 + 2]]).payment;
      expect(begun).toMatchObject({ phase: 'paying', isHeld: true });
      expect(begun).not.toHaveProperty('failure');
      expect(begun).not.toHaveProperty('endedAt');
      const paid = run(denied, [[{ kind: 'payment', outcome: 'paid', message: '' }, T0 + 3]]).payment;
      expect(paid).toMatchObject({ phase: 'paid', endedAt: T0 + 3 });
      expect(paid).not.toHaveProperty('failure');
    }
    const failed = run(paying, [[{ kind: 'payment', outcome: 'failed', message: 'no route' }, T0]]).payment;
    expect(run(failed, [[{ kind: 'begun', hold: true }, T0 + 1]])).toEqual({ payment: failed, commands: [] });
    expect(run(fresh, [[{ kind: 'begun', hold: false }, T0]])).toEqual({ payment: fresh, commands: [] });
  });

  it('asks again after an error, as others may answer, and ends with it if they do not', () => {
    const error: OfferPaymentEvent = { kind: 'invoice_error', message: 'amount too small' };
    const asked = run(fresh, [
      [{ kind: 'tick' }, T0],
      [error, T0 + 10],
      [{ kind: 'tick' }, T0 + 10],
    ]);
    expect(asked.commands.filter(({ kind }) => kind === 'ask')).toHaveLength(2);
    let payment = asked.payment;
    for (let i = 0; i < 10 && payment.phase === 'asking'; i++) {
      payment = run(payment, [
        [error, T0 + 20 + i],
        [{ kind: 'tick' }, T0 + 20 + i],
      ]).payment;
    }
    expect(payment).toMatchObject({ failure: { code: 'invoice_error' } });
    expect(payment.failure?.message).toContain('amount too small');
  });

  it('pays one hash only and never comes back from its end without the sender, whatever comes in whatever order', () => {
    const event: fc.Arbitrary<OfferPaymentEvent> = fc.oneof(
      fc.constantFrom<OfferPaymentEvent>({ kind: 'tick' }, { kind: 'released' }, { kind: 'abandon' }),
      fc.record({
        kind: fc.constant('invoice' as const),
        invoice: fc.constantFrom(ordinary, fixed),
        canHold: fc.boolean(),
      }),
      fc.constantFrom<OfferPaymentEvent>(
        { kind: 'held', held: held(0) },
        { kind: 'no_holder' },
        { kind: 'invoice_error', message: 'no' },
        { kind: 'refused', message: 'no plan' },
        { kind: 'begun', hold: true },
        { kind: 'payment', outcome: 'paid', message: '' },
        { kind: 'payment', outcome: 'failed', message: 'no route' },
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(RELEASE_WAIT_MS)), { maxLength: 30 }), (events) => {
        let [payment, now] = [fresh, T0];
        const paid = new Set<AcceptedInvoice>();
        for (const [one, delay] of events) {
          now += delay;
          const before = payment;
          const step = stepOfferPayment(payment, one, now);
          payment = step.payment;
          for (const command of step.commands) {
            if (command.kind !== 'pay') continue;
            paid.add(command.invoice);
            if (command.invoice.kind === 'static' && before.phase === 'unreleased') expect(one.kind).toBe('released');
          }
          const isSendersWord = one.kind === 'begun' || (one.kind === 'payment' && one.outcome === 'paid');
          if (before.phase === 'paid' || (before.phase === 'failed' && !isSendersWord)) {
            expect(step).toEqual({ payment: before, commands: [] });
          }
        }
        expect(paid.size).toBeLessThanOrEqual(1);
      }),
    );
  });
});
