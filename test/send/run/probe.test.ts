/** Probes driven by the sender: what gets through is found, nothing is recorded or paid, and what is learnt is shared. */
import { describe, expect, it } from 'vitest';
import type { PaymentTerms, ProbeStep } from '../../../src/send/index.js';
import { NO_LIQUIDITY, Process, sharePlanner, World } from './world.js';

const DETAILS = { kind: 'decoded', reporter: 3, code: 0x400f } as const;
const termsOf = (world: World, amountMsat: bigint): PaymentTerms => ({
  ...world.terms({ amountMsat }),
  paymentHash: new Uint8Array(32),
});

describe('a probe', () => {
  it('finds by bisection what arrives, and leaves nothing behind but lessons', async () => {
    const world = new World();
    const a = new Process(world, 'a', { planner: sharePlanner(1) });
    await world.clock.finish(a.sender.start());
    world.fate = ({ part }) => ({
      kind: 'fail',
      afterMs: 50,
      failure: part.amountMsat <= 70_000n ? DETAILS : NO_LIQUIDITY,
    });
    const steps: ProbeStep[] = [];
    const answer = await world.clock.finish(
      a.sender.probe({ terms: termsOf(world, 150_000n), precisionPercent: 5 }, (step) => steps.push(step)),
    );
    expect(answer.arrivedMsat).toBeGreaterThan(64_000n);
    expect(answer.arrivedMsat).toBeLessThanOrEqual(70_000n);
    expect(answer.failedMsat).toBeGreaterThan(70_000n);
    expect(steps).toEqual(answer.steps);
    expect(world.db.payments.size).toBe(0);
    await world.clock.runFor(1000);
    const kinds = new Set(world.db.lessons.flatMap(({ lessons }) => lessons.map(({ kind }) => kind)));
    expect(kinds.has('cannot_carry') || kinds.has('passed')).toBe(true);
    expect(kinds.has('reserved') || kinds.has('released')).toBe(false);
    expect(new Set([...world.htlcs.values()].map(({ hash }) => hash)).size).toBe(world.sends);
    expect(world.violations).toEqual([]);
  });

  it('holds own balances while its parts are out, and can be stopped', async () => {
    const world = new World();
    const a = new Process(world, 'a', { planner: sharePlanner(1) });
    await world.clock.finish(a.sender.start());
    world.fate = () => ({ kind: 'hold' });
    const abort = new AbortController();
    const answer = a.sender.probe({ terms: termsOf(world, 150_000n) }, undefined, abort.signal);
    await world.clock.runFor(200);
    expect(world.sends).toBe(1);
    const order = { request: { kind: 'invoice' as const }, terms: world.terms({ amountMsat: 300_000n }) };
    expect(await world.clock.finish(a.sender.dryRun(order))).toMatchObject({ kind: 'refused' });
    abort.abort();
    expect(await world.clock.finish(answer)).toMatchObject({ arrivedMsat: 0n, reason: { code: 'asked' } });
  });

  it('that cannot work says why', async () => {
    const world = new World();
    world.away.add(1).add(2);
    const a = new Process(world, 'a');
    await world.clock.finish(a.sender.start());
    const answer = await world.clock.finish(a.sender.probe({ terms: termsOf(world, 150_000n) }));
    expect(answer).toMatchObject({ arrivedMsat: 0n, reason: { code: 'own_balance' } });
  });
});
