/**
 * LDK's own router and scorer (0.1.2, WebAssembly) on the same graph, with its defaults. It knows no capacities, as rapid
 * gossip carries none: it takes the HTLC maximum of a direction for it. Its memory only grows, so its cells want a process of
 * their own, and few pairs.
 */
import type { ChannelDetails, InFlightHtlcs, Path, ScoreLookUp, ScoreUpdate } from 'lightningdevkit';
import { expectOk, type Ldk, loadLdk } from '../../src/node/ldk/library.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { rapidGossip } from '../../test/send/ldk-router.js';
import { LdkPaying, type LdkMind, type LdkWanted, MOST_BLOCKS, MOST_PATHS } from './ldk-payment.js';
import type { Hop, Order, OwnChannel, Paying, Sender, Strategy } from './rival.js';

/** Any time will do: LDK is told it, and drops only what is older than two weeks. */
const EPOCH_SECONDS = 1_770_000_000;
const SEED = new Uint8Array(32).fill(7);

export const LDK_REAL: Strategy = ldkReal('LDK 0.1.2 itself');

/** Loads a graph once, however often it is opened: loading takes long, and what it takes is never given back. */
function ldkReal(name: string): Strategy {
  const opened = new WeakMap<ChannelGraph, Promise<LdkRealSender>>();
  return {
    name,
    async open(graph) {
      let sender = opened.get(graph);
      if (!sender) opened.set(graph, (sender = loadLdk().then(({ ldk }) => new LdkRealSender(ldk, graph))));
      const ready = await sender;
      ready.forget();
      return ready;
    },
  };
}

class LdkRealSender implements Sender {
  readonly #mind: LdkRealMind;

  constructor(ldk: Ldk, graph: ChannelGraph) {
    this.#mind = new LdkRealMind(ldk, graph);
  }

  forget(): void {
    this.#mind.forget();
  }

  pay(order: Order, now: number): Paying {
    this.#mind.begin(now);
    return new LdkPaying(this.#mind, order);
  }
}

class LdkRealMind implements LdkMind {
  readonly #ldk: Ldk;
  readonly #graph: ChannelGraph;
  readonly #network;
  readonly #logger;
  readonly #prices;
  #scorer: { readonly lookUp: ScoreLookUp; readonly update: ScoreUpdate };
  readonly #channels = new Map<number, ChannelDetails>();
  readonly #paths = new WeakMap<readonly Hop[], Path>();

