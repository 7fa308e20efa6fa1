/** Judges a run when all is quiet: payers and nodes saw where the money went, the API has to tell the same. */
import { sha256 } from '../../src/crypto/index.js';
import type { Observations } from '../../src/node/sim/network.js';
import type { PlainJson } from '../../src/node/sim/remote-wire.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import type { Cluster } from './cluster.js';
import { allEvents, type ReadEvent } from './follower.js';
import { MEMBERS } from './network.js';
import type { Purchase } from './shop.js';

export interface Told {
  readonly payments: readonly PaymentJson[];
  readonly events: readonly ReadEvent[];
  /** Number of stored invoices by reference. */
  readonly stored: ReadonlyMap<string, number>;
}

interface PaymentJson {
  readonly payment_hash: string;
  readonly state: string;
  readonly amount_msat: string;
  readonly preimage?: string;
  readonly reference?: string;
}

export const MEMBER_NAMES: ReadonlySet<string> = new Set(MEMBERS);
/** Tell of nodes, not of money: expected where nodes are in trouble. */
const HARMLESS_ALARMS: ReadonlySet<unknown> = new Set(['height-disagreement']);
const PATIENCE_MS = 30_000;

/** All that the API says of the past. */
export async function readAll(cluster: Cluster): Promise<Told> {
  const events = await allEvents(cluster);
  const payments = await pages<PaymentJson>(cluster, '/v1/receipts', 'receipts');
  const invoices = await pages<{ reference?: string }>(cluster, '/v1/invoices', 'invoices');
  const stored = new Map<string, number>();
  for (const { reference } of invoices)
    if (reference !== undefined) stored.set(reference, (stored.get(reference) ?? 0) + 1);
  return { payments, events, stored };
}

