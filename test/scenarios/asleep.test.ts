import { describe, it } from 'vitest';
import { claim } from '../../src/demo/claim.js';
import { beginOffer, claimOfferPaid, offerPaymentOf } from '../../src/demo/offer-evidence.js';
import { type LspName, Sleepers } from '../../src/demo/sleepers.js';
import { Stage } from '../../src/demo/stage.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';

/** Alice pays bob, and neither is awake when the other is; somebody dies in between. */
async function payAsleep(
  seed: string,
  trouble: (sleepers: Sleepers) => Promise<void>,
  { payerFirst = false }: { readonly payerFirst?: boolean } = {},
): Promise<void> {
  const clock = new VirtualClock();
  const stage = new Stage({ seed, clock });
  await clock.finish(
    (async () => {
      const sleepers = await Sleepers.enter(stage);
      const [alice, bob] = [sleepers.wallet('alice'), sleepers.wallet('bob')];
      const offer = await sleepers.offerOf('bob');
      await sleepers.sleep('bob');
      const id = await beginOffer(alice, { offer, amountMsat: 40_000_000n });
      await stage.until(
        async () => (await offerPaymentOf(alice, id)).heldParts.length > 0,
        'the LSP holding the money',
      );
      await stage.until(async () => (await sleepers.mailOf('bob')) > 1, 'the word of the payer in the mailbox');
      const isListed = async (): Promise<boolean> => (await sleepers.heldFor('alice')).length > 0;
      await stage.until(isListed, 'the LSP listing what it holds');
      await sleepers.sleep('alice');
      await trouble(sleepers);
      await sleepers.wake('bob');
      if (payerFirst) await sleepers.wake('alice');
      const isReceived = async (): Promise<boolean> => (await bob.store.invoices.listPayments({ limit: 1 })).length > 0;
      await stage.until(isReceived, 'the receipt of bob', { timeoutMs: 120_000, everyMs: 100 });
      await stage.sleep(2_000); // until his node has signed what it was told
      await sleepers.sleep('bob');
      if (!payerFirst) await sleepers.wake('alice');
      const { receipt } = await claimOfferPaid(stage, { payer: alice, id, payee: bob, at: ['bob'] });
      claim(receipt.isStatic, 'it was paid by a static invoice');
      await stage.untilQuiet();
      await stage.close();
    })(),
  );
}

async function killed(sleepers: Sleepers, name: LspName): Promise<void> {
  sleepers.lsps.get(name)!.kill();
  await sleepers.pass(15);
  await sleepers.lsps.get(name)!.start();
  await sleepers.pass(15);
}

describe('a payment while both sleep', () => {
  it.each(['westlsp', 'eastlsp'] as const)('survives the death of the process of %s', (name) =>
    payAsleep(`dies ${name}`, (sleepers) => killed(sleepers, name)),
  );

  it.each(['eastlsp'] as const)('survives a restart of the node of %s', (name) =>
    payAsleep(`restarts ${name}`, async ({ stage }) => {
      stage.faults.crashNode(name);
      await stage.sleep(10_000);
      stage.faults.restartNode(name);
      await stage.sleep(20_000);
    }),
  );

  // A node looks at the HTLCs of a channel again only when its peer is back, so nothing moves before.
  it('goes on when the payer is back, if the node of its LSP was restarted while it slept', () =>
    payAsleep(
      'restarts westlsp',
      async ({ stage }) => {
        stage.faults.crashNode('westlsp');
        await stage.sleep(10_000);
        stage.faults.restartNode('westlsp');
        await stage.sleep(20_000);
      },
      { payerFirst: true },
    ));
});
