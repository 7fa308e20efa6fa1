/**
 * What one payment has learnt for itself alone: channels and nodes it leaves out, and policies that failures told. Updates
 * in failures are used privately and never reach the graph: whoever could make us publish them could recognise us by them.
 */
import { toHex } from '../../wire/bytes.js';
import type { Msat, NodeId, ShortChannelId } from '../../wire/units.js';
import type { NodeKey } from '../graph/channel-graph.js';
import { type Direction, isPossiblePolicy, type Policy } from '../graph/policy.js';
import type { HopUse } from './knowledge.js';

export interface DirectedChannel {
  readonly scid: ShortChannelId;
  readonly direction: Direction;
}

export interface PrivatePolicy extends DirectedChannel {
  readonly policy: Policy;
}

/** What the payment's own parts have shown about a channel that is not the sender's. */
export interface OwnRange {
  /** Most that this payment may have in flight there; undefined while no part failed. */
  readonly atMost: Msat | undefined;
  readonly inFlight: Msat;
}

const NOTHING_KNOWN: OwnRange = { atMost: undefined, inFlight: 0n };

const keyOf = ({ scid, direction }: DirectedChannel): bigint => (scid << 1n) | BigInt(direction);

export class PaymentMemory {
  readonly #channels = new Map<bigint, DirectedChannel>();
  readonly #nodes = new Set<NodeKey>();
  readonly #policies = new Map<bigint, PrivatePolicy>();
  readonly #ranges = new Map<bigint, DirectedChannel & OwnRange>();

  /** This payment no longer uses the direction. */
  excludeChannel(channel: DirectedChannel): void {
    this.#channels.set(keyOf(channel), { scid: channel.scid, direction: channel.direction });
  }

  /** This payment no longer goes through the node. */
  excludeNode(node: NodeId): void {
    this.#nodes.add(toHex(node));
  }

  /**
   * Adopts the policy of an update that came in a failure (signature and timestamp are checked by the caller).
   * `same`: it is what was adopted before, so it cannot be the cure; `invalid`: no policy can be like this.
   */
  adoptPolicy(channel: DirectedChannel, policy: Policy): 'adopted' | 'same' | 'invalid' {
    if (!isPossiblePolicy(policy)) return 'invalid';
    const before = this.#policies.get(keyOf(channel))?.policy;
    if (before && isSame(before, policy)) return 'same';
    this.#policies.set(keyOf(channel), { scid: channel.scid, direction: channel.direction, policy });
    return 'adopted';
  }

  /** Counts a part as in flight on every hop behind the own channel. */
  reserve(hops: readonly HopUse[]): void {
    for (const hop of hops) this.#addInFlight(hop, hop.amountMsat);
  }

  release(hops: readonly HopUse[]): void {
    for (const hop of hops) this.#addInFlight(hop, 0n - hop.amountMsat);
  }

  /** A hop that a hint names could not carry its amount on top of what is in flight there. */
  couldNotCarry(hop: HopUse): void {
    const { inFlight, atMost } = this.range(hop);
    const most = hop.amountMsat - 1n + inFlight;
    this.#setRange(hop, { inFlight, atMost: atMost !== undefined && atMost < most ? atMost : most });
  }

  range(channel: DirectedChannel): OwnRange {
    return this.#ranges.get(keyOf(channel)) ?? NOTHING_KNOWN;
  }

  #addInFlight(hop: HopUse, amount: Msat): void {
    if (hop.kind === 'own') return;
    const { inFlight, atMost } = this.range(hop);
    this.#setRange(hop, { atMost, inFlight: inFlight + amount });
  }

  #setRange({ scid, direction }: DirectedChannel, range: OwnRange): void {
    this.#ranges.set(keyOf({ scid, direction }), { scid, direction, ...range });
  }

  /** Channels on which a part of this payment failed for want of liquidity. */
  ranges(): IterableIterator<DirectedChannel & OwnRange> {
    return this.#ranges.values();
  }

  isExcluded(channel: DirectedChannel): boolean {
    return this.#channels.has(keyOf(channel));
  }

  channels(): IterableIterator<DirectedChannel> {
    return this.#channels.values();
  }

  nodes(): IterableIterator<NodeKey> {
    return this.#nodes.values();
  }

  policies(): IterableIterator<PrivatePolicy> {
    return this.#policies.values();
  }

  policyOf(channel: DirectedChannel): Policy | undefined {
    return this.#policies.get(keyOf(channel))?.policy;
  }
}

function isSame(a: Policy, b: Policy): boolean {
  return (
    a.feeBaseMsat === b.feeBaseMsat &&
    a.feePpm === b.feePpm &&
    a.cltvDelta === b.cltvDelta &&
    a.htlcMinimumMsat === b.htlcMinimumMsat &&
    a.htlcMaximumMsat === b.htlcMaximumMsat
  );
}
