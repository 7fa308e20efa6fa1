/** The network of 3 February 2026 that all of this runs on. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { type ChannelGraph, loadGraph } from '../../src/send/index.js';

export async function mainnetGraph(): Promise<ChannelGraph> {
  const packed = await readFile(new URL('../../test/data/mainnet-2026-02-03.json.gz', import.meta.url));
  const loaded = loadGraph(JSON.parse(gunzipSync(packed).toString()));
  if (!loaded.ok) throw new Error(loaded.error.message);
  return loaded.value.graph;
}
