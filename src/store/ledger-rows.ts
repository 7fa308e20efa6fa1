/**
 * Rows of the ledger as arrays of columns: one order for reading and writing on both engines, because these tables carry
 * every payment and objects per row would cost a third of the throughput.
 */
import { sql } from 'kysely';
import type { HtlcSet, InvoiceTerms, Lease, LedgerEvent, PaidOffer, Part } from '../receive/ledger/types.js';
import { partKeyText } from '../receive/ledger/types.js';
import { fromHex, toHex } from '../wire/bytes.js';
import type { Millis } from '../wire/units.js';
import {
  intFromColumn,
  intToColumn,
  optionalIntFromColumn,
  optionalTextFromColumn,
  type SqlRow,
  textFromColumn,
  toJson,
  u64FromColumn,
  u64ToColumn,
} from './columns.js';

/** What one transaction read. */
export interface LedgerRows {
  readonly now: Millis;
  readonly leases: readonly Lease[];
  readonly terms: readonly InvoiceTerms[];
  readonly sets: readonly HtlcSet[];
  readonly parts: readonly Part[];
}

export interface Upserts<Row> {
  readonly insert: readonly Row[];
  readonly update: readonly Row[];
}

/** What one transaction writes. `now` dates what has no time of its own. */
export interface LedgerChanges {
  readonly now: Millis;
  readonly leases: Upserts<Lease>;
  readonly terms: Upserts<InvoiceTerms>;
  readonly sets: Upserts<HtlcSet>;
  readonly parts: Upserts<Part>;
  readonly events: readonly LedgerEvent[];
}

type ColumnKind = 'text' | 'int';

/** A table of the hot path. `update` columns are those that may change; `guard` is the rule an update has to respect. */
export interface LedgerTable<Row> {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, kind: ColumnKind])[];
  readonly keys: readonly string[];
  readonly updates: readonly string[];
  /** SQL over the stored row (table name) and the new one (`v`). */
  readonly guard: string;
  toRow(value: Row, now: Millis): SqlRow;
  readonly fromRow: (row: SqlRow) => Row;
}

/** Epochs fence off frozen processes: they never fall (R4). */
export const LEASE: LedgerTable<Lease> = {
  name: 'lease',
  columns: [
    ['node_id', 'text'],
    ['owner', 'text'],
    ['epoch', 'int'],
    ['expires_at', 'int'],
    ['height', 'int'],
  ],
  keys: ['node_id'],
  updates: ['owner', 'epoch', 'expires_at', 'height'],
  guard: 'lease.epoch <= v.epoch',
  toRow: (lease) => [
    lease.nodeId,
    lease.owner,
    intToColumn(lease.epoch),
    intToColumn(lease.expiresAt),
    intToColumn(lease.height),
  ],
  fromRow: (row) => ({
    nodeId: textFromColumn(row[0]),
    owner: textFromColumn(row[1]),
    epoch: intFromColumn(row[2]),
    expiresAt: intFromColumn(row[3]),
    height: intFromColumn(row[4]),
  }),
};

/** A known preimage is never forgotten or replaced. */
export const TERMS: LedgerTable<InvoiceTerms> = {
  name: 'invoice',
  columns: [
    ['payment_hash', 'text'],
    ['mode', 'text'],
    ['wish', 'text'],
    ['preimage', 'text'],
    ['hold_ms', 'int'],
    ['created_at', 'int'],
  ],
  keys: ['payment_hash'],
  updates: ['mode', 'wish', 'preimage', 'hold_ms'],
  guard: '(invoice.preimage is null or invoice.preimage = v.preimage)',
  toRow: (terms, now) => [
    terms.paymentHash,
    terms.mode,
    terms.wish,
    terms.preimage ?? null,
    intToColumn(terms.holdMs),
    intToColumn(now),
  ],
  fromRow: (row) => ({
    paymentHash: textFromColumn(row[0]),
    mode: textFromColumn(row[1]) as InvoiceTerms['mode'],
    wish: textFromColumn(row[2]) as InvoiceTerms['wish'],
    preimage: optionalTextFromColumn(row[3]),
    holdMs: intFromColumn(row[4]),
  }),
};

/** A set leaves `open` once, for settling or for failed, and a committed set keeps its preimage (R2, R3). */
export const HTLC_SET: LedgerTable<HtlcSet> = {
  name: 'htlc_set',
  columns: [
    ['id', 'text'],
    ['payment_hash', 'text'],
    ['payment_secret', 'text'],
    ['total_msat', 'int'],
    ['state', 'text'],
    ['opened_at', 'int'],
    ['decided_at', 'int'],
    ['accepted_at', 'int'],
    ['review_at', 'int'],
    ['preimage', 'text'],
    ['settled_msat', 'int'],
    ['offer', 'text'],
  ],
  keys: ['payment_hash', 'id'],
  updates: ['state', 'decided_at', 'accepted_at', 'review_at', 'preimage', 'settled_msat'],
  guard: `htlc_set.state = 'open' or ((htlc_set.state = v.state
    or (htlc_set.state = 'settling' and v.state = 'settled')) and htlc_set.preimage is not distinct from v.preimage)`,
  toRow: (set) => [
    set.id,
    set.paymentHash,
    set.paymentSecret,
    u64ToColumn(set.totalMsat),
    set.state,
    intToColumn(set.openedAt),
    set.decidedAt === undefined ? null : intToColumn(set.decidedAt),
    set.acceptedAt === undefined ? null : intToColumn(set.acceptedAt),
    intToColumn(set.reviewAt),
    set.preimage ?? null,
    set.settledMsat === undefined ? null : u64ToColumn(set.settledMsat),
    set.offer === undefined ? null : JSON.stringify(set.offer),
  ],
  fromRow: (row) => ({
    id: textFromColumn(row[0]),
    paymentHash: textFromColumn(row[1]),
    paymentSecret: textFromColumn(row[2]),
    totalMsat: u64FromColumn(row[3]),
    state: textFromColumn(row[4]) as HtlcSet['state'],
    openedAt: intFromColumn(row[5]),
    decidedAt: optionalIntFromColumn(row[6]),
    acceptedAt: optionalIntFromColumn(row[7]),
    reviewAt: intFromColumn(row[8]),
    preimage: optionalTextFromColumn(row[9]),
    settledMsat: row[10] === null ? undefined : u64FromColumn(row[10]),
    ...offerOf(optionalTextFromColumn(row[11])),
  }),
};

