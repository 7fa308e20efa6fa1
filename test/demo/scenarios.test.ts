/** Every simulated scenario over several seeds, and that a scenario can fail. */
import { describe, expect, it } from 'vitest';
import { ClaimFailed, claim, claimEqual } from '../../src/demo/claim.js';
import { claimNothingSettled, claimRefused, claimSettledOnce } from '../../src/demo/evidence.js';
import { runOnce } from '../../src/demo/once.js';
import type { Scenario, SimulatedScenario } from '../../src/demo/scenario.js';
import { SCENARIOS } from '../../src/demo/scenarios/catalogue.js';
import type { DemoWorld } from '../../src/demo/world.js';
import { FailureCode } from '../../src/onion/index.js';

const SEEDS = [1, 2, 3, 4, 5, 99, 123_456_789];
/** Whole daemons for every party: fewer worlds show as much. */
const FEW_SEEDS = [1, 99];
const LONG_MS = 240_000;
const simulated = SCENARIOS.filter(({ time }) => time === 'virtual');

function scenario(run: SimulatedScenario['run'], name = 'made-up'): Scenario {
  return { name, title: 'for a test', time: 'virtual', run };
}

/** The error of a scenario that consists of `run`; undefined if it holds. */
async function errorOf(run: SimulatedScenario['run'], seed = 1): Promise<unknown> {
  const { scenarios } = await runOnce({ scenarios: [scenario(run)], seed });
  return scenarios[0]!.detail['error'];
}

describe('the simulated scenarios', () => {
  it.each(simulated)(
    '$name holds for every seed tried',
    async (one) => {
      for (const seed of one.name.startsWith('async-') ? FEW_SEEDS : SEEDS) {
        const { scenarios } = await runOnce({ scenarios: [one], seed });
        expect(scenarios[0], `seed ${seed}`).toMatchObject({ name: one.name, ok: true });
        expect(scenarios[0]!.ms).toBeGreaterThan(0);
      }
    },
    LONG_MS,
  );

  it(
    'are repeatable: the same seed gives the same report, another seed another one',
    async () => {
      const reports = [7, 7, 8].map(async (seed) =>
        JSON.stringify((await runOnce({ scenarios: simulated, seed })).scenarios),
      );
      const [first, again, other] = await Promise.all(reports);
      expect(again).toBe(first);
      expect(other).not.toBe(first);
    },
    LONG_MS,
  );

  it(
    'do the same whichever others run',
    async () => {
      const all = await runOnce({ scenarios: simulated, seed: 11 });
      for (const one of [...simulated].reverse()) {
        const { scenarios } = await runOnce({ scenarios: [one], seed: 11 });
        expect(scenarios[0]).toEqual(all.scenarios.find(({ name }) => name === one.name));
      }
    },
    LONG_MS,
  );

  it('have the names of the contract, in its order', () => {
    expect(SCENARIOS.map(({ name }) => name)).toEqual([
      'phantom-single',
      'phantom-private-channels',
      'phantom-failover',
      'phantom-mpp-one-node',
      'phantom-mpp-across-nodes',
      'phantom-underpaid-refused',
      'phantom-hold-invoice',
      'phantom-crash-recovery',
      'send-mpp',
      'send-from-cluster',
      'send-keysend',
      'send-probe',
      'offer-phantom',
      'async-payee-offline',
      'async-payer-offline',
      'async-both-offline',
      'phantom-ldk-member',
    ]);
  });
});

describe('a run', () => {
  it('reports a scenario that fails and goes on with the others', async () => {
    const fails = scenario(() => Promise.reject(new Error('on purpose')), 'fails');
    const holds = scenario(async () => ({ fine: true }), 'holds');
    const { ok, seed, scenarios } = await runOnce({ scenarios: [fails, holds], seed: 3 });
    expect({ ok, seed }).toEqual({ ok: false, seed: 3 });
    expect(scenarios).toMatchObject([
      { name: 'fails', ok: false, detail: { error: 'on purpose' } },
      { name: 'holds', ok: true, detail: { fine: true } },
    ]);
  });

  it('says what is missing for a scenario that cannot run here', async () => {
    const real: Scenario = {
      name: 'real',
      title: 'for a test',
      time: 'real',
      missing: async () => 'install it first',
      run: async () => ({}),
    };
    const { ok, scenarios } = await runOnce({ scenarios: [real], seed: 1 });
    expect(ok).toBe(false);
    expect(scenarios[0]).toMatchObject({ ok: false, detail: { error: 'install it first' } });
  });

  it('fails a scenario that leaves a payment in flight', async () => {
    const run = async (world: DemoWorld) => {
      const { invoice, amountMsat } = await world.issue(50_000_000n);
      world.payer('carol').start({ invoice, parts: [{ amountMsat: amountMsat / 2n, hint: 0 }] });
      await world.sleep(1_000);
      return {};
    };
    expect(await errorOf(run)).toMatch(/in vain for: no HTLC in flight/);
  });
});

describe('the claims of scenarios', () => {
  it('throw when they do not hold', () => {
    expect(() => claim(false, 'water is dry')).toThrow(ClaimFailed);
    expect(() => claim(true, 'water is wet')).not.toThrow();
    expect(() => claimEqual(1n, 2n, 'one')).toThrow('one: expected 2, found 1');
    expect(() => claimEqual('a', 'a', 'letters')).not.toThrow();
  });

  const payHalf = async (world: DemoWorld) => {
    const made = await world.issue(80_000_000n);
    const record = await world.payer('carol').pay({ invoice: made.invoice, amountMsat: made.amountMsat / 2n });
    return { made, record };
  };

  it('"settled once" is refuted by a payment that failed', async () => {
    const run = async (world: DemoWorld) => {
      const { made, record } = await payHalf(world);
      await claimSettledOnce(world, made, record);
      return {};
    };
    expect(await errorOf(run)).toMatch(/outcome of the payment for its payer: expected settled, found failed/);
  });

  it('"settled once" is refuted by an alarm', async () => {
    const run = async (world: DemoWorld) => {
      const made = await world.issue(80_000_000n);
      const record = await world.payer('carol').pay({ invoice: made.invoice });
      world.alarms.push({ code: 'part-lost', node: 'alpha', message: 'for a test' });
      await claimSettledOnce(world, made, record);
      return {};
    };
    expect(await errorOf(run)).toMatch(/alarms \(part-lost\): expected 0, found 1/);
  });

  it('"nothing settled" is refuted by a payment that was settled', async () => {
    const run = async (world: DemoWorld) => {
      const made = await world.issue(80_000_000n);
      const record = await world.payer('carol').pay({ invoice: made.invoice });
      await claimNothingSettled(world, made, record);
      return {};
    };
    expect(await errorOf(run)).toMatch(/expected failed, found settled/);
  });

  it('"refused" is refuted by another code, and by another one to blame', async () => {
    const refusedWith = (code: number, blamed: string) => async (world: DemoWorld) => {
      const { record } = await payHalf(world);
      claimRefused(record, code, blamed);
      return {};
    };
    const { incorrectOrUnknownPaymentDetails: details, mppTimeout } = FailureCode;
    expect(await errorOf(refusedWith(details, 'payee'))).toBeUndefined();
    expect(await errorOf(refusedWith(mppTimeout, 'payee'))).toMatch(/expected 0x0017, found 0x400f/);
    expect(await errorOf(refusedWith(details, 'south'))).toMatch(/expected south, found payee/);
  });
});
