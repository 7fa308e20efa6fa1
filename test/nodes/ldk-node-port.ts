/**
 * An LDK node as a daemon sees its nodes: channels, HTLCs, onion messages, gossip, sending. Give it `standIn: true` and
 * `mailbox: 'manual'`. It looks at raw messages of its links: `watch` belongs to it.
 */
import { sha256 } from '../../src/crypto/index.js';
import type { MessageGraph, PeerMessage, PeerMessagePort } from '../../src/messages/index.js';
import type {
  HtlcAnswer,
  HtlcKey,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../../src/receive/node-port.js';
import type { GraphNews, GraphPort } from '../../src/send/graph/port.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import type { ShortChannelId } from '../../src/wire/units.js';
import { LdkMessagePort } from './ldk-message-port.js';
import type { LdkProgram } from './ldk-program.js';
import type { LdkChannel, LdkCommands, LdkEvents } from './ldk-protocol.js';
import { LdkSendPort } from './ldk-send-port.js';

export type BuiltNode = LdkCommands['build'][1]['nodes'][number];
export interface LdkWorld {
  readonly ldk: LdkProgram;
  /** All that `build` answered. */
  readonly nodes: readonly BuiltNode[];
  /** Announced channels. */
  readonly channels: readonly AnnouncedChannel[];
  /** Who listens to direct messages, by the name of the node. */
  readonly peerMessages: Map<string, (message: PeerMessage) => void>;
}

export interface AnnouncedChannel {
  readonly scid: ShortChannelId;
  /** Ids in hex, the smaller one first. */
  readonly ends: readonly [string, string];
  readonly capacityMsat: bigint;
}

/** update_add_htlc, update_fulfill_htlc, update_fail_htlc, revoke_and_ack, update_fail_malformed_htlc, onion_message. */
export const WATCHED = [128, 130, 131, 133, 135, 513] as const;
/** Bits of LDK's `HTLCInterceptionFlags`: forwards to channels of every sort, and to none. */
export const INTERCEPT_ALL = 0x8f;
const FULFILL = 130;
const ENDS: readonly number[] = [FULFILL, 131, 135];
/** What `build` gives a node of which nothing else is said. */
const USUAL_POLICY = { feeBaseMsat: 1000, feeProportionalMillionths: 0, cltvExpiryDelta: 72 } as const;
/** Blocks before an HTLC expires at which its node gives it up. */
const DEADLINE = 20;
const BAD_ONION = 0x8000;

export class LdkNodePort implements NodePort {
  readonly kind = 'ldk';
  readonly name: string;
  readonly messages: LdkMessagePort;
  readonly messageGraph: MessageGraph;
  readonly intercept: InterceptPort;
  readonly send: LdkSendPort;
  /** Of applications: LDK has no part in them but the connection. */
  readonly peerMessages: PeerMessagePort = { open: (handlers) => this.#openPeerMessages(handlers) };
  readonly graph: GraphPort = { follow: (handlers) => this.#follow(handlers) };
  readonly nodeId: Uint8Array;
  readonly #world: LdkWorld;
  /** Not answered yet. */
  readonly #waiting = new Map<string, { readonly htlc: LdkEvents['htlc']; readonly key: HtlcKey }>();
  readonly #ended = new Map<string, 'settled' | 'failed'>();
  #handlers: InterceptHandlers | undefined;
  #channels: readonly LdkChannel[] = [];

  /** @param holders names of peers that hold HTLCs on request */
  constructor(world: LdkWorld, name: string, holders: readonly string[] = []) {
    const { ldk, nodes } = world;
    this.#world = world;
    this.name = name;
    this.nodeId = this.#idOf(name);
    this.messages = new LdkMessagePort(ldk, name, nodes);
    this.messageGraph = {
      neighbours: (node) => this.#neighbours(toHex(node)),
      endsOf: (scid) => {
        const ends = this.#world.channels.find((channel) => channel.scid === scid)?.ends;
        return ends && [fromHex(ends[0]), fromHex(ends[1])];
      },
      canDial: (node) => this.#neighbours(toHex(node)).length > 0,
    };
    this.send = new LdkSendPort(world, name, holders);
    this.intercept = {
      nodeFailureCodes: 'any',
      open: (handlers) => this.#open(handlers),
      lookupFinal: async (key) => this.#ended.get(textOf(key)),
    };
    ldk.listen((event) => {
      if (event.event === 'htlc' && event.node === name) void this.#took(event);
      if (event.event === 'message' && event.from === name && ENDS.includes(event.type)) this.#sawEnd(event);
    });
  }

  async info(): Promise<NodeInfo> {
    const { height } = await this.#read();
    return { nodeId: this.nodeId, network: 'regtest', alias: this.name, version: '0.3', height, synced: true };
  }

  async channels(): Promise<readonly LocalChannel[]> {
    const { channels } = await this.#read();
    return channels.filter(isShown).map((channel) => ({
      peerId: this.#idOf(channel.peer),
      announced: channel.isAnnounced,
      ready: true,
      usable: channel.isUsable,
      spendableMsat: BigInt(channel.outboundMsat),
      receivableMsat: BigInt(channel.inboundMsat),
      peerPolicy: USUAL_POLICY,
      ...(channel.scid !== null && { scid: BigInt(channel.scid) }),
      ...(channel.inboundAlias !== null && { peerAlias: BigInt(channel.inboundAlias) }),
      ...(channel.outboundAlias !== null && { ownAliases: [BigInt(channel.outboundAlias)] }),
    }));
  }

  async #read(): Promise<{ channels: readonly LdkChannel[]; height: number }> {
    const read = await this.#world.ldk.call('channels', { node: this.name });
    this.#channels = read.channels;
    return read;
  }

  /** Behind announced channels; none: the node is private. */
  #neighbours(node: string): readonly Uint8Array[] {
    return this.#world.channels.flatMap(({ ends: [one, other] }) =>
      one === node ? fromHex(other) : other === node ? fromHex(one) : [],
    );
  }

  #idOf(peer: string): Uint8Array {
    return fromHex(this.#world.nodes.find(({ name }) => name === peer)?.nodeId ?? peer);
  }

  async #open(handlers: InterceptHandlers): Promise<InterceptSession> {
    if (this.#handlers) throw new Error('one session at a time');
    this.#handlers = handlers;
    const { height } = await this.#read();
    handlers.onHeight(height);
    for (const { htlc, key } of this.#waiting.values()) this.#show(htlc, key);
    return {
      answer: (key, answer) => this.#answer(key, answer),
      heartbeat: async () => {
        const beat = await this.#read();
        handlers.onHeight(beat.height);
        return beat.height;
      },
      close: () => {
        this.#handlers = undefined;
        handlers.onClosed('closed');
      },
    };
  }

  async #openPeerMessages(handlers: Parameters<PeerMessagePort['open']>[0]): ReturnType<PeerMessagePort['open']> {
    const { ldk, nodes, peerMessages } = this.#world;
    peerMessages.set(this.name, (message) => handlers.onMessage(message));
    return {
      send: async ({ peer, type, payload }) => {
        const name = nodes.find(({ nodeId }) => nodeId === toHex(peer))?.name ?? '';
        const { peers } = await ldk.call('channels', { node: this.name });
        if (!peers.includes(toHex(peer))) return 'not_connected';
        peerMessages.get(name)?.({ peer: this.nodeId, type, payload });
        return 'sent';
      },
      close: () => void peerMessages.delete(this.name),
    };
  }

  async #took(htlc: LdkEvents['htlc']): Promise<void> {
    await this.#read();
    const key = this.#keyOf(htlc.channelId, BigInt(htlc.htlcId));
    if (!key) throw new Error('an HTLC over a channel that nobody has');
    this.#waiting.set(textOf(key), { htlc, key });
    this.#show(htlc, key);
  }

  #keyOf(channelId: string, htlcId: bigint): HtlcKey | undefined {
    const scid = this.#channels.find((channel) => channel.channelId === channelId)?.scid;
    return scid === undefined || scid === null ? undefined : { nodeId: this.nodeId, channelId: BigInt(scid), htlcId };
  }

  #show(htlc: LdkEvents['htlc'], key: HtlcKey): void {
    if (!htlc.next) throw new Error('LDK does not read this HTLC as one to pass on');
    this.#handlers?.onHtlc({
      key,
      paymentHash: fromHex(htlc.paymentHash),
      incomingAmountMsat: BigInt(htlc.incomingMsat),
      incomingExpiry: htlc.incomingCltv,
      outgoingAmountMsat: BigInt(htlc.outgoingMsat),
      outgoingExpiry: htlc.outgoingCltv,
      outgoingScid: BigInt(htlc.requestedScid),
      onion: fromHex(htlc.next.onion),
      deadline: htlc.incomingCltv - DEADLINE,
      onChain: false,
    });
  }

  #answer(key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' {
    const waiting = this.#waiting.get(textOf(key));
    if (!waiting) return 'unknown';
    this.#waiting.delete(textOf(key));
    this.#carryOut(waiting.htlc, answer).catch((error: unknown) => {
      // Shown with the test's failure: the promise has no other owner.
      console.error(`${this.name} could not ${answer.action} an HTLC:`, error);
    });
    return 'sent';
  }

  async #carryOut({ interceptId, requestedScid }: LdkEvents['htlc'], answer: HtlcAnswer): Promise<void> {
    const { ldk } = this.#world;
    const which = { node: this.name, interceptId };
    switch (answer.action) {
      case 'settle':
        await ldk.call('settleHtlc', { ...which, preimage: toHex(answer.preimage) });
        return;
      case 'fail-as-phantom':
        await ldk.call('failHtlc', { ...which, reason: toHex(answer.packet) });
        return;
      case 'fail-as-node': {
        const code = (answer.message[0]! << 8) | answer.message[1]!;
        const malformed = { malformed: code, onionHash: toHex(sha256(new Uint8Array())) };
        await ldk.call('failHtlc', { ...which, ...((code & BAD_ONION) !== 0 && malformed) });
        return;
      }
      case 'resume': {
        const to = this.#peerOver(BigInt(requestedScid));
        const passed = to === undefined ? Promise.reject(new Error()) : ldk.call('resumeHtlc', { ...which, to });
        // As a node does by itself when its peer is not there.
        await passed.catch(() => ldk.call('failHtlc', which));
      }
    }
  }

  #peerOver(wanted: ShortChannelId): string | undefined {
    const text = wanted.toString();
    return this.#channels.find(({ scid, outboundAlias, inboundAlias }) =>
      [scid, outboundAlias, inboundAlias].includes(text),
    )?.peer;
  }

  #sawEnd({ type, hex }: LdkEvents['message']): void {
    const htlcId = BigInt(`0x${hex.slice(68, 84)}`);
    const key = this.#keyOf(hex.slice(4, 68), htlcId);
    if (!key) return;
    const outcome = type === FULFILL ? 'settled' : 'failed';
    this.#ended.set(textOf(key), outcome);
    this.#handlers?.onFinal({ key, outcome, onChain: false });
  }

  /** All with the policy that nodes have where nothing else is said. */
  async #follow(handlers: Parameters<GraphPort['follow']>[0]): ReturnType<GraphPort['follow']> {
    handlers.onNews(this.#world.channels.flatMap(newsOf));
    handlers.onLoaded();
    return { close: () => undefined };
  }
}

