/** All invoices that are known, newest first: those with a row, and those that are known because they were paid. */
import type { InvoiceRecord, Payment, Store } from '../store/index.js';
import type { Millis } from '../wire/units.js';
import type { InvoiceState } from './invoice-state.js';
import { type InvoiceView, viewOf } from './invoice-views.js';
import type { InvoiceService } from './invoices.js';

export interface InvoiceFilter {
  readonly limit: number;
  /** Continue after this place. */
  readonly after?: ListPlace;
  readonly state?: InvoiceState;
  readonly reference?: string;
}

/** Of an invoice by when it was made, of a payment by when it was committed. */
export interface ListPlace {
  readonly time: Millis;
  readonly kind: 'invoice' | 'payment';
  /** Payment hash or set id. */
  readonly id: string;
}

export interface InvoicePage {
  readonly invoices: readonly InvoiceView[];
  /** Absent at the end of the list. A page may be short, or empty, and still have it. */
  readonly next?: ListPlace;
}

export interface ListSources {
  readonly store: Pick<Store, 'invoices'>;
  readonly invoices: Pick<InvoiceService, 'show'>;
  readonly now: () => Millis;
}

interface Entry {
  readonly place: ListPlace;
  /** Undefined if it does not belong in the list. */
  readonly view: () => Promise<InvoiceView | undefined>;
}

/** Rows looked at for one page, so that a filter that fits little costs a bounded time. */
const MOST_LOOKED_AT = 500;
const BATCH = 50;

export async function listInvoices(sources: ListSources, filter: InvoiceFilter): Promise<InvoicePage> {
  const { limit, state, reference } = filter;
  const batch = Math.min(BATCH, limit);
  const feeds = [new Feed((after) => storedEntries(sources, filter, after, batch), filter.after)];
  const wantsPaid = state === undefined || state === 'settling' || state === 'settled';
  if (wantsPaid && reference === undefined)
    feeds.push(new Feed((after) => paidEntries(sources, filter, after, batch), filter.after));
  const invoices: InvoiceView[] = [];
  let last = filter.after;
  for (let looked = 0; ; looked++) {
    const heads = await Promise.all(feeds.map((feed) => feed.head()));
    const newest = heads.reduce<number | undefined>(
      (best, entry, i) => (entry && (best === undefined || isBefore(entry, heads[best]!)) ? i : best),
      undefined,
    );
    if (newest === undefined) return { invoices };
    if (invoices.length === limit || looked === MOST_LOOKED_AT) return { invoices, ...(last && { next: last }) };
    const entry = feeds[newest]!.take();
    last = entry.place;
    const view = await entry.view();
    if (view) invoices.push(view);
  }
}

/** Newest first; at one time invoices come before payments. The feeds' own order decides among their entries. */
function isBefore(a: Entry, b: Entry): boolean {
  return a.place.time > b.place.time;
}

/** One ordered source, read in batches. */
class Feed {
  readonly #read: (after: ListPlace | undefined) => Promise<{ readonly entries: Entry[]; readonly isEnd: boolean }>;
  #after: ListPlace | undefined;
  #entries: Entry[] = [];
  #isEnd = false;

  constructor(
    read: (after: ListPlace | undefined) => Promise<{ readonly entries: Entry[]; readonly isEnd: boolean }>,
    after: ListPlace | undefined,
  ) {
    this.#read = read;
    this.#after = after;
  }

  async head(): Promise<Entry | undefined> {
    if (this.#entries.length === 0 && !this.#isEnd) {
      const { entries, isEnd } = await this.#read(this.#after);
      this.#entries = entries;
      this.#isEnd = isEnd;
      this.#after = entries.at(-1)?.place ?? this.#after;
    }
    return this.#entries[0];
  }

  /** The head, which was read. */
  take(): Entry {
    return this.#entries.shift()!;
  }
}

async function storedEntries(
  { store, invoices, now }: ListSources,
  { state, reference }: InvoiceFilter,
  after: ListPlace | undefined,
  limit: number,
): Promise<{ entries: Entry[]; isEnd: boolean }> {
  // Behind a payment of the same time every invoice of that time was listed.
  const before = after && { createdAt: after.time, paymentHash: after.kind === 'invoice' ? after.id : '' };
  const isPaid = state === 'settling' || state === 'settled';
  const rows = await store.invoices.list({
    limit,
    ...(before && { before }),
    ...(state !== undefined && { state: isPaid ? ('paid' as const) : state }),
    ...(reference !== undefined && { reference }),
  });
  const viewOfRow = async (record: InvoiceRecord, hasParts: boolean): Promise<InvoiceView | undefined> => {
    // What was paid or is held is read in full; the rest is told by its row.
    const shown = hasParts ? await invoices.show(record.paymentHash) : undefined;
    const view = shown?.ok ? shown.value : viewOf(record, [], [], now());
    return !isPaid || view.state === state ? view : undefined;
  };
  return {
    entries: rows.map(({ invoice, state: stored }) => ({
      place: { time: invoice.createdAt, kind: 'invoice', id: invoice.paymentHash },
      view: () => viewOfRow(invoice, stored === 'paid' || stored === 'accepted'),
    })),
    isEnd: rows.length < limit,
  };
}

async function paidEntries(
  { store, invoices }: ListSources,
  { state }: InvoiceFilter,
  after: ListPlace | undefined,
  limit: number,
): Promise<{ entries: Entry[]; isEnd: boolean }> {
  // Behind an invoice of the same time no payment of that time was listed.
  const before =
    after &&
    (after.kind === 'payment' ? { decidedAt: after.time, setId: after.id } : { decidedAt: after.time + 1, setId: '' });
  const rows = await store.invoices.listPayments({ limit, ...(before && { before }) });
  const viewOfPayment = async ({ set, invoice }: Payment): Promise<InvoiceView | undefined> => {
    if (invoice || (state !== undefined && set.state !== state)) return undefined;
    const shown = await invoices.show(set.paymentHash);
    return shown.ok ? shown.value : undefined;
  };
  return {
    entries: rows.map((payment) => ({
      place: { time: payment.set.decidedAt ?? 0, kind: 'payment', id: payment.set.id },
      view: () => viewOfPayment(payment),
    })),
    isEnd: rows.length < limit,
  };
}
