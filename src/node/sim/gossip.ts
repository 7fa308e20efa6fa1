/**
 * What the announced channels of a simulated network are and on what terms they forward, as every node tells it. A channel
 * whose link stays down is called disabled in both directions until it is back.
 */
import type { ChannelAnnouncement, Direction, PolicyUpdate } from '../../send/graph/policy.js';
import type { GraphNews } from '../../send/graph/port.js';
import { compareBytes } from '../../wire/bytes.js';
import type { Millis, UnixSeconds } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import { channelUpdate } from './channel-update.js';
import { opposite, quietly, type ChannelChange, type Side, type World } from './types.js';

/** A link that is down for longer makes its channel disabled. */
const DISABLED_AFTER_MS: Millis = 20_000;
/** An update that is older is made anew: others forget what is not told again within two weeks (BOLT 7). */
const REFRESH_SECONDS = 7 * 24 * 3600;

interface Signer {
  sign(hash: Uint8Array): { readonly signature: Uint8Array };
}

interface Told {
  readonly timestamps: [UnixSeconds, UnixSeconds];
  /** By direction as the timestamps: by side. */
  readonly signed: [Signed | undefined, Signed | undefined];
  downSince: Millis | undefined;
  isDisabled: boolean;
}

interface Signed {
  readonly timestamp: UnixSeconds;
  readonly scid: bigint;
  readonly bytes: Uint8Array;
}

export type GossipFollower = (news: readonly GraphNews[]) => void;

/** Which way the channel is gone when its end on this side sends. */
export function directionOf({ ends }: SimChannel, side: Side): Direction {
  return compareBytes(ends[side].nodeId, ends[opposite(side)].nodeId) < 0 ? 0 : 1;
}

export class Gossip {
  readonly #world: World;
  readonly #nodeOf: (name: string) => Signer;
  readonly #told = new Map<SimChannel, Told>();
  readonly #followers = new Set<GossipFollower>();

  constructor(world: World, nodeOf: (name: string) => Signer) {
    this.#world = world;
    this.#nodeOf = nodeOf;
  }

  /** Everything known now; news after it go to the follower at once. @returns what ends that */
  follow(follower: GossipFollower): { readonly graph: readonly GraphNews[]; readonly stop: () => void } {
    for (const [channel, told] of this.#told) {
      this.#judge(channel, told);
      if (told.downSince !== undefined && !told.isDisabled) this.#judgeLater(channel, told);
    }
    const graph = [...this.#told.keys()].filter(({ closed }) => !closed).flatMap((channel) => this.#allOf(channel));
    this.#followers.add(follower);
    return { graph, stop: () => this.#followers.delete(follower) };
  }

  opened(channel: SimChannel): void {
    const now = this.#seconds();
    const downSince = channel.link.up ? undefined : this.#world.clock.now();
    const told: Told = { timestamps: [now, now], signed: [undefined, undefined], downSince, isDisabled: false };
    this.#told.set(channel, told);
    this.#tell(channel, this.#allOf(channel));
  }

  /** The terms of one side are other than they were. */
  changed(channel: SimChannel, side: Side): void {
    const { timestamps } = this.#of(channel);
    timestamps[side] = Math.max(timestamps[side] + 1, this.#seconds());
    this.#tell(channel, [{ kind: 'policy', update: this.#update(channel, side) }]);
  }

  channelChanged(channel: SimChannel, change: ChannelChange): void {
    const told = this.#of(channel);
    switch (change) {
      case 'closed':
        if (this.#told.delete(channel)) this.#tell(channel, [{ kind: 'closed', scid: channel.scid }]);
        break;
      case 'down':
        told.downSince ??= this.#world.clock.now();
        // Nobody listens: no event for it then.
        if (this.#followers.size > 0) this.#judgeLater(channel, told);
        break;
      case 'up':
        told.downSince = undefined;
        this.#judge(channel, told);
        break;
    }
  }

  /**
   * The signed channel_update of a side, as failures enclose it.
   * @param scid by which the sender named the channel
   */
  updateOf(channel: SimChannel, side: Side, scid: bigint): Uint8Array {
    const told = this.#of(channel);
    const now = this.#seconds();
    if (now - told.timestamps[side] > REFRESH_SECONDS) told.timestamps[side] = now;
    const timestamp = told.timestamps[side];
    const known = told.signed[side];
    if (known?.timestamp === timestamp && known.scid === scid) return known.bytes;
    const node = this.#nodeOf(channel.ends[side].name);
    const terms = {
      scid,
      timestamp,
      direction: directionOf(channel, side),
      isDisabled: told.isDisabled,
      policy: channel.policies[side],
    };
    const bytes = channelUpdate(terms, (hash) => node.sign(hash).signature);
    told.signed[side] = { timestamp, scid, bytes };
    return bytes;
  }

  #judgeLater(channel: SimChannel, told: Told): void {
    quietly(this.#world.clock, DISABLED_AFTER_MS, () => this.#judge(channel, told));
  }

  #judge(channel: SimChannel, told: Told): void {
    const { downSince } = told;
    const isDisabled = downSince !== undefined && this.#world.clock.now() - downSince >= DISABLED_AFTER_MS;
    if (isDisabled === told.isDisabled || channel.closed) return;
    told.isDisabled = isDisabled;
    for (const side of [0, 1] as const) this.changed(channel, side);
  }

  #allOf(channel: SimChannel): GraphNews[] {
    const policies = ([0, 1] as const).map((side): GraphNews => ({
      kind: 'policy',
      update: this.#update(channel, side),
    }));
    return channel.announced ? [{ kind: 'channel', channel: announcement(channel) }, ...policies] : [];
  }

  #update(channel: SimChannel, side: Side): PolicyUpdate {
    const told = this.#of(channel);
    const update = { scid: channel.scid, direction: directionOf(channel, side), timestamp: told.timestamps[side] };
    if (told.isDisabled) return update;
    const {
      feeBaseMsat,
      feeProportionalMillionths: feePpm,
      cltvExpiryDelta: cltvDelta,
      ...limits
    } = channel.policies[side];
    const { htlcMinimumMsat, htlcMaximumMsat } = limits;
    return { ...update, policy: { feeBaseMsat, feePpm, cltvDelta, htlcMinimumMsat, htlcMaximumMsat } };
  }

  #tell({ announced }: SimChannel, news: readonly GraphNews[]): void {
    if (announced) for (const follower of this.#followers) follower(news);
  }

  #of(channel: SimChannel): Told {
    const told = this.#told.get(channel);
    if (told) return told;
    const now = this.#seconds();
    return { timestamps: [now, now], signed: [undefined, undefined], downSince: undefined, isDisabled: false };
  }

  #seconds(): UnixSeconds {
    return Math.floor(this.#world.clock.now() / 1000);
  }
}

function announcement({ scid, ends, capacityMsat }: SimChannel): ChannelAnnouncement {
  const [node1, node2] = ends.map(({ nodeId }) => nodeId).sort(compareBytes) as [Uint8Array, Uint8Array];
  return { scid, node1, node2, capacityMsat };
}
