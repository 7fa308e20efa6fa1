/**
 * Manifold's choice of route hints: which members an invoice names. Pure: the same members and rotation give the same
 * hints.
 *
 * Members are ranked by what they can receive now. Among those that can take the whole amount the choice turns with
 * `rotation`, so that receipts spread over the cluster and no member is named by every invoice.
 */
import type { RouteHintHop } from '../bolt11/index.js';
import { compareBytes } from '../wire/bytes.js';
import { err, ok, type Result } from '../wire/result.js';
import type { BlockDelta, Msat, ShortChannelId } from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';
import { channelHop, ldkHintChannels, phantomHop, takeInRounds } from './ldk-hints.js';
import { canBeHinted, type ClusterMember, isGossiped, type MemberChannel } from './member.js';
import { phantomScid } from './scid.js';

export const DEFAULT_MAX_HINTS = 3;
/** More make the QR code hard to read and are ignored by some payers. */
export const MOST_HINTS = 5;
/** What LDK nodes from 0.2 on demand between an HTLC's expiry and that of the phantom hop; LND and CLN take any. */
export const HINT_CLTV_EXPIRY_DELTA: BlockDelta = 48;

export interface HintParams {
  /** Keys of the epoch that makes the invoice. */
  readonly keys: ClusterKeys;
  readonly members: readonly ClusterMember[];
  /** Undefined where the payer chooses. */
  readonly amountMsat?: Msat | undefined;
  /** Which of the members that could take the payment come first: raise it by one per invoice, or draw it. */
  readonly rotation: number;
  /** Variant of the phantom SCIDs, new for every invoice, so that payers' penalties do not outlive it. */
  readonly variant: number;
  /** 1 to {@link MOST_HINTS}. */
  readonly maxHints?: number | undefined;
  readonly hintCltvExpiryDelta?: BlockDelta | undefined;
}

export interface ChosenHints {
  readonly hints: RouteHintHop[][];
  /** Members named, in order of their first hint. */
  readonly members: ClusterMember[];
  /** Every member named holds parts, so the invoice may offer basic_mpp. */
  readonly multiPart: boolean;
  /** False if, by what is known now, the members named cannot receive the amount. */
  readonly enough: boolean;
}

export interface HintError {
  readonly code: 'no_members' | 'no_healthy_member' | 'no_usable_channel' | 'amount_too_small';
  /** Says what to do next. */
  readonly message: string;
}

interface Candidate {
  readonly member: ClusterMember;
  /** Best first, each ending with the phantom hop. */
  readonly hints: RouteHintHop[][];
  /** Most that can come as one HTLC. */
  readonly largest: Msat;
  readonly total: Msat;
}

/** Most that one HTLC over the channel can carry; 0 where the payment would be under the peer's minimum. */
function partCapacity(channel: MemberChannel, amountMsat: Msat | undefined): Msat {
  const { htlcMinimumMsat = 0n, htlcMaximumMsat } = channel.peerPolicy ?? {};
  const capacity = channel.inboundCapacityMsat;
  const part = htlcMaximumMsat !== undefined && htlcMaximumMsat < capacity ? htlcMaximumMsat : capacity;
  const under = htlcMinimumMsat > part || (amountMsat !== undefined && htlcMinimumMsat > amountMsat);
  return under ? 0n : part;
}

function scidOfMember({ keys, variant }: HintParams, member: ClusterMember): ShortChannelId {
  const imported = member.importedScids;
  return imported ? imported[variant % imported.length]! : phantomScid(keys, member.nodeId, variant);
}

/** Channels by which payers can reach the member: those of the gossip, or else private ones, which stand in the hints. */
function inboundChannels(member: ClusterMember): { readonly channels: MemberChannel[]; readonly inHints: boolean } {
  const usable = member.channels.filter((channel) => channel.ready && channel.usable);
  const gossiped = usable.filter(isGossiped);
  return gossiped.length > 0
    ? { channels: gossiped, inHints: false }
    : { channels: usable.filter(canBeHinted), inHints: true };
}

/** Undefined if nobody can pay through the member now. */
function candidateOf(params: HintParams, member: ClusterMember): Candidate | undefined {
  const { amountMsat, hintCltvExpiryDelta = HINT_CLTV_EXPIRY_DELTA } = params;
  const { channels: named, inHints } = inboundChannels(member);
  const inbound = named
    .map((channel) => ({ channel, part: partCapacity(channel, amountMsat) }))
    .filter(({ part }) => part > 0n);
  if (inbound.length === 0) return undefined;

  const last = phantomHop(member.nodeId, scidOfMember(params, member), hintCltvExpiryDelta);
  const channels = inHints
    ? ldkHintChannels(
        inbound.map(({ channel }) => channel),
        amountMsat,
      )
    : [];
  return {
    member,
    hints: channels.length > 0 ? channels.map((channel) => [channelHop(channel), last]) : [[last]],
    largest: inbound.reduce((most, { part }) => (part > most ? part : most), 0n),
    total: inbound.reduce((sum, { channel }) => sum + channel.inboundCapacityMsat, 0n),
  };
}

