/** What `offline list|show` and the API tell of the wallets served while they sleep: amounts as decimal text, times as ISO 8601. */
import type { ClientLimits, OfflineClient } from '../../offline/clients.js';
import type { BoxView, MailStore } from '../../offline/mailbox/index.js';
import type { InvoiceSlot } from '../../offline/static-invoices/index.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId, UnixSeconds } from '../../wire/units.js';
import type { ClientService } from './clients.js';
import type { StaticInvoiceService } from './static-invoices.js';

export interface MailboxView {
  readonly messages: number;
  readonly bytes: number;
  readonly oldest_at?: string;
}

export interface SlotView {
  readonly slot: number;
  /** `serving`: payers get its invoice; `asked`: the wallet asked for paths and has not handed in an invoice. */
  readonly state: 'asked' | 'serving' | 'expired';
  /** Hex. */
  readonly offer_id?: string;
  readonly invoice_bytes?: number;
  readonly created_at?: string;
  readonly stored_at?: string;
  readonly expires_at?: string;
}

export interface ClientView {
  readonly number: number;
  readonly node_id: string;
  readonly name: string;
  /** Connected to one of this process's members, or not. */
  readonly state: 'awake' | 'asleep';
  readonly enrolled_at: string;
  readonly mailbox: MailboxView;
}

export interface ClientDetails extends ClientView {
  readonly limits: {
    readonly max_slots: number;
    readonly max_held: number;
    readonly max_held_msat: string;
    readonly max_hold_blocks: number;
    readonly mailbox_messages: number;
    readonly mailbox_bytes: number;
  };
  readonly slots: readonly SlotView[];
}

export interface OfflineOverview {
  readonly clients: readonly ClientView[];
  readonly asleep: number;
  /** All wallets' mail together. */
  readonly mailbox: { readonly boxes: number; readonly messages: number; readonly bytes: number };
}

export interface OverviewSources {
  readonly clients: Pick<ClientService, 'list'>;
  readonly mail: Pick<MailStore, 'box' | 'boxes' | 'totals'>;
  readonly invoices: Pick<StaticInvoiceService, 'slotsOf'>;
  readonly isConnected: (nodeId: NodeId) => boolean;
  readonly now: () => Millis;
}

const PAGE = 1000;
/** The latest time that a date can be. */
const LAST_DATE: Millis = 8.64e15;

/** Some wallets by their numbers, those behind `after`. Rejects if the store is away. */
export async function offlineOverview(
  { clients, mail, isConnected }: OverviewSources,
  { limit, after = 0 }: { readonly limit: number; readonly after?: number },
): Promise<OfflineOverview> {
  const all = clients.list();
  const page = all.filter(({ number }) => number > after).slice(0, limit);
  const [totals, boxes] = [await mail.totals(), await boxesOf(mail, page)];
  return {
    clients: page.map((client) => clientView(client, boxes.get(client.number), isConnected(client.nodeId))),
    asleep: all.filter(({ nodeId }) => !isConnected(nodeId)).length,
    mailbox: totals,
  };
}

/** All that is known of one wallet. Rejects if the store is away. */
export async function clientDetails(sources: OverviewSources, client: OfflineClient): Promise<ClientDetails> {
  const { mail, invoices, isConnected, now } = sources;
  const [box, slots] = [await mail.box(client.number), await invoices.slotsOf(client.number)];
  return {
    ...clientView(client, box, isConnected(client.nodeId)),
    limits: limitsView(client.limits),
    slots: slots.map((slot) => slotView(slot, now())),
  };
}

async function boxesOf(mail: Pick<MailStore, 'boxes'>, page: readonly OfflineClient[]): Promise<Map<number, BoxView>> {
  const [first, last] = [page[0], page.at(-1)];
  const found = new Map<number, BoxView>();
  if (!first || !last) return found;
  for (let after = first.number - 1; ;) {
    const boxes = await mail.boxes(PAGE, after);
    for (const box of boxes) if (box.client <= last.number) found.set(box.client, box);
    after = boxes.at(-1)?.client ?? last.number;
    if (boxes.length < PAGE || after >= last.number) return found;
  }
}

function clientView(
  { number, nodeId, name, enrolledAt }: OfflineClient,
  box: BoxView | undefined,
  isAwake: boolean,
): ClientView {
  return {
    number,
    node_id: toHex(nodeId),
    name,
    state: isAwake ? 'awake' : 'asleep',
    enrolled_at: isoTime(enrolledAt),
    mailbox: box
      ? { messages: box.messages, bytes: box.bytes, oldest_at: isoTime(box.oldestAt) }
      : { messages: 0, bytes: 0 },
  };
}

const limitsView = (limits: ClientLimits): ClientDetails['limits'] => ({
  max_slots: limits.maxSlots,
  max_held: limits.maxHeld,
  max_held_msat: limits.maxHeldMsat.toString(),
  max_hold_blocks: limits.maxHoldBlocks,
  mailbox_messages: limits.mailboxMessages,
  mailbox_bytes: limits.mailboxBytes,
});

function slotView({ slot, served }: InvoiceSlot, now: Millis): SlotView {
  if (!served) return { slot, state: 'asked' };
  return {
    slot,
    state: served.expiresAt < Math.floor(now / 1000) ? 'expired' : 'serving',
    offer_id: toHex(served.offerId),
    invoice_bytes: served.bytes.length,
    created_at: isoSeconds(served.createdAt),
    stored_at: isoTime(served.storedAt),
    expires_at: isoSeconds(served.expiresAt),
  };
}

const isoTime = (time: Millis): string => new Date(Math.min(time, LAST_DATE)).toISOString();
/** Wallets name these times, so they may lie beyond every calendar. */
const isoSeconds = (time: UnixSeconds): string => isoTime(time * 1000);
