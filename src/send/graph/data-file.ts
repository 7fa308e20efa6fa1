/** Reads graphs in the columnar form `manifold-graph-1` (see the README beside the data file). */
import { isHexOf } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import { parseScid } from '../../wire/scid.js';
import { ChannelGraph } from './channel-graph.js';
import type { Direction } from './policy.js';

export interface LoadedGraph {
  readonly graph: ChannelGraph;
  /** Channels left out: repeated ids, impossible ids or nodes. */
  readonly skippedChannels: number;
}

const FORMAT = 'manifold-graph-1';
const PER_CHANNEL = ['scid', 'node1', 'node2', 'capacity_sat'] as const;
const PER_HALF = ['enabled', 'fee_base_msat', 'fee_ppm', 'cltv_delta', 'htlc_min_msat', 'htlc_max_msat'] as const;
const MSAT_PER_SAT = 1000;

type Columns = Record<(typeof PER_CHANNEL)[number] | (typeof PER_HALF)[number] | 'node_ids', readonly unknown[]>;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function columnsOf(file: unknown): Result<Columns> {
  const bad = (message: string): Result<Columns> => err({ code: 'not_a_graph', message });
  if (!isRecord(file) || file['format'] !== FORMAT) return bad(`this is not a graph in the format ${FORMAT}`);
  const channels = Array.isArray(file['scid']) ? file['scid'].length : 0;
  if (!Array.isArray(file['node_ids'])) return bad('the graph has no list "node_ids"');
  for (const [names, length] of [
    [PER_CHANNEL, channels],
    [PER_HALF, 2 * channels],
  ] as const) {
    for (const name of names) {
      const column = file[name];
      if (!Array.isArray(column) || column.length !== length) return bad(`"${name}" must be a list of ${length}`);
    }
  }
  return ok(file as Columns);
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function addHalf(graph: ChannelGraph, columns: Columns, scid: bigint, half: number): void {
  if (columns.enabled[half] !== 1) return;
  const base = columns.fee_base_msat[half];
  const ppm = columns.fee_ppm[half];
  const cltv = columns.cltv_delta[half];
  const min = columns.htlc_min_msat[half];
  const max = columns.htlc_max_msat[half];
  if (!isCount(base) || !isCount(ppm) || !isCount(cltv) || !isCount(min) || !isCount(max)) return;
  const policy = { feeBaseMsat: base, feePpm: ppm, cltvDelta: cltv };
  graph.setPolicy(scid, (half & 1) as Direction, {
    ...policy,
    htlcMinimumMsat: BigInt(min),
    htlcMaximumMsat: BigInt(max),
  });
}

/**
 * Builds a graph of the parsed JSON of a data file. Rows that cannot be right are left out and counted; policies that are
 * merely absurd are kept. Error `not_a_graph` if the whole is not in this form.
 */
export function loadGraph(file: unknown): Result<LoadedGraph> {
  const checked = columnsOf(file);
  if (!checked.ok) return checked;
  const columns = checked.value;
  const ids = columns.node_ids;
  const graph = new ChannelGraph({ nodes: ids.length, channels: columns.scid.length });
  let skippedChannels = 0;
  for (let i = 0; i < columns.scid.length; i++) {
    const text = columns.scid[i];
    const scid = typeof text === 'string' ? parseScid(text) : undefined;
    const key1 = ids[columns.node1[i] as number];
    const key2 = ids[columns.node2[i] as number];
    const capacity = columns.capacity_sat[i];
    const named = typeof key1 === 'string' && typeof key2 === 'string' && isHexOf(key1, 33) && isHexOf(key2, 33);
    if (
      scid === undefined ||
      !named ||
      !isCount(capacity) ||
      graph.addChannelByKeys(scid, key1.toLowerCase(), key2.toLowerCase(), capacity * MSAT_PER_SAT) !== 'applied'
    ) {
      skippedChannels++;
      continue;
    }
    addHalf(graph, columns, scid, 2 * i);
    addHalf(graph, columns, scid, 2 * i + 1);
  }
  return ok({ graph, skippedChannels });
}
