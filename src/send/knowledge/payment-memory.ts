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

/** What is known about a hop that only this payment's hints name. */
export interface HintRange {
  /** Largest amount it may still carry, parts in flight included; undefined while it never failed. */
  readonly atMost: Msat | undefined;
  readonly inFlight: Msat;
}

const NOTHING_KNOWN: HintRange = { atMost: undefined, inFlight: 0n };

const keyOf = ({ scid, direction }: DirectedChannel): bigint => (scid << 1n) | BigInt(direction);

export class PaymentMemory {
  readonly #channels = new Map<bigint, DirectedChannel>();
  readonly #nodes = new Set<NodeKey>();
  readonly #policies = new Map<bigint, PrivatePolicy>();
  readonly #hints = new Map<bigint, HintRange>();

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

  /** Counts a part as in flight over those of its hops that the payee's hints name. */
  reserve(hops: readonly HopUse[]): void {
    for (const hop of hops) this.#addInFlight(hop, hop.amountMsat);
  }

  release(hops: readonly HopUse[]): void {
    for (const hop of hops) this.#addInFlight(hop, 0n - hop.amountMsat);
  }

  /** A hop that a hint names could not carry its amount on top of what is in flight there. */
  hintFailed(hop: HopUse): void {
    const { inFlight, atMost } = this.hintRange(hop);
    const most = hop.amountMsat - 1n + inFlight;
    this.#hints.set(keyOf(hop), { inFlight, atMost: atMost !== undefined && atMost < most ? atMost : most });
  }

  hintRange(channel: DirectedChannel): HintRange {
    return this.#hints.get(keyOf(channel)) ?? NOTHING_KNOWN;
  }

  #addInFlight(hop: HopUse, amount: Msat): void {
    if (hop.kind !== 'hint') return;
    const { inFlight, atMost } = this.hintRange(hop);
    this.#hints.set(keyOf(hop), { atMost, inFlight: inFlight + amount });
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
