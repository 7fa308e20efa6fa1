/** What a wallet shows of itself, in the API's JSON. */
import { decodeOffer, encodeOfferString } from '../../bolt12/index.js';
import type { CachedOffer, OfferCache } from '../../offline/recipient/types.js';
import type { StoredPayment } from '../../send/run/store-port.js';
import type { Store } from '../../store/index.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import { compact } from '../compact.js';
import { offerPaymentJson } from '../http/offer-payments.js';
import { receiptJson } from '../http/receipts.js';
import { isoTime } from '../http/values.js';
import { summaryJson } from '../paying/json.js';
import type { OfferPaymentBody } from '../paying/offers/document.js';
import type { Wallet } from './wallet.js';

type Json = Record<string, unknown>;

const MOST = 100;

/** Of one or all wallets' lists, newest first. */
export async function paymentsReport(store: Store, now: Millis, limit = MOST): Promise<Json> {
  const received = await store.invoices.listPayments({ limit });
  const offers = await store.documents<OfferPaymentBody>('offer_payment').list({ limit });
  const payments = await store.payments.listOutgoing(limit);
  return {
    received: received.map(receiptJson),
    offer_payments: offers.map(offerPaymentJson),
    payments: payments.filter(isOfNoOffer).map((payment) => summaryJson(payment, NO_NAMES, now)),
  };
}

/** What has happened since the wallet was opened, and what still waits. */
export async function wakeReport(wallet: Wallet, now: Millis): Promise<Json> {
  const { store, startedAt, recipient } = wallet;
  const received = await store.invoices.listPayments({ limit: MOST });
  const offers = await store.documents<OfferPaymentBody>('offer_payment').list({ limit: MOST });
  const payments = (await store.payments.listOutgoing(MOST)).filter(isOfNoOffer);
  const ended = offers.filter(({ body: { payment } }) => (payment.endedAt ?? 0) >= startedAt);
  const open = offers.filter(({ isOpen }) => isOpen);
  const { offers: cached } = await recipient.core.cache();
  return {
    connected: wallet.isConnected,
    released: recipient.released,
    received: received.filter(({ set }) => (set.decidedAt ?? 0) >= startedAt).map(receiptJson),
    ended: [
      ...ended.map(offerPaymentJson),
      ...payments.filter((one) => endedAt(one) >= startedAt).map((one) => summaryJson(one, NO_NAMES, now)),
    ],
    open: [
      ...open.map(offerPaymentJson),
      ...payments.filter(({ state }) => !state.isEnded).map((one) => summaryJson(one, NO_NAMES, now)),
    ],
    offers_ready: cached.filter(({ state }) => state !== 'pending').length,
  };
}

export async function statusReport(wallet: Wallet): Promise<Json> {
  const { receiver, offerPayments } = wallet.parts.api;
  const channels = receiver.status().flatMap(({ name }) => receiver.cluster.channelsOf(name));
  const [node] = receiver.status();
  const open = ((await offerPayments?.list(MOST)) ?? []).filter(({ isOpen }) => isOpen);
  return compact({
    node:
      node &&
      compact({
        name: node.name,
        node_id: node.info && toHex(node.info.nodeId),
        state: node.state,
        reason: node.reason,
      }),
    lsp: { node_id: wallet.config.lsp.toLowerCase(), connected: wallet.isConnected },
    spendable_msat: sum(channels.map(({ spendableMsat }) => spendableMsat)),
    receivable_msat: sum(channels.map(({ receivableMsat }) => receivableMsat)),
    has_server: wallet.config.server_paths.length > 0,
    offers: offersJson(await wallet.recipient.core.cache()),
    open: open.map(offerPaymentJson),
  });
}

const offersJson = ({ offers }: OfferCache): Json[] => [...offers].sort((a, b) => a.slot - b.slot).map(offerJson);

function offerJson({ slot, state, offer, createdAt, expiresAt, servedAt, confirmedAt }: CachedOffer): Json {
  const decoded = decodeOffer(offer);
  return compact({
    slot,
    state,
    offer: decoded.ok ? encodeOfferString(decoded.value) : undefined,
    created_at: isoTime(createdAt),
    expires_at: isoTime(expiresAt),
    served_at: servedAt === 0 ? undefined : isoTime(servedAt),
    confirmed_at: isoTime(confirmedAt),
  });
}

const isOfNoOffer = ({ request }: StoredPayment): boolean => request.offerPaymentId === undefined;

const endedAt = ({ state }: StoredPayment): Millis =>
  state.isEnded ? Math.max(0, ...state.parts.map((part) => part.endedAt ?? 0)) : 0;

const sum = (amounts: readonly bigint[]): string => amounts.reduce((total, one) => total + one, 0n).toString();

const NO_NAMES = { nodeName: () => undefined };
