/** LDK's router and scorer (WebAssembly) over a graph of ours, to measure against: the graph goes in as rapid gossip. */
import { type LdkLibrary, loadLdk } from '../../src/node/ldk/library.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { fromHex } from '../../src/wire/bytes.js';

const MAINNET_GENESIS = '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000';
const DISABLED = 0b10;

/** Grows as bytes are written to it. */
class Bytes {
  #view = new DataView(new ArrayBuffer(1 << 16));
  #length = 0;

  u8(value: number): void {
    this.#room(1).setUint8(this.#length, value);
    this.#length += 1;
  }

  u16(value: number): void {
    this.#room(2).setUint16(this.#length, value);
    this.#length += 2;
  }

  u32(value: number): void {
    this.#room(4).setUint32(this.#length, value);
    this.#length += 4;
  }

  u64(value: bigint): void {
    this.#room(8).setBigUint64(this.#length, value);
    this.#length += 8;
  }

  bigSize(value: bigint): void {
    if (value < 0xfdn) this.u8(Number(value));
    else if (value <= 0xffffn) {
      this.u8(0xfd);
      this.u16(Number(value));
    } else if (value <= 0xffff_ffffn) {
      this.u8(0xfe);
      this.u32(Number(value));
    } else {
      this.u8(0xff);
      this.u64(value);
    }
  }

  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.u8(byte);
  }

  done(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.#length);
  }

  #room(more: number): DataView {
    if (this.#length + more <= this.#view.byteLength) return this.#view;
    const larger = new Uint8Array(2 * this.#view.byteLength);
    larger.set(new Uint8Array(this.#view.buffer));
    this.#view = new DataView(larger.buffer);
    return this.#view;
  }
}

interface Half {
  readonly scid: bigint;
  readonly direction: 0 | 1;
}

/** The graph as a rapid gossip snapshot, version 1, every policy complete. */
export function rapidGossip(graph: ChannelGraph, timestamp: number): Uint8Array {
  const out = new Bytes();
  const { from } = graph.columns();
  out.bytes(Uint8Array.of(76, 68, 75, 1));
  out.bytes(fromHex(MAINNET_GENESIS));
  out.u32(timestamp);
  out.u32(graph.nodeCount);
  for (let node = 0; node < graph.nodeCount; node++) out.bytes(graph.nodeId(node));
  const channels = Array.from({ length: graph.halfCount / 2 }, (_, index) => ({
    index,
    scid: graph.scidOfChannel(index),
  }));
  channels.sort((a, b) => (a.scid < b.scid ? -1 : 1));
  out.u32(channels.length);
  let before = 0n;
  for (const { index, scid } of channels) {
    out.u16(0); // features
    out.bigSize(scid - before);
    out.bigSize(BigInt(from[2 * index]!));
    out.bigSize(BigInt(from[2 * index + 1]!));
    before = scid;
  }
  const halves = channels.flatMap(({ scid }): Half[] => [
    { scid, direction: 0 },
    { scid, direction: 1 },
  ]);
  out.u32(halves.length);
  out.u16(40); // defaults, none of which is used
  out.u64(1n);
  out.u32(0);
  out.u32(0);
  out.u64(1n);
  before = 0n;
  for (const { scid, direction } of halves) {
    const policy = graph.policy(scid, direction);
    out.bigSize(scid - before);
    before = scid;
    out.u8(0b0111_1100 | direction | (policy ? 0 : DISABLED));
    out.u16(policy?.cltvDelta ?? 0);
    out.u64(policy?.htlcMinimumMsat ?? 0n);
    out.u32(policy?.feeBaseMsat ?? 0);
    out.u32(policy?.feePpm ?? 0);
    out.u64(policy?.htlcMaximumMsat ?? 0n);
  }
  return out.done();
}

export interface LdkRouter {
  /** Parts of the route found, 0 if there is none. */
  find(payer: Uint8Array, payee: Uint8Array, amountMsat: bigint, maxParts: number): number;
}

/** @throws {LdkMissing} if the packages are not installed */
export async function ldkRouter(graph: ChannelGraph): Promise<LdkRouter> {
  const library: LdkLibrary = await loadLdk();
  const { ldk } = library;
  const logger = ldk.Logger.new_impl({ log: () => undefined });
  const network = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Bitcoin, logger);
  const now = Math.floor(Date.now() / 1000);
  const sync = ldk.RapidGossipSync.constructor_new(network, logger);
  const loaded = sync.update_network_graph_no_std(
    rapidGossip(graph, now - 3600),
    ldk.Option_u64Z.constructor_some(BigInt(now)),
  );
  if (!loaded.is_ok()) throw new Error('LDK refused the graph');
  const decay = ldk.ProbabilisticScoringDecayParameters.constructor_default();
  const scorer = ldk.ProbabilisticScorer.constructor_new(decay, network, logger).as_ScoreLookUp();
  const prices = ldk.ProbabilisticScoringFeeParameters.constructor_default();
  const seed = new Uint8Array(32).fill(7);
  return {
    find(payer, payee, amountMsat, maxParts) {
      const payment = ldk.PaymentParameters.constructor_for_keysend(payee, 18, maxParts > 1);
      payment.set_max_path_count(maxParts);
      const wanted = ldk.RouteParameters.constructor_from_payment_params_and_value(payment, amountMsat);
      const found = ldk.UtilMethods.constructor_find_route(payer, wanted, network, null, logger, scorer, prices, seed);
      if (!(found instanceof ldk.Result_RouteLightningErrorZ_OK)) return 0;
      return found.res.get_paths().length;
    },
  };
}