const offerOf = (json: string | undefined): Pick<HtlcSet, 'offer'> =>
  json === undefined ? {} : { offer: JSON.parse(json) as PaidOffer };

/** A decision goes from none to something, once (R3). */
export const PART: LedgerTable<Part> = {
  name: 'part',
  columns: [
    ['node_id', 'text'],
    ['channel_id', 'int'],
    ['htlc_id', 'int'],
    ['payment_hash', 'text'],
    ['set_id', 'text'],
    ['amount_msat', 'int'],
    ['incoming_amount_msat', 'int'],
    ['expiry', 'int'],
    ['deadline', 'int'],
    ['presented_epoch', 'int'],
    ['first_seen_at', 'int'],
    ['decision', 'text'],
    ['fail_reason', 'text'],
    ['fail_message', 'text'],
    ['decided_at', 'int'],
    ['final', 'text'],
  ],
  keys: ['node_id', 'channel_id', 'htlc_id'],
  updates: [
    'set_id',
    'amount_msat',
    'incoming_amount_msat',
    'expiry',
    'deadline',
    'presented_epoch',
    'decision',
    'fail_reason',
    'fail_message',
    'decided_at',
    'final',
  ],
  guard: `part.payment_hash = v.payment_hash and (part.decision = 'none' or (part.decision = v.decision
    and part.fail_message is not distinct from v.fail_message and part.set_id is not distinct from v.set_id))`,
  toRow: ({ key, decision, ...part }) => [
    key.nodeId,
    u64ToColumn(key.channelId),
    u64ToColumn(key.htlcId),
    part.paymentHash,
    part.setId ?? null,
    u64ToColumn(part.amountMsat),
    u64ToColumn(part.incomingAmountMsat),
    intToColumn(part.expiry),
    intToColumn(part.deadline),
    intToColumn(part.presentedEpoch),
    intToColumn(part.firstSeenAt),
    decision.type,
    decision.type === 'fail' ? decision.reason : null,
    decision.type === 'fail' ? toHex(decision.message) : null,
    part.decidedAt === undefined ? null : intToColumn(part.decidedAt),
    part.final,
  ],
  fromRow: (row) => ({
    key: { nodeId: textFromColumn(row[0]), channelId: u64FromColumn(row[1]), htlcId: u64FromColumn(row[2]) },
    paymentHash: textFromColumn(row[3]),
    setId: optionalTextFromColumn(row[4]),
    amountMsat: u64FromColumn(row[5]),
    incomingAmountMsat: u64FromColumn(row[6]),
    expiry: intFromColumn(row[7]),
    deadline: intFromColumn(row[8]),
    presentedEpoch: intFromColumn(row[9]),
    firstSeenAt: intFromColumn(row[10]),
    decision: decisionFromColumns(row[11], row[12], row[13]),
    decidedAt: optionalIntFromColumn(row[14]),
    final: textFromColumn(row[15]) as Part['final'],
  }),
};

/** States of a set whose preimage may be out, as literals: a parameter would keep partial indexes from being used. */
export const COMMITTED = [sql.lit('settling'), sql.lit('settled')];

/** Events only ever grow; their sequence number is assigned later. */
export const EVENT_COLUMNS = [
  ['type', 'text'],
  ['payment_hash', 'text'],
  ['created_at', 'int'],
  ['body', 'text'],
] as const;

export function eventToRow(event: LedgerEvent, now: Millis): SqlRow {
  return [event.type, event.paymentHash, intToColumn(now), toJson(event)];
}

export function decisionFromColumns(type: unknown, reason: unknown, message: unknown): Part['decision'] {
  switch (type) {
    case 'none':
    case 'settle':
      return { type };
    case 'fail':
      return { type, reason: textFromColumn(reason), message: fromHex(textFromColumn(message)) };
    default:
      throw new TypeError('a part holds an unknown decision');
  }
}

/** Stable order: accounts look the same however the database returns their rows. */
export function compareSets(a: HtlcSet, b: HtlcSet): number {
  return a.openedAt - b.openedAt || compareText(a.id, b.id);
}

export function compareParts(a: Part, b: Part): number {
  return a.firstSeenAt - b.firstSeenAt || compareText(partKeyText(a.key), partKeyText(b.key));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
