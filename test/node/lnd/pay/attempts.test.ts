import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAttempt } from '../../../../src/node/lnd/pay/attempts.js';
import { AttemptStatus } from '../../../../src/node/lnd/rpc/payments.js';
import type { PaymentPart } from '../../../../src/send/payment/payment.js';
import { attempt, part } from './parts.js';

const failed = { kind: 'decoded', reporter: 1, code: 0x1007 } as const;
const other = (of: PaymentPart): PaymentPart => ({
  ...of,
  hops: of.hops.map((hop) => ({ ...hop, scid: hop.scid + 50n })),
});

describe('a part among the attempts of its hash', () => {
  it('is the one with its route', () => {
    const [a, b] = [part(0), other(part(1))];
    const attempts = [attempt(1n, b, 'failed'), attempt(2n, a, 'inFlight')];
    expect(findAttempt(a, [a, b], attempts)).toMatchObject({ attempt: { attemptId: 2n } });
    expect(findAttempt(b, [a, b], attempts)).toMatchObject({ attempt: { attemptId: 1n } });
    expect(findAttempt(other(other(a)), [a, b], attempts)).toEqual({ kind: 'missing' });
  });

  it.each(['amountMsat', 'expiry', 'scid', 'nodeId'] as const)(
    'is not one whose route differs in %s only',
    (member) => {
      const a = part(0);
      for (const i of a.hops.keys()) {
        const hops = a.hops.map((hop, at) => {
          if (at !== i) return hop;
          return member === 'nodeId'
            ? { ...hop, nodeId: new Uint8Array(33).fill(200) }
            : { ...hop, [member]: typeof hop[member] === 'bigint' ? hop[member] + 1n : Number(hop[member]) + 1 };
        });
        expect(findAttempt(a, [a], [attempt(1n, { ...a, hops }, 'inFlight')])).toEqual({ kind: 'missing' });
      }
    },
  );

  it('shares with its twins, and takes what lives before what has failed in another life of the payment', () => {
    const [a, b] = [part(0), part(1)];
    const attempts = [attempt(1n, a, 'failed'), attempt(2n, a, 'inFlight')];
    expect(findAttempt(a, [a, b], attempts)).toMatchObject({ attempt: { attemptId: 2n } });
    expect(findAttempt(b, [a, b], attempts)).toMatchObject({ attempt: { attemptId: 1n } });
    expect(findAttempt(a, [a], attempts)).toMatchObject({ attempt: { attemptId: 2n } });
  });

  it('has not failed with an attempt of an earlier payment of the hash: its call may still be on its way', () => {
    const a = part(0, { sentAt: 100_000 });
    expect(findAttempt(a, [a], [attempt(1n, a, 'failed', 97_000)])).toEqual({ kind: 'missing' });
    expect(findAttempt(a, [a], [attempt(1n, a, 'failed', 98_500)])).toMatchObject({ attempt: { attemptId: 1n } });
    expect(findAttempt(a, [a], [attempt(1n, a, 'inFlight', 97_000)])).toMatchObject({ attempt: { attemptId: 1n } });
  });

  it('leaves its twins what is known to be theirs', () => {
    const [a, b] = [part(0, { state: 'settled' }), part(1)];
    expect(findAttempt(b, [a, b], [attempt(1n, a, 'succeeded')])).toEqual({ kind: 'missing' });
    const gone = part(0, { state: 'failed', failure: failed });
    expect(findAttempt(b, [gone, b], [attempt(1n, a, 'failed')])).toEqual({ kind: 'missing' });
    const never = part(0, { state: 'failed', failure: { kind: 'never_sent' } });
    expect(findAttempt(b, [never, b], [attempt(1n, a, 'inFlight')])).toMatchObject({ kind: 'attempt' });
  });

  it('is not sure while the call of a twin is open and LND shows fewer than both', () => {
    const [a, b] = [part(0), part(1, { state: 'sent' })];
    expect(findAttempt(a, [a, b], [attempt(1n, a, 'inFlight')])).toEqual({ kind: 'unsure' });
    expect(findAttempt(a, [a, b], [])).toEqual({ kind: 'missing' });
    const both = [attempt(1n, a, 'inFlight'), attempt(2n, b, 'inFlight')];
    expect(findAttempt(a, [a, b], both)).toMatchObject({ attempt: { attemptId: 1n } });
  });

  // However many twins there are and however they stand: as long as nothing is sent any more, every attempt that may still
  // cost something has exactly one part, and no part is missing while there are enough.
  it('never leaves a living attempt without a part, nor gives it to two', () => {
    const statuses = fc.array(fc.constantFrom<keyof typeof AttemptStatus>('inFlight', 'succeeded', 'failed'), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(statuses, fc.nat(4), fc.nat(3), (stands, extra, lost) => {
        const parts = Array.from({ length: stands.length + lost }, (_, id) => part(id));
        const old = Array.from({ length: extra }, (_, i) => attempt(BigInt(i), part(0), 'failed'));
        const attempts = [...old, ...stands.map((status, i) => attempt(BigInt(100 + i), part(0), status))];
        const found = parts.map((one) => findAttempt(one, parts, attempts));
        const taken = found.flatMap((one) => (one.kind === 'attempt' ? [one.attempt] : []));
        expect(new Set(taken.map(({ attemptId }) => attemptId)).size).toBe(taken.length);
        for (const one of attempts) {
          if (one.status !== AttemptStatus.failed) expect(taken).toContain(one);
        }
        expect(found.some(({ kind }) => kind === 'unsure')).toBe(false);
      }),
    );
  });
});
