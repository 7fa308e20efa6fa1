/** Invoices as they are shown: what was promised, put together with what has happened. */
import type { HtlcSet } from '../receive/ledger/types.js';
import type { InvoiceRecord, Store } from '../store/index.js';
import type { Millis, Msat } from '../wire/units.js';
import { compact } from './compact.js';
import { termsOf } from './invoice-request.js';
import type { InvoiceState } from './invoice-state.js';

/** One invoice with what has happened to it. */
export interface InvoiceView {
  readonly paymentHash: string;
  readonly state: InvoiceState;
  readonly bolt11?: string;
  readonly amountMsat?: Msat;
  readonly description?: string;
  readonly reference?: string;
  readonly metadata?: unknown;
  readonly hold: boolean;
  readonly createdAt?: Millis;
  readonly expiresAt?: Millis;
  /** The merchant asked for settlement; it happens as soon as every node that holds a part is back. */
  readonly settleRequested: boolean;
  /** What is held now for it. */
  readonly heldMsat: Msat;
  readonly receivedMsat?: Msat;
  readonly settledAt?: Millis;
  /** Told once the payment is settled. */
  readonly preimage?: string;
  readonly parts: readonly PartView[];
}

export interface PartView {
  readonly nodeId: string;
  readonly channelId: bigint;
  readonly htlcId: bigint;
  readonly amountMsat: Msat;
  readonly deadline: number;
  readonly state: 'held' | 'settling' | 'settled' | 'failed' | 'lost';
}

/** A wish about a plain invoice has a row that knows the wish only; the rest is in the text. */
export function completed(
  stored: InvoiceRecord | undefined,
  told: InvoiceRecord | undefined,
): InvoiceRecord | undefined {
  if (!stored || !told || stored.bolt11 !== undefined) return stored ?? told;
  const { mode, wish, preimage, holdMs } = stored;
  return { ...told, mode, wish, preimage, holdMs };
}

export function bareRecord(paymentHash: string): InvoiceRecord {
  return {
    ...termsOf({}, paymentHash, 0),
    bolt11: undefined,
    amountMsat: undefined,
    description: undefined,
    descriptionHash: undefined,
    reference: undefined,
    metadata: undefined,
    createdAt: 0,
    expiresAt: undefined,
    epochId: undefined,
  };
}

type AccountRows = Awaited<ReturnType<Store['readAccount']>>;

/** Without payments of static invoices, whose payers choose the hash: they pay nothing that is asked for by an invoice. */
export function withoutStatic({ sets, parts, ...rest }: AccountRows): AccountRows {
  const foreign = new Set(sets.filter(({ offer }) => offer?.isStatic === true).map(({ id }) => id));
  return {
    ...rest,
    sets: sets.filter(({ id }) => !foreign.has(id)),
    parts: parts.filter(({ setId }) => setId === undefined || !foreign.has(setId)),
  };
}

export function partViews({ parts }: AccountRows): PartView[] {
  return parts
    .filter(({ setId }) => setId !== undefined)
    .map(({ key, amountMsat, deadline, decision, final }) => ({
      nodeId: key.nodeId,
      channelId: key.channelId,
      htlcId: key.htlcId,
      amountMsat,
      deadline,
      state: final === 'none' ? ({ none: 'held', settle: 'settling', fail: 'failed' } as const)[decision.type] : final,
    }));
}

/** Puts together what was promised and what has happened. */
export function viewOf(
  record: InvoiceRecord,
  sets: readonly HtlcSet[],
  parts: readonly PartView[],
  now: Millis,
): InvoiceView {
  const paid = sets.find(({ state }) => state === 'settling' || state === 'settled');
  const held = parts.filter(({ state }) => state === 'held').reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  return {
    paymentHash: record.paymentHash,
    state: stateOf(record, sets, now),
    hold: record.mode === 'hold',
    settleRequested: record.wish === 'settle',
    heldMsat: held,
    parts,
    ...compact({
      bolt11: record.bolt11,
      amountMsat: record.amountMsat,
      description: record.description,
      reference: record.reference,
      metadata: record.metadata,
      createdAt: record.createdAt || undefined,
      expiresAt: record.expiresAt,
      receivedMsat: paid?.settledMsat,
      settledAt: paid?.decidedAt,
      preimage: paid?.preimage,
    }),
  };
}

function stateOf(record: InvoiceRecord, sets: readonly HtlcSet[], now: Millis): InvoiceState {
  if (sets.some(({ state }) => state === 'settled')) return 'settled';
  if (sets.some(({ state }) => state === 'settling')) return 'settling';
  if (record.wish === 'cancel') return 'canceled';
  if (sets.some(({ state, acceptedAt }) => state === 'open' && acceptedAt !== undefined)) return 'accepted';
  return record.expiresAt !== undefined && record.expiresAt < now ? 'expired' : 'open';
}
