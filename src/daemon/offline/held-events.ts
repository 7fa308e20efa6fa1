/** Tells what becomes of held HTLCs to whoever follows the events of the cluster. Best effort: the truth stands in their documents. */
import type { DocumentFields, Documents, StoredDocument } from '../../offline/documents.js';
import type { HeldHtlc } from '../../offline/hold/types.js';
import { toHex } from '../../wire/bytes.js';
import type { NewEvent } from '../../store/index.js';

export type HeldNews = 'offline.held' | 'offline.resumed' | 'offline.failed' | 'offline.ended';

/** What a version of a document is the first to say; most say nothing that people wait for. */
export function newsOf({ phase, isGone }: HeldHtlc, isFirst: boolean): HeldNews | undefined {
  if (isGone) return 'offline.ended';
  if (phase === 'held') return isFirst ? 'offline.held' : undefined;
  // What asked to be held and went on at once is an ordinary forward to everybody else.
  if (isFirst) return undefined;
  return phase === 'resumed' ? 'offline.resumed' : 'offline.failed';
}

export function heldEvent(type: HeldNews, held: HeldHtlc): NewEvent {
  const { holdId, payer, payee, failAt, end, rodId, htlc } = held;
  const { key, incomingAmountMsat, incomingExpiry, paymentHash } = htlc;
  return {
    type,
    paymentHash: toHex(paymentHash),
    body: {
      heldId: toHex(holdId),
      amountMsat: incomingAmountMsat,
      ...(payer !== undefined && { payer }),
      ...(payee !== undefined && { payee }),
      ...(rodId && { rodId: toHex(rodId) }),
      ...(type === 'offline.held' ? { untilBlock: failAt } : { outcome: end, incomingExpiry }),
      nodeId: toHex(key.nodeId),
      channelId: key.channelId,
      htlcId: key.htlcId,
    },
  };
}

/** The documents as they are, with a word about each version that was written. @param tell must not throw */
export function withNews(
  inner: Documents<HeldHtlc>,
  tell: (type: HeldNews, held: HeldHtlc) => void,
): Documents<HeldHtlc> {
  return {
    read: (id) => inner.read(id),
    async write(document: DocumentFields<HeldHtlc>, version: number): Promise<StoredDocument<HeldHtlc> | undefined> {
      const written = await inner.write(document, version);
      const news = written && newsOf(document.body, version === 0);
      if (news) tell(news, document.body);
      return written;
    },
    claimDue: (limit, leaseMs) => inner.claimDue(limit, leaseMs),
    list: (query) => inner.list(query),
    count: (query) => inner.count(query),
    remove: (id) => inner.remove(id),
  };
}
