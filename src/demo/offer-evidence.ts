/** Claims about a payment to an offer, checked against what its payer kept, what the nodes did and what the payee's books say. */
import type { OfferPaymentBody } from '../daemon/paying/offers/document.js';
import { sha256 } from '../crypto/index.js';
import type { OfferPayment } from '../offline/payer/types.js';
import type { PaidOffer } from '../receive/ledger/types.js';
import { equalBytes, toHex } from '../wire/bytes.js';
import type { Millis, Msat } from '../wire/units.js';
import { claim, claimEqual } from './claim.js';
import type { Party } from './party.js';
import type { Stage } from './stage.js';

export interface OfferDeal {
  readonly payer: Party;
  /** Of the payer's payment to the offer. */
  readonly id: string;
  readonly payee: Party;
  /** Names of the payee's nodes. */
  readonly at: readonly string[];
  readonly timeoutMs?: Millis;
}

export interface OfferPaid {
  readonly paymentHash: string;
  readonly amountMsat: Msat;
  readonly parts: readonly { readonly node: string; readonly amountMsat: string }[];
  readonly receipt: PaidOffer;
  readonly feeMsat: Msat;
  readonly ms: Millis;
}

const sum = (amounts: readonly Msat[]): Msat => amounts.reduce((total, amount) => total + amount, 0n);

/** Begins to pay an offer. @throws {ClaimFailed} if it is refused */
export async function beginOffer(
  payer: Party,
  request: Parameters<NonNullable<Party['parts']['api']['offerPayments']>['pay']>[0],
): Promise<string> {
  const begun = await payer.parts.api.offerPayments!.pay(request);
  claim(begun.ok, `the offer can be paid${begun.ok ? '' : ` (${begun.error.message})`}`);
  return begun.value.id;
}

/** As the payer's database has it, whether its process runs or not. */
export async function offerPaymentOf(payer: Party, id: string): Promise<OfferPayment> {
  const stored = await payer.store.documents<OfferPaymentBody>('offer_payment').read(id);
  claim(stored !== undefined, 'the payer remembers its payment');
  return stored.body.payment;
}

/**
 * Paid once and whole: the payer has the preimage, the payee's nodes settled exactly the parts that its ledger committed, and its
 * receipt names the offer.
 */
export async function claimOfferPaid(
  stage: Stage,
  { payer, id, payee, at, timeoutMs = 120_000 }: OfferDeal,
): Promise<OfferPaid> {
  const isOver = async (): Promise<boolean> => ['paid', 'failed'].includes((await offerPaymentOf(payer, id)).phase);
  await stage.until(isOver, 'the end of the payment to the offer', { timeoutMs, everyMs: 20 });
  const { payment, paymentId } = (await payer.store.documents<OfferPaymentBody>('offer_payment').read(id))!.body;
  claimEqual(payment.phase, 'paid', `what the payer knows (${payment.failure?.message ?? 'no failure'})`);
  const sent = async () => (await payer.store.payments.readPayment(paymentId!))!.state;
  await stage.until(async () => (await sent()).isEnded, 'the end of every part', { timeoutMs: 60_000 });
  const state = await sent();
  const { paymentHash } = payment.invoice!;
  claim(state.preimage !== undefined, 'the payer has a preimage');
  claim(equalBytes(sha256(state.preimage), paymentHash), 'it is the preimage of the payment');
  const paidParts = state.parts.filter(({ state: end }) => end === 'settled');

  const hash = toHex(paymentHash);
  const isBooked = async (): Promise<boolean> =>
    (await payee.store.readAccount(hash)).sets.some((set) => set.state === 'settled');
  await stage.until(isBooked, 'every part final in the ledger of the payee', { timeoutMs: 60_000 });
  const settled = stage.arrivals(hash, at).filter(({ outcome }) => outcome === 'settled');
  const received = sum(settled.map(({ amountMsat }) => amountMsat));
  claimEqual(settled.length, paidParts.length, 'parts that the payer paid, against those that arrived');
  claim(received >= payment.amountMsat, `what arrived (${received}) is what was agreed (${payment.amountMsat})`);
  const { sets, parts } = await payee.store.readAccount(hash);
  const paidSets = sets.filter((set) => set.state === 'settled');
  claimEqual(paidSets.length, 1, 'settled sets in the ledger');
  claimEqual(parts.filter(({ decision }) => decision.type === 'settle').length, settled.length, 'committed parts');
  const receipt = paidSets[0]!.offer;
  claim(receipt !== undefined, 'the receipt names an offer');
  for (const party of [payer, payee]) {
    const alarms = party.parts.api.alarms?.current() ?? [];
    claimEqual(alarms.length, 0, `alarms (${alarms.map(({ alarm }) => `${alarm.code}: ${alarm.message}`).join('; ')})`);
  }
  return {
    paymentHash: hash,
    amountMsat: payment.amountMsat,
    parts: settled.map(({ to, amountMsat }) => ({ node: to, amountMsat: String(amountMsat) })),
    receipt,
    feeMsat: sum(paidParts.map(({ feeMsat }) => feeMsat)),
    ms: payment.endedAt! - payment.startedAt,
  };
}
