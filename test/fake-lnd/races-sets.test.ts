/** Races about what is paid: parts, totals, timeouts, and senders who do something else than asked. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from '../../src/crypto/index.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import { Receiving, type ReceivingOptions } from './receiving.js';
import { until } from './world.js';

const SAT = 1_000n;
const UNKNOWN = FailureCode.incorrectOrUnknownPaymentDetails;

async function open(options: ReceivingOptions = {}): Promise<Receiving> {
  const receiving = await Receiving.open(options);
  onTestFinished(() => receiving.close());
  return receiving;
}

describe('sets', () => {
  it('takes nothing more once it has decided', async () => {
    const rig = await open();
    const invoice = await rig.invoice(8_000n * SAT);
    const paid = await rig.payPart(invoice, 'alpha', 8_000n * SAT).done;
    expect(paid.outcome).toBe('settled');
    const again = rig.world.payer.replay(paid.parts[0]!.attempts[0]!)!;
    await until(() => again.outcome !== 'pending', 'the end of the copy');
    expect(again).toMatchObject({ outcome: 'failed', failure: { blamed: 'payee', code: UNKNOWN } });
    const other = await rig.payPart(invoice, 'beta', 8_000n * SAT).done;
    expect(other.outcome).toBe('failed');
    expect(rig.htlcs(invoice).filter(({ outcome }) => outcome === 'settled')).toHaveLength(1);
  });

  it('settles or fails all of a set when its timeout meets its last part', async () => {
    const timeout = 600;
    const rig = await open({ policy: { mppTimeoutMs: timeout } });
    const rounds = await Promise.all(Array.from({ length: 24 }, () => rig.invoice(10_000n * SAT)));
    const total = { amountMsat: 10_000n * SAT };
    const outcomes = await Promise.all(
      rounds.map(async (invoice, i) => {
        const first = rig.payPart(invoice, 'alpha', 4_000n * SAT, total);
        await sleep(timeout - 60 + 5 * i);
        const second = rig.payPart(invoice, 'beta', 6_000n * SAT, total);
        const ends = [(await first.done).outcome, (await second.done).outcome];
        const { sets } = await rig.account(invoice);
        return { ends, settled: sets.filter(({ state }) => state !== 'failed').length };
      }),
    );
    for (const { ends, settled } of outcomes) {
      expect(new Set(ends).size).toBe(1);
      expect(settled).toBe(ends[0] === 'settled' ? 1 : 0);
    }
    expect(await rig.alarms()).toEqual([]);
  });

  it('gives everything back when the invoice is canceled while parts are held', async () => {
    const rig = await open();
    const invoice = await rig.invoice(10_000n * SAT);
    const total = { amountMsat: 10_000n * SAT };
    const held = rig.payPart(invoice, 'alpha', 4_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    expect(await rig.cancel(invoice)).toBe(true);
    const { outcome, parts } = await held.done;
    expect(outcome).toBe('failed');
    expect(parts[0]!.attempts[0]!.failure).toMatchObject({ blamed: 'payee', code: UNKNOWN });
    expect((await rig.payPart(invoice, 'beta', 10_000n * SAT).done).outcome).toBe('failed');
  });

  it('either cancels or settles when both are asked for at once', async () => {
    const rig = await open();
    const total = { amountMsat: 10_000n * SAT };
    const ends = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        const invoice = await rig.invoice(10_000n * SAT);
        const first = rig.payPart(invoice, 'alpha', 4_000n * SAT, total);
        await rig.untilHeld(invoice, 1);
        const second = rig.payPart(invoice, 'beta', 6_000n * SAT, total);
        await sleep(i);
        await rig.cancel(invoice);
        return [(await first.done).outcome, (await second.done).outcome];
      }),
    );
    for (const both of ends) expect(new Set(both).size).toBe(1);
  });

  it('takes what the payer chooses where the invoice leaves it open, and up to twice what it asks', async () => {
    const rig = await open();
    const open_ = await rig.invoice();
    expect((await rig.payPart(open_, 'alpha', 123_456n, { amountMsat: 123_456n }).done).outcome).toBe('settled');
    const [double, more] = [await rig.invoice(10_000n * SAT), await rig.invoice(10_000n * SAT)];
    const pay = (invoice: typeof double, amountMsat: bigint): Promise<{ outcome: string }> =>
      rig.payPart(invoice, 'beta', amountMsat, { amountMsat }).done;
    expect((await pay(double, 20_000n * SAT)).outcome).toBe('settled');
    expect((await rig.account(double)).sets[0]!.settledMsat).toBe(20_000n * SAT);
    expect((await pay(more, 20_000n * SAT + 1n)).outcome).toBe('failed');
    const little = await rig.invoice(10_000n * SAT);
    expect((await pay(little, 10_000n * SAT - 1n)).outcome).toBe('failed');
  });

  it('settles parts that together are more than the total', async () => {
    const rig = await open();
    const invoice = await rig.invoice(10_000n * SAT);
    const total = { amountMsat: 10_000n * SAT };
    const parts = [rig.payPart(invoice, 'alpha', 6_000n * SAT, total)];
    await rig.untilHeld(invoice, 1);
    parts.push(rig.payPart(invoice, 'beta', 6_000n * SAT, total));
    for (const { done } of parts) expect((await done).outcome).toBe('settled');
    expect((await rig.account(invoice)).sets[0]!.settledMsat).toBe(12_000n * SAT);
  });
});

describe('senders', () => {
  it('fails a keysend to the phantom, on and on', async () => {
    const rig = await open();
    const invoice = await rig.invoice(8_000n * SAT);
    const { payee, routeHints } = invoice;
    for (let i = 0; i < 3; i++) {
      const { outcome, parts } = await rig.world.payer.keysend({ payee, routeHints }, 5_000n * SAT, randomBytes(32));
      expect(outcome).toBe('failed');
      expect(parts[0]!.attempts.every(({ failure }) => failure?.blamed === 'payee')).toBe(true);
    }
    expect((await rig.payPart(invoice, 'alpha', 8_000n * SAT).done).outcome).toBe('settled');
  });

  it('fails a part of a blinded path that nobody made', async () => {
    const rig = await open();
    const invoice = await rig.invoice(8_000n * SAT);
    const customRecords = [{ type: 10n, value: randomBytes(50) }];
    const payment = rig.payPart(invoice, 'alpha', 8_000n * SAT, {
      mistakes: { withoutPaymentData: true, customRecords },
    });
    const { outcome, parts } = await payment.done;
    expect(outcome).toBe('failed');
    expect(parts[0]!.attempts[0]!.failure).toBeDefined();
    expect((await rig.account(invoice)).sets).toEqual([]);
    expect(rig.world.lnds[0].counts.streams).toBe(1);
  });

  it('fails an onion that cannot be read every time it is shown, and lives', async () => {
    const rig = await open({ leaseTtlMs: 20_000 });
    const { sim, lnds, network } = rig.world;
    const invoice = await rig.invoice(8_000n * SAT);
    const failures = (): number =>
      network.observations().answers.filter(({ node, action }) => node === 'alpha' && action === 'fail-as-node').length;
    /** Alpha is told of the failure while it cannot sign it. */
    const failUnsigned = async (arrive: () => void, count: number): Promise<void> => {
      lnds[0].blackHole(true);
      arrive();
      await until(() => network.node('alpha').interceptor!.heldCount === 1, 'the onion shown');
      sim.cutLink('payer', 'alpha');
      lnds[0].blackHole(false);
      await until(() => failures() === count, `failure ${count}`);
      await lnds[0].restart();
      await rig.untilLive();
    };
    const heal = (): void => {
      sim.healLink('payer', 'alpha');
    };
    let bad!: ReturnType<typeof rig.payPart>;
    await failUnsigned(() => {
      bad = rig.payPart(invoice, 'alpha', 8_000n * SAT, { mistakes: { wrongPayee: true } });
    }, 1);
    await failUnsigned(heal, 2);
    await failUnsigned(heal, 3);
    expect(bad.record.outcome).toBe('pending');
    heal();
    const { outcome, parts } = await bad.done;
    expect(outcome).toBe('failed');
    expect(parts[0]!.attempts[0]!.failure).toMatchObject({ blamed: 'alpha', code: FailureCode.invalidOnionHmac });
    const good = await rig.invoice(1_000n * SAT);
    expect((await rig.payPart(good, 'alpha', 1_000n * SAT).done).outcome).toBe('settled');
  });
});
