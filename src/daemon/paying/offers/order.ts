/** From a request to pay an offer to the invoice request that asks for its invoice. */
import {
  type Bip353Name,
  buildInvoiceRequest,
  decodeOffer,
  encodeRecords,
  offerIdOf,
  offerPriceMsat,
  signerOf,
} from '../../../bolt12/index.js';
import { verifyName } from '../../../bip353/index.js';
import { err, ok, type Result } from '../../../wire/result.js';
import type { Msat } from '../../../wire/units.js';
import { type NewOfferPayment } from '../../../offline/payer/step.js';
import type { BadRequest, Limits } from '../request.js';

export interface OfferRequest extends Limits {
  /** `lno1…`; or a name with the proof that it stands for one. */
  readonly offer?: string;
  readonly name?: { readonly text: string; readonly proof: Uint8Array };
  readonly quantity?: bigint;
  readonly payerNote?: string;
  readonly reference?: string;
}

/** What of a request the payment machine is told later, when the invoice is there. */
export type OfferOrder = Omit<Limits, 'amountMsat'> &
  Pick<OfferRequest, 'reference' | 'payerNote'> & {
    readonly offerText: string;
    /** The verified name, as text. */
    readonly paidName?: string;
  };

export interface AskingContext {
  readonly now: number;
  readonly chainHash: Uint8Array;
  readonly askMs: number;
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface PreparedOfferPayment {
  readonly offerId: Uint8Array;
  readonly payment: NewOfferPayment;
  readonly order: OfferOrder;
}

/** Checks everything that can be known before anybody is asked, and signs the invoice request. */
export function prepareOfferPayment(
  request: OfferRequest,
  { now, chainHash, askMs, randomBytes }: AskingContext,
): Result<PreparedOfferPayment, BadRequest> {
  const named = offerOf(request, now);
  if (!named.ok) return named;
  const { text, name } = named.value;
  const decoded = decodeOffer(text, { now: Math.floor(now / 1000), chains: [chainHash] });
  if (!decoded.ok) return err({ ...decoded.error, field: 'offer' });
  const offer = decoded.value;
  if (offer.currency !== undefined) {
    const message = `the offer's price is in ${offer.currency}, which is not converted here: ask for an offer in bitcoin`;
    return err({ code: 'currency_unsupported', message, field: 'offer' });
  }
  const amount = agreedAmount(request, offerPriceMsat(offer, request.quantity));
  if (!amount.ok) return amount;
  const { quantity, payerNote, amountMsat: _amount, offer: _offer, name: _name, ...limits } = request;
  const built = buildInvoiceRequest({
    offer,
    metadata: randomBytes(32),
    // One key for one payment: two payments of ours look like two payers.
    signer: signerOf(randomBytes(32)),
    chain: chainHash,
    ...(amount.value.named && { amountMsat: amount.value.amountMsat }),
    ...(quantity !== undefined && { quantity }),
    ...(payerNote !== undefined && { payerNote }),
    ...(name && { bip353Name: name }),
  });
  if (!built.ok) return err(inOurWords(built.error));
  return ok({
    offerId: offerIdOf(offer.records),
    payment: {
      id: randomBytes(16),
      offer: encodeRecords(offer.records),
      request: encodeRecords(built.value.records),
      amountMsat: amount.value.amountMsat,
      startedAt: now,
      askUntil: now + askMs,
    },
    order: {
      ...limits,
      offerText: text,
      ...(payerNote !== undefined && { payerNote }),
      ...(name && { paidName: `${name.name}@${name.domain}` }),
    },
  });
}

function offerOf(
  { offer, name }: OfferRequest,
  now: number,
): Result<{ readonly text: string; readonly name?: Bip353Name }, BadRequest> {
  if (!name) return ok({ text: offer ?? '' });
  const verified = verifyName(name.text, name.proof, { now: Math.floor(now / 1000) });
  if (!verified.ok)
    return err({ ...verified.error, field: verified.error.code.startsWith('name_') ? 'name' : 'proof' });
  const { offer: first, name: owner } = verified.value;
  if (first === undefined) {
    const message = 'the name stands for no offer; ask its owner to publish one, or pay one of its other instructions';
    return err({ code: 'name_without_offer', message, field: 'name' });
  }
  return ok({ text: first, name: { name: owner.user, domain: owner.domain } });
}

interface AgreedAmount {
  readonly amountMsat: Msat;
  /** The request has to name it. */
  readonly named: boolean;
}

function agreedAmount({ amountMsat }: OfferRequest, price: Result<Msat | undefined>): Result<AgreedAmount, BadRequest> {
  if (!price.ok) return err({ ...inOurWords(price.error) });
  if (price.value === undefined) {
    if (amountMsat !== undefined) return ok({ amountMsat, named: true });
    const message = 'the offer leaves the amount to you: say how much';
    return err({ code: 'amount_missing', message, field: 'amount_msat' });
  }
  if (amountMsat === undefined) return ok({ amountMsat: price.value, named: false });
  if (amountMsat >= price.value) return ok({ amountMsat, named: true });
  const message = `the offer costs ${price.value} msat: pay so much, or more`;
  return err({ code: 'amount_too_low', message, field: 'amount_msat' });
}

const FIELDS: Readonly<Record<string, string>> = { quantity: 'quantity', currency: 'offer', amount: 'amount_msat' };

function inOurWords({ code, message }: { readonly code: string; readonly message: string }): BadRequest {
  const field = Object.entries(FIELDS).find(([word]) => code.includes(word))?.[1];
  return { code, message, field: field ?? 'offer' };
}