export async function pages<Row>(cluster: Cluster, path: string, field: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor = '';
  for (;;) {
    const answer = await cluster.insist('GET', `${path}?limit=100${cursor}`, {}, PATIENCE_MS);
    if (answer?.status !== 200) throw new Error(`${path} cannot be read: ${JSON.stringify(answer?.body)}`);
    rows.push(...(answer.body[field] as Row[]));
    const next = answer.body['next_cursor'] as string | undefined;
    if (next === undefined) return rows;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
}

export interface Evidence {
  readonly purchases: readonly Purchase[];
  readonly acknowledged: ReadonlySet<string>;
  /** What the follower of the stream has read, in its order. */
  readonly followed: readonly ReadEvent[];
  readonly references: readonly string[];
  readonly told: Told;
  readonly seen: PlainJson<Observations>;
}

type Report = (violation: string) => void;

/** One sentence per violation. */
export function check(evidence: Evidence): string[] {
  const violations: string[] = [];
  const report: Report = (violation) => violations.push(violation);
  const settledAtNodes = moneyByHash(evidence.seen, report);
  for (const purchase of evidence.purchases) checkPurchase(purchase, evidence, settledAtNodes, report);
  checkPayments(evidence, settledAtNodes, report);
  checkEvents(evidence, report);
  checkAnswers(evidence.seen, report);
  for (const reference of evidence.references) {
    const count = evidence.told.stored.get(reference) ?? 0;
    if (count > 1) report(`one request with an idempotency key made ${count} invoices: ${reference}`);
  }
  return violations;
}

/** What members got for good, by hash; nothing may still be under way. */
function moneyByHash({ htlcs, answers }: PlainJson<Observations>, report: Report): Map<string, bigint> {
  const passedOn = new Set(
    answers
      .filter(({ action }) => action === 'resume')
      .map(({ node, channelId, htlcId }) => `${node} ${channelId}/${htlcId}`),
  );
  const money = new Map<string, bigint>();
  for (const { to, paymentHash, amountMsat, outcome, channelId, htlcId } of htlcs) {
    if (outcome === undefined) report(`an HTLC of ${paymentHash} is still held: ${to} ${channelId}/${htlcId}`);
    if (!MEMBER_NAMES.has(to) || outcome !== 'settled' || passedOn.has(`${to} ${channelId}/${htlcId}`)) continue;
    money.set(paymentHash, (money.get(paymentHash) ?? 0n) + BigInt(amountMsat));
  }
  return money;
}

function checkPurchase(
  { kind, paymentHash, amountMsat, reference, record }: Purchase,
  { told, acknowledged }: Evidence,
  settledAtNodes: ReadonlyMap<string, bigint>,
  report: Report,
): void {
  const found = told.payments.filter((payment) => payment.payment_hash === paymentHash);
  const name = `${kind} ${paymentHash}`;
  if (kind === 'hold-cancel') {
    if (found.length > 0 || settledAtNodes.has(paymentHash)) report(`${name} was canceled, yet it was settled`);
    if (record?.outcome !== 'failed') report(`${name} was canceled, its payer sees ${String(record?.outcome)}`);
    if (acknowledged.has(paymentHash)) report(`${name} was canceled, yet acknowledged as settled`);
    return;
  }
  if (record?.outcome !== 'settled') {
    report(`${name} was not paid: ${JSON.stringify(record)}`);
    return;
  }
  const [payment] = found;
  if (found.length !== 1 || !payment) {
    report(`${name} was paid and is recorded ${found.length} times`);
    return;
  }
  if (record.parts.some(({ outcome }) => outcome !== 'settled')) report(`${name} was paid in part`);
  if (payment.state !== 'settled') report(`${name} is paid and final, the API says ${payment.state}`);
  if (BigInt(payment.amount_msat) !== amountMsat)
    report(`${name}: ${amountMsat} paid, ${payment.amount_msat} recorded`);
  if (payment.reference !== reference) report(`${name} has the reference ${String(payment.reference)}`);
  if (payment.preimage !== record.preimage) report(`${name}: another preimage than the payer's`);
  if (toHex(sha256(fromHex(record.preimage ?? ''))) !== paymentHash) report(`${name}: the preimage does not fit`);
  if (settledAtNodes.get(paymentHash) !== amountMsat) {
    report(`${name}: ${amountMsat} paid, the nodes got ${String(settledAtNodes.get(paymentHash))}`);
  }
}

function checkPayments(
  { told: { payments }, acknowledged, purchases }: Evidence,
  settledAtNodes: ReadonlyMap<string, bigint>,
  report: Report,
): void {
  const recorded = new Set(payments.map((payment) => payment.payment_hash));
  const known = new Set(purchases.map(({ paymentHash }) => paymentHash));
  for (const hash of acknowledged) if (!recorded.has(hash)) report(`${hash} was acknowledged as settled and is lost`);
  for (const hash of settledAtNodes.keys())
    if (!recorded.has(hash)) report(`${hash} was settled at a node without a record`);
  for (const hash of recorded) if (!known.has(hash)) report(`${hash} is recorded, but nobody paid it`);
}

/** The stream holds every event once, in order; each payment is told once as settled and once as final. */
function checkEvents({ told, followed, purchases }: Evidence, report: Report): void {
  const listed = told.events.map(({ seq }) => seq);
  const read = new Set(followed.map(({ seq }) => seq));
  for (const seq of listed) if (!read.has(seq)) report(`event ${seq} never reached the follower of the stream`);
  if (read.size > listed.length) report(`the stream had ${read.size} events, the list has ${listed.length}`);
  const count = new Map<string, number>();
  for (const { type, paymentHash } of told.events) {
    const key = `${type} ${String(paymentHash)}`;
    count.set(key, (count.get(key) ?? 0) + 1);
  }
  for (const { kind, paymentHash, record } of purchases) {
    const isPaid = record?.outcome === 'settled';
    const expected = kind === 'hold-cancel' ? ['invoice.canceled'] : isPaid ? ['invoice.settled', 'invoice.final'] : [];
    for (const type of expected) {
      const times = count.get(`${type} ${paymentHash}`) ?? 0;
      if (times !== 1) report(`${type} was told ${times} times for ${kind} ${paymentHash}`);
    }
  }
  for (const { type, paymentHash, data } of told.events) {
    if (type === 'alarm' && !HARMLESS_ALARMS.has(data['code']))
      report(`alarm for ${String(paymentHash)}: ${JSON.stringify(data)}`);
  }
}

/** One HTLC gets one answer, however often it is asked for, and by whichever process. */
function checkAnswers({ answers }: PlainJson<Observations>, report: Report): void {
  const kinds = new Map<string, string>();
  for (const { node, channelId, htlcId, action, fate } of answers) {
    const name = `${node} ${channelId}/${htlcId}`;
    if (fate === 'refused') report(`${node} could not carry out ${action} of ${name}`);
    const kind = action.startsWith('fail') ? 'fail' : action;
    const before = kinds.get(name);
    if (before !== undefined && before !== kind) report(`${name} was answered ${before}, then ${kind}`);
    kinds.set(name, kind);
  }
}
