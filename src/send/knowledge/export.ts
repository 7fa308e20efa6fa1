/** Knowledge as JSON, to be kept, moved and shared. Importing checks everything: the text may come from anyone. */
import { isHexOf } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import { parseScid, scidText } from '../../wire/scid.js';
import type { Millis, ShortChannelId } from '../../wire/units.js';
import type { Direction } from '../graph/policy.js';
import type { BoundsRow } from './bounds.js';
import type { Knowledge } from './knowledge.js';

export interface ExportedChannel {
  readonly scid: string;
  /** Amounts in msat, decimal. Bounds are those of direction 0. */
  readonly capacity: string;
  readonly lo: string;
  readonly loAt: Millis;
  readonly loFromFailure: boolean;
  readonly hi: string;
  readonly hiAt: Millis;
  readonly hiFromFailure: boolean;
}

export interface ExportedKnowledge {
  readonly format: 'manifold-knowledge-1';
  readonly channels: readonly ExportedChannel[];
  readonly nodes: readonly { readonly node: string; readonly weight: number; readonly at: Millis }[];
  readonly avoidedChannels: readonly { readonly scid: string; readonly direction: Direction; readonly until: Millis }[];
  readonly avoidedNodes: readonly { readonly node: string; readonly until: Millis }[];
}

const FORMAT = 'manifold-knowledge-1';

/** Everything but reservations, which belong to the parts in flight and are made anew from them. */
export function exportKnowledge(knowledge: Knowledge, now: Millis): ExportedKnowledge {
  knowledge.prune(now);
  return {
    format: FORMAT,
    channels: [...knowledge.bounds.slots()].map((slot) => {
      const row = slot.row();
      const [scid, capacity, lo, hi] = [scidText(row.scid), `${row.capacity}`, whole(row.lo), whole(row.hi)];
      return { ...row, scid, capacity, lo, hi };
    }),
    nodes: [...knowledge.marks.all()],
    avoidedChannels: knowledge.avoidedChannels().map(({ what: { scid, direction }, until }) => {
      return { scid: scidText(scid), direction, until };
    }),
    avoidedNodes: knowledge.avoidedNodes().map(({ what, until }) => ({ node: what, until })),
  };
}

const whole = (amount: number): string => `${Math.round(amount)}`;

/** Adds exported knowledge to what is there, replacing the bounds of channels that both know. Takes all or nothing. */
export function importKnowledge(knowledge: Knowledge, exported: unknown): Result<void> {
  const read = readAll(exported);
  if (!read.ok) return read;
  const { channels, nodes, avoidedChannels, avoidedNodes } = read.value;
  for (const row of channels) knowledge.bounds.insert(row);
  for (const mark of nodes) knowledge.marks.set(mark);
  for (const { scid, direction, until } of avoidedChannels) knowledge.avoidChannel({ scid, direction }, until);
  for (const { node, until } of avoidedNodes) knowledge.avoidNodeByKey(node, until);
  return ok(undefined);
}

interface ReadKnowledge {
  readonly channels: BoundsRow[];
  readonly nodes: { node: string; weight: number; at: Millis }[];
  readonly avoidedChannels: { scid: ShortChannelId; direction: Direction; until: Millis }[];
  readonly avoidedNodes: { node: string; until: Millis }[];
}

type Row = Readonly<Record<string, unknown>>;

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null;
const isTime = (value: unknown): value is Millis => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isNode = (value: unknown): value is string => typeof value === 'string' && isHexOf(value, 33);

function readAll(exported: unknown): Result<ReadKnowledge> {
  if (!isRow(exported) || exported['format'] !== FORMAT) {
    return err({ code: 'not_knowledge', message: `this is not knowledge in the format ${FORMAT}` });
  }
  const channels = readList(exported, 'channels', readChannel);
  if (!channels.ok) return channels;
  const nodes = readList(exported, 'nodes', ({ node, weight, at }) =>
    isNode(node) && typeof weight === 'number' && weight >= 0 && weight <= 20 && isTime(at)
      ? { node: node.toLowerCase(), weight, at }
      : undefined,
  );
  if (!nodes.ok) return nodes;
  const avoidedChannels = readList(exported, 'avoidedChannels', ({ scid, direction, until }) => {
    const id = typeof scid === 'string' ? parseScid(scid) : undefined;
    if (id === undefined || !isTime(until) || (direction !== 0 && direction !== 1)) return undefined;
    const avoided: { scid: ShortChannelId; direction: Direction; until: Millis } = { scid: id, direction, until };
    return avoided;
  });
  if (!avoidedChannels.ok) return avoidedChannels;
  const avoidedNodes = readList(exported, 'avoidedNodes', ({ node, until }) =>
    isNode(node) && isTime(until) ? { node: node.toLowerCase(), until } : undefined,
  );
  if (!avoidedNodes.ok) return avoidedNodes;
  return ok({
    channels: channels.value,
    nodes: nodes.value,
    avoidedChannels: avoidedChannels.value,
    avoidedNodes: avoidedNodes.value,
  });
}

function readList<T>(exported: Row, name: string, read: (row: Row) => T | undefined): Result<T[]> {
  const list = exported[name];
  if (!Array.isArray(list)) return err({ code: 'not_knowledge', message: `"${name}" must be a list` });
  const rows: T[] = [];
  for (const [position, row] of list.entries()) {
    const value = isRow(row) ? read(row) : undefined;
    if (value === undefined) {
      return err({ code: 'bad_row', message: `entry ${position} of "${name}" is not possible`, position });
    }
    rows.push(value);
  }
  return ok(rows);
}

function readAmount(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{1,16}$/.test(value)) return undefined;
  const amount = Number(value);
  return Number.isSafeInteger(amount) ? amount : undefined;
}

function readChannel(row: Row): BoundsRow | undefined {
  const { loAt, hiAt, loFromFailure, hiFromFailure } = row;
  const scid = typeof row['scid'] === 'string' ? parseScid(row['scid']) : undefined;
  const capacity = readAmount(row['capacity']);
  const lo = readAmount(row['lo']);
  const hi = readAmount(row['hi']);
  if (scid === undefined || capacity === undefined || lo === undefined || hi === undefined) return undefined;
  if (lo > hi || hi > capacity || !isTime(loAt) || !isTime(hiAt)) return undefined;
  if (typeof loFromFailure !== 'boolean' || typeof hiFromFailure !== 'boolean') return undefined;
  return { scid, capacity, lo, loAt, loFromFailure, hi, hiAt, hiFromFailure };
}
