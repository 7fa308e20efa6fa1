/** Carries incoming HTLCs on over the channels of a simulated node, or says why not (BOLT 4). */
import { FailureCode } from '../../onion/failure-codes.js';
import { equalBytes } from '../../wire/bytes.js';
import type { BlockHeight, NodeId, ShortChannelId } from '../../wire/units.js';
import type { ChannelEnd, SimChannel } from './channel.js';
import { type ForwardCheat, outgoingTerms } from './cheat.js';
import { checkForward, failureMessage } from './forwarding.js';
import type { Gossip } from './gossip.js';
import type { SimHtlc } from './htlc.js';
import type { IncomingForward } from './incoming.js';
import { opposite, type Side } from './types.js';

export interface ForwarderHost extends ChannelEnd {
  readonly height: BlockHeight;
  readonly channels: readonly SimChannel[];
  readonly cheat: ForwardCheat | undefined;
}

interface OwnChannel {
  readonly channel: SimChannel;
  readonly side: Side;
}

export class Forwarder {
  readonly #host: ForwarderHost;
  readonly #gossip: Gossip;
  /** By every id under which the node forwards to a channel. */
  readonly #outgoing = new Map<ShortChannelId, OwnChannel>();

  constructor(host: ForwarderHost, gossip: Gossip) {
    this.#host = host;
    this.#gossip = gossip;
  }

  addChannel(channel: SimChannel): void {
    const side = channel.sideOf(this.#host);
    this.#outgoing.set(channel.aliases[side], { channel, side });
    if (channel.announced) this.#outgoing.set(channel.scid, { channel, side });
  }

  /** The node at the other end of a channel, by any of its ids. */
  peerBehind(scid: ShortChannelId): NodeId | undefined {
    const next = this.#outgoing.get(scid);
    return next && next.channel.ends[opposite(next.side)].nodeId;
  }

  /** The HTLC that carries it on, or the failure message. */
  forward(forward: IncomingForward): SimHtlc | Uint8Array {
    const next = this.#next(forward);
    if (!next) return failureMessage(FailureCode.unknownNextPeer);
    const { height, cheat } = this.#host;
    const { add } = forward.htlc;
    const { amtToForward, outgoingCltvValue, nextPathKey } = forward;
    const terms = {
      incomingAmountMsat: add.amountMsat,
      incomingExpiry: add.cltvExpiry,
      amtToForward,
      outgoingCltvValue,
    };
    const channelUpdate = (): Uint8Array => this.#gossip.updateOf(next.channel, next.side, forward.outgoingScid);
    const failure = checkForward(terms, next.channel.policies[next.side], height, channelUpdate);
    if (failure) return failure;
    const outgoing = next.channel.offer(next.side, {
      paymentHash: add.paymentHash,
      ...outgoingTerms(forward, cheat),
      ...(nextPathKey && { pathKey: nextPathKey }),
    });
    if (typeof outgoing !== 'string') return outgoing;
    return failureMessage(FailureCode.temporaryChannelFailure, { channelUpdate: channelUpdate() });
  }

  /** Any channel to the node will do where a blinded path names one; preferably one that can carry it. */
  #next({ outgoingScid, outgoingNodeId, amtToForward }: IncomingForward): OwnChannel | undefined {
    if (!outgoingNodeId) return this.#outgoing.get(outgoingScid);
    const all = this.#host.channels.map((channel) => ({ channel, side: channel.sideOf(this.#host) }));
    const towards = all.filter(({ channel, side }) => equalBytes(channel.ends[opposite(side)].nodeId, outgoingNodeId));
    return towards.find(({ channel, side }) => !channel.refusal(side, amtToForward)) ?? towards[0];
  }
}