/** Channels that are announced, each once. */
export async function announcedChannels(ldk: LdkProgram, nodes: readonly BuiltNode[]): Promise<AnnouncedChannel[]> {
  const found = new Map<string, AnnouncedChannel>();
  for (const { name, nodeId } of nodes) {
    const { channels } = await ldk.call('channels', { node: name });
    for (const { isAnnounced, scid, peer, outboundMsat, inboundMsat } of channels.filter(isShown)) {
      if (!isAnnounced || scid === null) continue;
      const other = nodes.find((node) => node.name === peer)!.nodeId;
      const ends = nodeId < other ? ([nodeId, other] as const) : ([other, nodeId] as const);
      found.set(scid, { scid: BigInt(scid), ends, capacityMsat: BigInt(outboundMsat + inboundMsat) });
    }
  }
  return [...found.values()];
}

function newsOf({ scid, ends, capacityMsat }: AnnouncedChannel): GraphNews[] {
  const policy = {
    ...{ feeBaseMsat: USUAL_POLICY.feeBaseMsat, feePpm: 0, cltvDelta: USUAL_POLICY.cltvExpiryDelta },
    ...{ htlcMinimumMsat: 1n, htlcMaximumMsat: capacityMsat },
  };
  const timestamp = Math.floor(Date.now() / 1000) - 3600;
  return [
    { kind: 'channel', channel: { scid, node1: fromHex(ends[0]), node2: fromHex(ends[1]), capacityMsat } },
    ...([0, 1] as const).map((direction): GraphNews => ({
      kind: 'policy',
      update: { scid, direction, timestamp, policy },
    })),
  ];
}

/** Not the one to the hidden node of a stand-in. */
const isShown = ({ peer }: LdkChannel): boolean => !peer.endsWith('!');

const textOf = ({ channelId, htlcId }: HtlcKey): string => `${channelId}/${htlcId}`;