type Capacity = (candidate: Candidate) => Msat;

function byCapacity(capacity: Capacity): (a: Candidate, b: Candidate) => number {
  return (a, b) => (capacity(a) > capacity(b) ? -1 : capacity(a) < capacity(b) ? 1 : 0);
}

function rotated<T>(list: readonly T[], rotation: number): T[] {
  const start = list.length === 0 ? 0 : ((rotation % list.length) + list.length) % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** Those that can take the whole amount, in turn; then the others, largest first. */
function ranked(candidates: readonly Candidate[], params: HintParams, capacity: Capacity, limit: number): Candidate[] {
  const { amountMsat, rotation } = params;
  const bySize = [...candidates].sort(byCapacity(capacity));
  if (amountMsat === undefined) return rotated(bySize.slice(0, limit), rotation);
  const able = rotated(
    candidates.filter((candidate) => capacity(candidate) >= amountMsat),
    rotation,
  );
  return [...able, ...bySize.filter((candidate) => capacity(candidate) < amountMsat)].slice(0, limit);
}

/**
 * Members that cannot hold parts cost the invoice its basic_mpp, so the amount decides: where single channels can take
 * it, every member counts by its largest channel; otherwise only members that hold parts are named, if they suffice.
 */
function pickMembers(candidates: readonly Candidate[], params: HintParams, limit: number): Candidate[] {
  const holding = candidates.filter(({ member }) => member.holdsParts);
  const byTotal = (): Candidate[] => ranked(holding, params, ({ total }) => total, limit);
  if (holding.length === candidates.length) return byTotal();

  const { amountMsat } = params;
  const alone = ranked(candidates, params, ({ largest }) => largest, limit);
  if (amountMsat === undefined) return alone;
  const able = alone.filter(({ largest }) => largest >= amountMsat);
  if (able.length > 0) return able;
  const together = byTotal();
  return canReceive(together, amountMsat) ? together : alone;
}

function canReceive(chosen: readonly Candidate[], amountMsat: Msat | undefined): boolean {
  if (amountMsat === undefined) return true;
  if (!chosen.every(({ member }) => member.holdsParts)) return chosen.some(({ largest }) => largest >= amountMsat);
  return chosen.reduce((sum, { total }) => sum + total, 0n) >= amountMsat;
}

/** @throws {RangeError} if `maxHints` is not 1 to {@link MOST_HINTS} */
export function chooseRouteHints(params: HintParams): Result<ChosenHints, HintError> {
  const { members, amountMsat, maxHints = DEFAULT_MAX_HINTS } = params;
  if (!Number.isInteger(maxHints) || maxHints < 1 || maxHints > MOST_HINTS) {
    throw new RangeError(`an invoice carries 1 to ${MOST_HINTS} hints, not ${maxHints}`);
  }
  const healthy = members.filter((member) => member.healthy).sort((a, b) => compareBytes(a.nodeId, b.nodeId));
  const candidates = healthy.flatMap((member) => candidateOf(params, member) ?? []);
  if (candidates.length === 0) return err(tooSmall(params, healthy) ?? explainNone(members.length, healthy.length));

  const chosen = pickMembers(candidates, params, maxHints);
  return ok({
    hints: takeInRounds(
      chosen.map(({ hints }) => hints),
      maxHints,
    ),
    members: chosen.map(({ member }) => member),
    multiPart: chosen.every(({ member }) => member.holdsParts),
    enough: canReceive(chosen, amountMsat),
  });
}

/** Undefined unless a larger amount could be received. */
function tooSmall({ amountMsat }: HintParams, healthy: readonly ClusterMember[]): HintError | undefined {
  if (amountMsat === undefined) return undefined;
  const least = healthy
    .flatMap((member) => inboundChannels(member).channels)
    .filter((channel) => partCapacity(channel, undefined) > 0n)
    .map(({ peerPolicy }) => peerPolicy?.htlcMinimumMsat ?? 0n)
    .reduce<Msat | undefined>((low, minimum) => (low === undefined || minimum < low ? minimum : low), undefined);
  if (least === undefined || least <= amountMsat) return undefined;
  return {
    code: 'amount_too_small',
    message: `${amountMsat} msat are below the minimum of every channel: ask for at least ${least} msat`,
  };
}

function explainNone(known: number, healthy: number): HintError {
  if (known === 0) return { code: 'no_members', message: 'the cluster has no members: add a node first' };
  if (healthy === 0) {
    return {
      code: 'no_healthy_member',
      message: `none of ${known} members is healthy: check the connections to the nodes`,
    };
  }
  return {
    code: 'no_usable_channel',
    message: `none of ${healthy} healthy members can receive: open a channel with inbound capacity or wait for peers to return`,
  };
}
