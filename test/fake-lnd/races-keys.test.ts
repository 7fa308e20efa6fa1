/** A key epoch that is retired too early: what was decided under it is settled all the same. */
import { describe, expect, it } from 'vitest';
import { Receiving } from './receiving.js';
import { until } from './world.js';

const SAT = 1000n;

describe('a part that was decided to be settled under a retired key epoch', () => {
  it('is settled when LND shows it again', async ({ onTestFinished }) => {
    const rig = await Receiving.open();
    onTestFinished(() => rig.close());
    const { sim, lnds, network } = rig.world;
    const invoice = await rig.invoice(50_000n * SAT);
    const total = { amountMsat: 50_000n * SAT };
    const first = rig.payPart(invoice, 'alpha', 20_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    sim.cutLink('payer', 'alpha'); // its settle does not get through
    const second = rig.payPart(invoice, 'beta', 30_000n * SAT, total);
    const actionsAtAlpha = (): readonly string[] =>
      network
        .observations()
        .answers.filter(({ node }) => node === 'alpha')
        .map(({ action }) => action);
    await until(() => actionsAtAlpha().includes('settle'), 'the settle');
    await second.done;
    await rig.first.receiver.stop();
    rig.retireKeys();
    await lnds[0].restart();
    sim.healLink('payer', 'alpha');
    await until(() => network.node('alpha').interceptor!.heldCount === 1, 'the HTLC shown again');
    await rig.first.receiver.start();
    expect((await first.done).outcome).toBe('settled');
    await until(
      async () => (await rig.account(invoice)).parts.every(({ final }) => final === 'settled'),
      'every part settled for good',
    );
    expect(actionsAtAlpha()).not.toContain('resume');
    expect(await rig.alarms()).toEqual([]);
  });
});
