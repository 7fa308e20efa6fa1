/** What `manifold nodes` shows a person. */
import { amountText } from './amount.js';
import type { Json } from './client.js';
import { columns, textOf } from './common.js';

const HEADINGS = ['NAME', 'STATE', 'OWNER', 'HEIGHT', 'LAG', 'RECEIVABLE', 'SENDABLE', 'HELD', 'BLOCKS LEFT', 'NODE'];

export function nodeLines(shown: Json): string[] {
  const nodes = shown['nodes'] as Json[];
  const elsewhere = (shown['elsewhere'] ?? []) as Json[];
  const imported = (shown['imported'] as Json[]).map((node) => `imported  ${textOf(node['node_id'])}`);
  return [
    `phantom node  ${textOf(shown['phantom_node_id'])}`,
    '',
    ...columns(HEADINGS, [
      ...nodes.map((node) => rowOf(node, shown['sending'] as Json | undefined)),
      ...elsewhere.map((node) => rowOf({ ...node, state: 'elsewhere' })),
    ]),
    ...sendingLines(shown['sending'] as Json | undefined),
    ...imported,
    ...remarks(nodes, elsewhere),
  ];
}

/** What this daemon can pay with, and whether it knows the way. */
function sendingLines(sending: Json | undefined): string[] {
  if (sending?.['ready'] !== true) return [];
  const { channels, loaded } = sending['graph'] as Json;
  const graph = `${textOf(channels)} channels${loaded === true ? '' : ', still loading'}`;
  const count = Number(sending['payments_in_flight']);
  const flying =
    count === 0 ? 'nothing' : `${count} payment(s), ${amountText(sending['in_flight_msat'] as string)} out`;
  return ['', `paying        graph: ${graph}; in flight: ${flying}`];
}

/** Of a node that does not pay, or is not asked from here: nothing. */
function sendableOf({ name }: Json, sending: Json | undefined): string {
  const found = ((sending?.['nodes'] ?? []) as Json[]).find((node) => node['name'] === name);
  if (!found) return '-';
  return found['reachable'] === true ? amountText(found['spendable_msat'] as string) : 'away';
}

function rowOf(node: Json, sending?: Json): string[] {
  const receivable = node['receivable_msat'] as string | undefined;
  return [
    textOf(node['name'] ?? '-'),
    textOf(node['state']),
    ownerOf(node),
    textOf(node['height'] ?? '-'),
    textOf(node['lag_blocks'] ?? '-'),
    receivable === undefined ? '-' : amountText(receivable),
    sendableOf(node, sending),
    heldOf(node),
    textOf(node['blocks_left'] ?? '-'),
    textOf(node['node_id'] ?? '-'),
  ];
}

function ownerOf({ owner, served_here: isHere }: Json): string {
  if (owner === undefined) return isHere === true ? 'this daemon' : '-';
  return isHere === true ? `${textOf(owner)} (this daemon)` : textOf(owner);
}

function heldOf({ held_htlcs: count, held_msat: msat }: Json): string {
  const htlcs = `${textOf(count)} HTLC${count === 1 ? '' : 's'}`;
  return count === 0 || typeof msat !== 'string' ? htlcs : `${htlcs}, ${amountText(msat)}`;
}

/** Why a node is not served, and what somebody has to look at. */
function remarks(nodes: readonly Json[], elsewhere: readonly Json[]): string[] {
  const lines = [...nodes, ...elsewhere].flatMap((node) => {
    const name = textOf(node['name'] ?? node['node_id']);
    const { state, reason } = node;
    const why = reason === undefined || state === 'standby' ? [] : [[name, textOf(state), textOf(reason)]];
    const alarms = ((node['alarms'] ?? []) as Json[]).map((alarm) => [
      name,
      `alarm ${textOf(alarm['code'])}`,
      `${textOf(alarm['message'])} (since ${textOf(alarm['since'])}${part(alarm)})`,
    ]);
    return [...why, ...alarms];
  });
  return lines.length === 0 ? [] : ['', ...columns(['NODE', 'WHAT', 'WHY AND WHAT TO DO'], lines)];
}

function part({ payment_hash: hash, htlc_id: id }: Json): string {
  return hash === undefined || id === undefined ? '' : `, payment ${textOf(hash)}, HTLC ${textOf(id)}`;
}
