/** `manifold pay <offer>` and `manifold pay user@domain --proof FILE`: an invoice is asked for first, then paid as any other. */
import { readSmallFile } from '../daemon/small-file.js';
import { toHex } from '../wire/bytes.js';
import type { ApiClient, Json } from './client.js';
import { textOf } from './common.js';
import { CliError, usageError } from './io.js';

/** An RFC 9102 chain at most. */
const MOST_PROOF_BYTES = 65_535;
const WAIT_SECONDS = 10;

export interface OfferOptions {
  readonly quantity?: string;
  readonly note?: string;
  readonly proof?: string;
}

/** What of a text asks for an offer: an offer itself, or a name that stands for one. */
export function isOfferOrName(text: string): boolean {
  return /^(lightning:)?lno1/i.test(text) || text.includes('@');
}

/** The members of the request that are the offer's own. */
export async function offerFields(target: string, { quantity, note, proof }: OfferOptions): Promise<Json> {
  if (quantity !== undefined && !/^[1-9]\d{0,17}$/.test(quantity))
    throw usageError(`--quantity is a whole number above zero, not "${quantity}"`);
  const about = { quantity, payer_note: note };
  if (!target.includes('@')) {
    if (proof !== undefined) throw usageError('--proof is for a name like user@domain');
    return { offer: target.replace(/^lightning:/i, ''), ...about };
  }
  if (proof === undefined) {
    throw usageError(
      'a name needs the proof that it stands for an offer: --proof FILE with its DNSSEC chain (RFC 9102), as wallets and BIP 353 resolvers give it',
    );
  }
  return { name: target, proof: await readProof(proof), ...about };
}

async function readProof(path: string): Promise<string> {
  const { content } = await readSmallFile(path, MOST_PROOF_BYTES * 2 + 2).catch((error: unknown) => {
    throw usageError(`--proof: ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (!content) throw usageError(`--proof: ${path} is longer than a proof can be`);
  const text = new TextDecoder('latin1').decode(content).trim();
  return /^([0-9a-fA-F]{2})+$/.test(text) ? text.toLowerCase() : toHex(content);
}

export interface AskedFor {
  /** The payment itself, once it has begun. */
  readonly payment?: Json;
  /** The payment to the offer as it was seen last. */
  readonly offerPayment: Json;
}

/** Follows a payment to an offer until the payment itself has begun, it has failed, or its payee sleeps. */
export async function followOffer(
  client: ApiClient,
  begun: Json,
  onNews: (offerPayment: Json) => unknown,
): Promise<AskedFor> {
  let offerPayment = begun;
  await onNews(offerPayment);
  for (;;) {
    const state = textOf(offerPayment['state']);
    const paymentId = offerPayment['payment_id'];
    if (paymentId !== undefined)
      return { offerPayment, payment: await client.get(`/v1/payments/${textOf(paymentId)}`) };
    if (state !== 'asking' && state !== 'paying') return { offerPayment };
    const wait = state === 'asking' ? WAIT_SECONDS : 1;
    const path = `/v1/offer-payments/${textOf(offerPayment['id'])}?while=${state}&wait_seconds=${wait}`;
    const next = await client.get(path);
    if (next['words'] !== offerPayment['words']) await onNews(next);
    offerPayment = next;
  }
}

/** What there is to say where no payment has begun. */
export function offerOutcome(offerPayment: Json): CliError {
  const id = textOf(offerPayment['id']);
  const words = textOf(offerPayment['words']);
  if (offerPayment['state'] === 'failed') return new CliError(textOf(offerPayment['code']), words, 1);
  return new CliError(
    'payee_sleeps',
    `${words}. The daemon goes on by itself; do not pay this again by other means.\n  give it up:  manifold payments abandon ${id}`,
    1,
  );
}
