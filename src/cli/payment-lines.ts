/** What a person is shown of payments made. */
import { amountText } from './amount.js';
import type { Json } from './client.js';
import { columns, table, textOf } from './common.js';

/** It succeeded or failed, though parts may still be out. */
export function isOver({ state }: Json): boolean {
  return state === 'succeeded' || state === 'failed';
}

/** Nothing is in flight any more: the fee is final. */
export function isSettledFor({ is_over }: Json): boolean {
  return is_over === true;
}

export const partsOf = (payment: Json): readonly Json[] => (payment['parts'] ?? []) as Json[];

/** A payment in full: every attempt with its way and its end, in words. */
export function paymentLines(payment: Json): string[] {
  return [...headLines(payment), ...attemptLines(payment), ...adviceLines(payment)];
}

/** The end of `pay`: what was paid, for how much, how, and the proof. */
export function outcomeLines(payment: Json): string[] {
  if (payment['state'] !== 'succeeded') return paymentLines(payment);
  const settled = partsOf(payment).filter(({ state }) => state === 'settled');
  const others = partsOf(payment).length - settled.length;
  return [
    `Paid ${amount(payment, 'amount_msat')} in ${secondsBetween(payment)}.`,
    '',
    ...table([
      ['fee', feeText(payment)],
      ['parts', `${settled.length}${others > 0 ? ` (${others} other attempts)` : ''}`],
      ...settled.map((part, i) => [i === 0 ? 'paths' : '', wayText(part)] as const),
      ['time', secondsBetween(payment)],
      ['payment hash', text(payment, 'payment_hash')],
      ['preimage', text(payment, 'preimage')],
      ['payment', text(payment, 'id')],
    ]),
    ...(isSettledFor(payment)
      ? []
      : ['', `Parts are still out and come back or settle by themselves: ${textOf(payment['words'])}`]),
  ];
}

export function planLines(plan: Json): string[] {
  const rows = partsOf(plan).map((part) => [
    amount(part, 'amount_msat'),
    amount(part, 'fee_msat'),
    percentText(part['success_chance']),
    textOf(part['path']),
  ]);
  return [
    `Nothing was sent. The plan: ${textOf(plan['words'])}.`,
    '',
    ...table([
      ['to', payeeText(plan)],
      ['description', text(plan, 'description')],
      ['amount', amount(plan, 'amount_msat')],
      ['fee', `${amount(plan, 'fee_msat')} (at most ${amount(plan, 'max_fee_msat')})`],
      ['chance', `${percentText(plan['success_chance'])} at the first try; what fails is planned anew`],
    ]),
    '',
    ...columns(['AMOUNT', 'FEE', 'CHANCE', 'PATH'], rows),
  ];
}

export function listLines(payments: readonly Json[]): string[] {
  const rows = payments.map((one) => [
    textOf(one['id']),
    textOf(one['state']),
    amount(one, 'amount_msat'),
    amount(one, 'fee_msat'),
    textOf(one['created_at']),
    payeeText(one),
    textOf(one['reference'] ?? one['description'] ?? ''),
  ]);
  return columns(['PAYMENT', 'STATE', 'AMOUNT', 'FEE', 'CREATED', 'TO', 'ABOUT'], rows);
}

function headLines(payment: Json): string[] {
  const { reason, waits_for: waitsFor } = payment as { reason?: Json; waits_for?: Json };
  return table([
    ['payment', text(payment, 'id')],
    ['state', `${textOf(payment['state'])}: ${textOf(payment['words'])}`],
    ['reason', reason && `${textOf(reason['message'])} (${textOf(reason['code'])})`],
    ['waits for', waitsFor && textOf(waitsFor['words'])],
    ['to', payeeText(payment)],
    ['amount', amount(payment, 'amount_msat')],
    ['fee', feeText(payment)],
    ['in flight', payment['in_flight_msat'] === '0' ? undefined : amount(payment, 'in_flight_msat')],
    ['description', text(payment, 'description')],
    ['reference', text(payment, 'reference')],
    ['from', (payment['from'] as string[] | undefined)?.join(', ')],
    ['payment hash', text(payment, 'payment_hash')],
    ['preimage', text(payment, 'preimage')],
    ['created', text(payment, 'created_at')],
    ['ended', text(payment, 'ended_at')],
    ['driven by', isOver(payment) ? undefined : text(payment, 'driven_by')],
    ['invoice', text(payment, 'bolt11')],
  ]);
}

function attemptLines(payment: Json): string[] {
  const parts = partsOf(payment);
  if (parts.length === 0) return ['', 'No part was sent.'];
  return parts.flatMap((part) => [
    '',
    `part ${textOf(part['part'])}  ${textOf(part['state'])}: ${textOf(part['words'])}`,
    `  ${wayText(part)}`,
  ]);
}

function adviceLines(payment: Json): string[] {
  if (isOver(payment)) return [];
  const id = textOf(payment['id']);
  return [
    '',
    'It is not over: do not pay the same by other means before it is.',
    `  look again:    manifold payments show ${id}`,
    `  no new parts:  manifold payments stop ${id}`,
  ];
}

function wayText(part: Json): string {
  return `${amount(part, 'amount_msat')}, fee ${amount(part, 'fee_msat')}: ${textOf(part['path'])}`;
}

export function payeeText({ payee }: Json): string {
  const { name, node_id: id } = (payee ?? {}) as { name?: string; node_id?: string };
  return name === undefined ? (id ?? '') : `${name} (${id ?? ''})`;
}

function feeText(payment: Json): string {
  const fee = amount(payment, 'fee_msat');
  const sent = BigInt(textOf(payment['amount_msat']));
  const percent = sent === 0n ? 0 : (Number(textOf(payment['fee_msat'])) / Number(sent)) * 100;
  const share = percent === 0 ? '' : `, ${percent < 0.01 ? 'below 0.01' : percent.toFixed(2)} %`;
  return `${fee}${share} (at most ${amount(payment, 'max_fee_msat')})`;
}

function secondsBetween({ created_at: from, ended_at: to }: Json): string {
  if (typeof from !== 'string' || typeof to !== 'string') return 'an unknown time';
  return `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} s`;
}

function percentText(share: unknown): string {
  const percent = Number(share) * 100;
  if (percent < 0.1) return 'below 0.1 %';
  return `${percent >= 10 ? Math.round(percent).toString() : percent.toFixed(1)} %`;
}

const amount = (json: Json, name: string): string => amountText(textOf(json[name]));

const text = (json: Json, name: string): string | undefined =>
  json[name] === undefined ? undefined : textOf(json[name]);