  constructor(ldk: Ldk, graph: ChannelGraph) {
    this.#ldk = ldk;
    this.#graph = graph;
    this.#logger = ldk.Logger.new_impl({ log: () => undefined });
    this.#network = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Bitcoin, this.#logger);
    const sync = ldk.RapidGossipSync.constructor_new(this.#network, this.#logger);
    const now = ldk.Option_u64Z.constructor_some(BigInt(EPOCH_SECONDS));
    const loaded = sync.update_network_graph_no_std(rapidGossip(graph, EPOCH_SECONDS - 3600), now);
    expectOk(loaded, ldk.Result_u32GraphSyncErrorZ_OK, 'the graph as rapid gossip');
    this.#prices = ldk.ProbabilisticScoringFeeParameters.constructor_default();
    this.#scorer = this.#newScorer();
  }

  forget(): void {
    this.#scorer = this.#newScorer();
  }

  begin(now: number): void {
    this.#scorer.update.time_passed(seconds(now));
  }

  route({ order, amount, maxFee, own, failedChannels, flying }: LdkWanted): Hop[][] | undefined {
    const ldk = this.#ldk;
    const { payers, payee, finalBlocks, maxBlocks } = order;
    const payer = payers[0];
    if (payer === undefined || payers.length > 1) throw new Error('LDK pays from one node: give it one payer');
    const payment = ldk.PaymentParameters.constructor_for_keysend(this.#graph.nodeId(payee), finalBlocks, true);
    payment.set_max_path_count(MOST_PATHS);
    payment.set_max_total_cltv_expiry_delta(Math.min(MOST_BLOCKS, maxBlocks));
    const failed = [...failedChannels].map((channel) => this.#graph.scidOfChannel(channel));
    payment.set_previously_failed_channels(BigUint64Array.from(failed));
    const fee = ldk.Option_u64Z.constructor_some(BigInt(Math.max(0, maxFee)));
    const wanted = ldk.RouteParameters.constructor_new(payment, BigInt(amount), fee);
    const source = this.#graph.nodeId(payer);
    const scorer = this.#accountingFor(flying);
    const firstHops = own.filter(({ spendable }) => spendable > 0).map((channel) => this.#detailsOf(channel));
    const found = ldk.UtilMethods.constructor_find_route(
      source,
      wanted,
      this.#network,
      firstHops,
      this.#logger,
      scorer,
      this.#prices,
      SEED,
    );
    if (!(found instanceof ldk.Result_RouteLightningErrorZ_OK)) return undefined;
    return found.res.get_paths().map((path) => {
      const hops = this.#hopsOf(path);
      this.#paths.set(hops, path);
      return hops;
    });
  }

  failed(hops: readonly Hop[], at: number, now: number): void {
    const scid = this.#graph.scidOfChannel(hops[at]!.half >> 1);
    this.#scorer.update.payment_path_failed(this.#paths.get(hops)!, scid, seconds(now));
  }

  succeeded(hops: readonly Hop[], now: number): void {
    this.#scorer.update.payment_path_successful(this.#paths.get(hops)!, seconds(now));
  }

  #newScorer(): { readonly lookUp: ScoreLookUp; readonly update: ScoreUpdate } {
    const decay = this.#ldk.ProbabilisticScoringDecayParameters.constructor_default();
    const scorer = this.#ldk.ProbabilisticScorer.constructor_new(decay, this.#network, this.#logger);
    return { lookUp: scorer.as_ScoreLookUp(), update: scorer.as_ScoreUpdate() };
  }

  /** The scorer with what is in flight counted as used. */
  #accountingFor(flying: readonly (readonly Hop[])[]): ScoreLookUp {
    if (flying.length === 0) return this.#scorer.lookUp;
    const inFlight = this.#inFlight(flying);
    return this.#ldk.ScorerAccountingForInFlightHtlcs.constructor_new(this.#scorer.lookUp, inFlight).as_ScoreLookUp();
  }

  #inFlight(flying: readonly (readonly Hop[])[]): InFlightHtlcs {
    const inFlight = this.#ldk.InFlightHtlcs.constructor_new();
    const { from } = this.#graph.columns();
    for (const hops of flying) {
      for (const { half, amount } of hops) {
        const source = this.#ldk.NodeId.constructor_from_pubkey(this.#graph.nodeId(from[half]!));
        const target = this.#ldk.NodeId.constructor_from_pubkey(this.#graph.nodeId(from[half ^ 1]!));
        const scid = this.#graph.scidOfChannel(half >> 1);
        inFlight.add_inflight_htlc(source, target, scid, BigInt(amount));
      }
    }
    return inFlight;
  }

  #hopsOf(path: Path): Hop[] {
    const { from } = this.#graph.columns();
    const hops: Hop[] = [];
    let amount = 0;
    for (const hop of path.get_hops().reverse()) {
      // What a hop keeps, or gets if it is the last, is on top of what goes on.
      amount += Number(hop.get_fee_msat());
      const channel = this.#graph.channelIndex(hop.get_short_channel_id())!;
      const target = this.#graph.nodeIndex(toHex(hop.get_pubkey()));
      hops.unshift({ half: from[2 * channel + 1] === target ? 2 * channel : 2 * channel + 1, amount });
    }
    return hops;
  }

  /** Kept, as nothing that LDK makes is ever freed. */
  #detailsOf({ half, spendable }: OwnChannel): ChannelDetails {
    const { max, min } = this.#graph.columns();
    const limit = BigInt(Math.min(spendable, max[half]!));
    let details = this.#channels.get(half);
    if (!details) {
      details = this.#newDetails(half);
      details.set_next_outbound_htlc_minimum_msat(BigInt(min[half]!));
      this.#channels.set(half, details);
    }
    details.set_outbound_capacity_msat(BigInt(spendable));
    details.set_next_outbound_htlc_limit_msat(limit);
    return details;
  }

  #newDetails(half: number): ChannelDetails {
    const ldk = this.#ldk;
    const { from, capacity } = this.#graph.columns();
    const none = ldk.Option_u64Z.constructor_none();
    const scid = ldk.Option_u64Z.constructor_some(this.#graph.scidOfChannel(half >> 1));
    const features = ldk.InitFeatures.constructor_empty();
    const peer = this.#graph.nodeId(from[half ^ 1]!);
    const satoshis = BigInt(Math.floor(capacity[half >> 1]! / 1000));
    return ldk.ChannelDetails.constructor_new(
      ldk.ChannelId.constructor_new_zero(),
      ldk.ChannelCounterparty.constructor_new(peer, features, 0n, null, none, none),
      null, // funding output
      null, // channel type
      scid,
      none, // outbound alias
      none, // inbound alias
      satoshis,
      none, // reserve
      0n, // user's id
      ldk.Option_u32Z.constructor_none(), // fee rate
      0n, // outbound capacity, set by the caller as the next two
      0n,
      0n,
      0n, // inbound capacity
      ldk.Option_u32Z.constructor_some(1), // confirmations required
      ldk.Option_u32Z.constructor_some(6),
      ldk.Option_u16Z.constructor_none(), // delay after a force close
      true, // opened by us
      true, // ready
      ldk.Option_ChannelShutdownStateZ.constructor_none(),
      true, // usable
      true, // announced
      none, // least inbound HTLC
      none,
      null,
      [],
      [],
    );
  }
}

const seconds = (now: number): bigint => BigInt(EPOCH_SECONDS + Math.floor(now / 1000));
