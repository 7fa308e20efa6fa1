/** Wallets that an LSP serves, and what is held for them, in lines for people. */
import { amountText } from './amount.js';
import type { Json } from './client.js';
import { columns, table, textOf } from './common.js';
import { printable } from './io.js';

/** `2 (150000 sat), the first until block 850120` */
export function sumText(held: Json): string {
  const until = held['until_block'] === undefined ? '' : `, the first until block ${textOf(held['until_block'])}`;
  return held['count'] === 0
    ? 'nothing'
    : `${textOf(held['count'])} (${amountText(textOf(held['amount_msat']))})${until}`;
}

export function walletLines(wallet: Json): string[] {
  const limits = wallet['limits'] as Json;
  const mailbox = wallet['mailbox'] as Json;
  const [slots, held, webhooks] = [wallet['slots'] as Json[], wallet['held'] as Json[], wallet['webhooks'] as Json[]];
  const oldest = mailbox['oldest_at'] === undefined ? '' : `, the oldest from ${textOf(mailbox['oldest_at'])}`;
  return [
    ...table([
      ['number', textOf(wallet['number'])],
      ['name', textOf(wallet['name'])],
      ['node id', textOf(wallet['node_id'])],
      ['state', textOf(wallet['state'])],
      ['enrolled', textOf(wallet['enrolled_at'])],
      ['mailbox', `${textOf(mailbox['messages'])} messages, ${textOf(mailbox['bytes'])} bytes${oldest}`],
      ['invoices', `${slots.length} of ${textOf(limits['max_slots'])}`],
      ['held', `${held.filter(({ state }) => state === 'held').length} of ${textOf(limits['max_held'])}`],
      ['webhooks', String(webhooks.length)],
    ]),
    '',
    `Limits: ${textOf(limits['max_slots'])} invoices, ${textOf(limits['max_held'])} held payments of ${amountText(textOf(limits['max_held_msat']))} together for ${textOf(limits['max_hold_blocks'])} blocks, ${textOf(limits['mailbox_messages'])} messages of ${textOf(limits['mailbox_bytes'])} bytes.`,
    ...slotLines(slots),
    ...hookLines(webhooks),
    ...(held.length === 0 ? [] : ['', ...held.flatMap(heldLines)]),
  ];
}

function slotLines(slots: readonly Json[]): string[] {
  if (slots.length === 0) return [];
  const rows = slots.map((one) => [
    textOf(one['slot']),
    textOf(one['state']),
    textOf(one['expires_at'] ?? '-'),
    textOf(one['offer_id'] ?? '-'),
  ]);
  return ['', ...columns(['SLOT', 'STATE', 'EXPIRES', 'OFFER ID'], rows)];
}

function hookLines(webhooks: readonly Json[]): string[] {
  if (webhooks.length === 0) return [];
  const rows = webhooks.map((one) => [
    textOf(one['app_name']),
    textOf(one['used_at']),
    textOf(one['calls_owed']),
    textOf(one['node_id']),
  ]);
  return ['', ...columns(['WEBHOOK', 'LAST USED', 'CALLS OWED', 'AT NODE'], rows)];
}

/** One held payment. */
export function heldLines(held: Json): string[] {
  const name = (end: unknown): string | undefined => {
    const { number, name: text } = (end ?? {}) as Json;
    return number === undefined ? undefined : textOf(text ?? `wallet ${textOf(number)}`);
  };
  const [payer, payee] = [name(held['payer']), name(held['payee'])];
  const ends = `${payer === undefined ? '' : ` from ${payer}`}${payee === undefined ? '' : ` to ${payee}`}`;
  const where = `at ${textOf(held['node'] ?? held['node_id'])}, channel ${textOf(held['channel_id'])}, HTLC ${textOf(held['htlc_id'])}`;
  return [
    `${amountText(textOf(held['amount_msat']))}${ends}, ${textOf(held['state'])} since ${textOf(held['held_at'])} (${where})`,
    `  waits: ${textOf(held['waits_for'])}`,
    `  then: ${textOf(held['then'])}`,
    `  hash: ${textOf(held['payment_hash'])}`,
  ].map(printable);
}

export function pathLines(paths: Json): string[] {
  const [server, rod] = [paths['server_paths'] as string[], paths['rod_paths'] as string[]];
  return [
    "For the wallet's configuration; whoever has these paths speaks as the wallet:",
    '',
    '[wallet]',
    'server_paths = [',
    ...server.map((path) => `  "${path}",`),
    ']',
    '',
    'For LightningRod requests by onion message:',
    ...rod,
  ];
}
