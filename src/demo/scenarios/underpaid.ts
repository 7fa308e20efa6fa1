/** Payers and relays that try to get away with less. Nothing is ever settled for less than the invoice says. */
import { FailureCode } from '../../onion/index.js';
import { claimNothingSettled, claimRefused, claimSettledOnce, hexCode, seconds } from '../evidence.js';
import type { Detail, SimulatedScenario } from '../scenario.js';
import type { DemoInvoice, DemoWorld } from '../world.js';

interface Cheat {
  readonly what: string;
  readonly code: number;
  /** Who answers: the imaginary last hop (`payee`), or the real node before it. */
  readonly blamed: string;
}

/** The payer says that the whole payment is less than the invoice asks for. */
async function totalTooLow(world: DemoWorld, { invoice, amountMsat, ...rest }: DemoInvoice): Promise<Detail> {
  const payer = world.payer('carol');
  const record = await payer.pay({ invoice, amountMsat: amountMsat - 1n });
  await claimNothingSettled(world, { invoice, amountMsat, ...rest }, record);
  const code = FailureCode.incorrectOrUnknownPaymentDetails;
  claimRefused(record, code, 'payee');
  return refusal({ what: 'the payer names a total 1 msat under the invoice', code, blamed: 'payee' });
}

/** The payer promises the right total in the onion, and sends less. */
async function lessThanPromised(world: DemoWorld, invoice: DemoInvoice): Promise<Detail> {
  const half = invoice.amountMsat / 2n;
  const record = await world.payer('carol').pay({
    invoice: invoice.invoice,
    parts: [
      { amountMsat: half, hint: world.hintTo(invoice, 'beta'), mistakes: { finalAmountMsat: invoice.amountMsat } },
    ],
  });
  await claimNothingSettled(world, invoice, record);
  const code = FailureCode.finalIncorrectHtlcAmount;
  claimRefused(record, code, 'payee');
  return refusal({ what: 'the onion promises the whole amount, half of it is sent', code, blamed: 'payee' });
}

/** The routers keep a part of what they should forward: the payer and the payee are both cheated. */
async function routerSkims(world: DemoWorld, invoice: DemoInvoice): Promise<Detail> {
  const { faults } = world.sim;
  const skimMsat = invoice.amountMsat / 10n;
  for (const router of ['north', 'south']) faults.cheat(router, { skimMsat });
  const record = await world.payer('dave').pay({
    invoice: invoice.invoice,
    parts: [{ amountMsat: invoice.amountMsat, hint: world.hintTo(invoice, 'alpha') }],
  });
  for (const router of ['north', 'south']) faults.cheat(router, undefined);
  await claimNothingSettled(world, invoice, record);
  const code = FailureCode.finalIncorrectHtlcAmount;
  claimRefused(record, code, 'payee');
  return refusal({ what: 'a router keeps a tenth of the payment', code, blamed: 'payee' });
}

/** One of three parts never comes. */
async function partMissing(world: DemoWorld, invoice: DemoInvoice): Promise<Detail> {
  const share = invoice.amountMsat / 3n;
  const record = await world.payer('dave').pay({
    invoice: invoice.invoice,
    parts: [
      { amountMsat: share, hint: world.hintTo(invoice, 'alpha') },
      { amountMsat: share, hint: world.hintTo(invoice, 'gamma') },
      { amountMsat: invoice.amountMsat - 2n * share, hint: world.hintTo(invoice, 'beta'), skip: true },
    ],
  });
  await claimNothingSettled(world, invoice, record);
  const code = FailureCode.mppTimeout;
  claimRefused(record, code, 'payee');
  const held = seconds(record.endedAt! - record.startedAt);
  return { ...refusal({ what: 'a part never comes', code, blamed: 'payee' }), secondsHeld: held };
}

function refusal({ what, code, blamed }: Cheat): Detail {
  return { what, code: hexCode(code), blamed, settledMsat: '0' };
}

export const phantomUnderpaidRefused: SimulatedScenario = {
  name: 'phantom-underpaid-refused',
  title: 'too little is never taken: a low total, a broken promise, a router that skims, a missing part',
  time: 'virtual',
  async run(world) {
    const invoice = await world.issue(world.drawAmount(100_000, 900_000));
    const refused: Detail[] = [];
    for (const cheat of [totalTooLow, lessThanPromised, routerSkims, partMissing]) {
      refused.push(await cheat(world, invoice));
    }
    const honest = await (await world.wallet('carol')).start(invoice.invoice);
    const [settled] = await claimSettledOnce(world, invoice, honest);
    return {
      invoiceMsat: String(invoice.amountMsat),
      refused,
      honestPayer: { node: settled!.node, amountMsat: settled!.amountMsat, outcome: 'settled' },
    };
  },
};
