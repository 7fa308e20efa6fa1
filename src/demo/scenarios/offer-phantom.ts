/** An offer of three nodes, paid again and again, at whichever of them is up. */
import { decodeOffer } from '../../bolt12/index.js';
import { unwrap } from '../../wire/result.js';
import { claim, claimEqual } from '../claim.js';
import { seconds } from '../evidence.js';
import { beginOffer, claimOfferPaid, type OfferPaid } from '../offer-evidence.js';
import type { Detail, StagedScenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const MEMBERS = ['alpha', 'beta', 'gamma'] as const;

const told = ({ amountMsat, parts, feeMsat, ms, receipt }: OfferPaid): Detail => ({
  amountMsat: String(amountMsat),
  parts: parts.map(({ node, amountMsat: part }) => ({ node, amountMsat: part })),
  feeMsat: String(feeMsat),
  ...(receipt.payerNote !== undefined && { payerNote: receipt.payerNote }),
  ...(receipt.quantity !== undefined && { quantity: receipt.quantity }),
  seconds: seconds(ms),
});

async function play(stage: Stage): Promise<Detail> {
  stage.preset();
  const shop = await stage.enter({ nodes: MEMBERS });
  const payers = [await stage.enter({ nodes: ['carol'] }), await stage.enter({ nodes: ['dave'] })] as const;
  await stage.settleIn();
  const offers = shop.parts.api.offers!;
  const made = unwrap(
    await offers.create({ amountMsat: stage.drawAmount(5_000, 90_000), description: 'tea', quantityMax: 12n }),
  ).record;
  const paths = unwrap(decodeOffer(made.bolt12)).paths ?? [];
  claim(paths.length > 1, 'the offer can be asked about over several paths');

  const pay = async (payer: 0 | 1, offer: string, more: object = {}): Promise<OfferPaid> => {
    const id = await beginOffer(payers[payer], { offer, ...more });
    return claimOfferPaid(stage, { payer: payers[payer], id, payee: shop, at: MEMBERS });
  };
  const first = await pay(0, made.bolt12, { payerNote: 'for Carol', quantity: 1n });
  claimEqual(first.receipt.offerId, made.id, 'the offer that the receipt names');

  const down = first.parts[0]!.node;
  stage.faults.crashNode(down);
  const second = await pay(1, made.bolt12, { payerNote: 'for Dave', quantity: 2n });
  claimEqual(second.receipt.offerId, made.id, 'the offer that the second receipt names');
  claim(
    second.parts.every(({ node }) => node !== down),
    'the second payment arrived elsewhere',
  );
  claimEqual(second.amountMsat, 2n * first.amountMsat, 'the price of two');
  claim(second.paymentHash !== first.paymentHash, 'every payment has an invoice of its own');
  stage.faults.restartNode(down);
  await stage.sleep(15_000);

  const open = unwrap(await offers.create({ description: 'give what you like' })).record;
  const third = await pay(1, open.bolt12, { amountMsat: stage.drawAmount(10_500_000, 14_000_000) });
  claim(third.parts.length > 1, 'a payment larger than any channel arrives in parts');
  claimEqual(third.receipt.offerId, open.id, 'the offer that the third receipt names');
  claim(third.receipt.payerId !== second.receipt.payerId, 'two payments of one payer look like two payers');
  return {
    pathsOfTheOffer: paths.length,
    first: told(first),
    down,
    whileItIsDown: told(second),
    largerThanAnyChannel: told(third),
  };
}

export const offerPhantom: StagedScenario = {
  name: 'offer-phantom',
  title:
    'one offer of three nodes: the one that was paid goes down, others answer and receive; each payment has its receipt',
  time: 'virtual',
  play,
};
