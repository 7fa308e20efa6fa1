/** Failures reported by a node on the way, or by the sending node. */
import type { Msat } from '../../../wire/units.js';
import type { Policy } from '../../graph/policy.js';
import { toHex } from '../../../wire/bytes.js';
import { avoidChannel, channelOf, channelOff, type Lesson, MINUTE, PAD_BLOCKS } from '../lessons.js';
import { isOut } from '../sums.js';
import { isOldNews, keyOfHop, nextHop, nodeAt, type Reported, timesSeen } from './context.js';
import { believedPolicy } from './policy-update.js';
import { isPathLeft, NO_PATH_LEFT } from './paths.js';
import { type Reaction, REPLAN, stopFor } from './reaction.js';
import type { AlongAction } from './table.js';

/** Trust lost by an answer that the protocol forbids; no ban on one message. */
const PROHIBITED_MARK = 0.5;
/** Trust lost by both ends of a channel where terms are said to be wrong that are right. */
const TAMPERING_MARK = 0.3;
const SMALL_MARK = 0.1;
/** A node's temporary trouble: the first minute, then more, up to ten. */
const LONGEST_BACKOFF = 10 * MINUTE;
/** Our balance is read anew for the next plan; the channel rests meanwhile. */
export const OWN_CHANNEL_REST = 5000;

type Along = Omit<Reaction, 'words'>;

/** What a part leads to that was planned before what it says was learnt. */
const NOTHING_NEW: Along = { lessons: [], next: REPLAN };
/** Blocks that could be spared were spared, here or for the payee. */
export const BLOCKS_SPARED = 'blocks_spared';

const mark = (context: Reported, position: number, weight: number): Lesson[] =>
  position <= 0 || position === context.part.hops.length
    ? []
    : [{ kind: 'mark_node', node: nodeAt(context.part, position), weight }];

function nextChannelOff(context: Reported, more: readonly Lesson[] = []): Along {
  const hop = nextHop(context);
  return { lessons: [channelOff(hop), ...avoidChannel(hop, context.row.avoidMs), ...more], next: REPLAN };
}

function nodeOff(context: Reported): Along {
  const { reporter, row, part } = context;
  if (reporter === 0) return nextChannelOff(context);
  const node = nodeAt(part, reporter);
  const key = `${row.name}:${toHex(node)}`;
  if (isOldNews(context, key)) return NOTHING_NEW;
  const times = timesSeen(context.state, key);
  const forMs = row.avoidMs === MINUTE ? Math.min(LONGEST_BACKOFF, MINUTE * 2 ** times) : row.avoidMs;
  // What only a hint names is the payee's word: it must not keep others off.
  const isKnown = part.hops[reporter - 1]!.kind !== 'hint' && forMs > 0;
  const lessons: Lesson[] = [{ kind: 'node_off', node }];
  if (isKnown) lessons.push({ kind: 'avoid_node', node, forMs });
  return { lessons, next: REPLAN, seen: [key] };
}

/** Other parts of this payment that are in flight over the channel took their share of its liquidity. */
function ownShare({ state, part }: Reported, key: string): Msat {
  return state.parts
    .filter((other) => other.id !== part.id && isOut(other))
    .flatMap(({ hops }) => hops)
    .reduce((sum, hop) => (keyOfHop(hop) === key ? sum + hop.amountMsat : sum), 0n);
}

function cannotCarry(context: Reported): Along {
  const hop = nextHop(context);
  if (context.reporter === 0) {
    const key = `own:${keyOfHop(hop)}`;
    if (isOldNews(context, key)) return NOTHING_NEW;
    const lessons: Lesson[] =
      timesSeen(context.state, key) > 1 ? [channelOff(hop)] : avoidChannel(hop, OWN_CHANNEL_REST);
    const restUntil = context.now + OWN_CHANNEL_REST;
    return { lessons, next: REPLAN, seen: [key], adjust: { restUntil } };
  }
  const policy = policyFor(context);
  // The channel never takes so much at once: nothing is said about what it holds.
  if (policy && policy.htlcMaximumMsat < hop.amountMsat) {
    return { lessons: [{ kind: 'policy', channel: channelOf(hop), policy }], next: REPLAN };
  }
  const atMostMsat = hop.amountMsat - 1n + ownShare(context, keyOfHop(hop));
  // The shared bound fades with time; this payment does not try the same again.
  const lessons: Lesson[] = [{ kind: 'at_most', channel: channelOf(hop), atMostMsat }];
  if (hop.kind !== 'hint') lessons.push({ kind: 'cannot_carry', hop });
  return { lessons, next: REPLAN };
}

function policyFor(context: Reported) {
  const { part, reporter, fields, now, verifyUpdate } = context;
  const channel = channelOf(nextHop(context));
  const node = nodeAt(part, reporter);
  return believedPolicy(fields.channelUpdate, channel, node, Math.floor(now / 1000), verifyUpdate);
}

function newTerms(context: Reported): Along {
  const hop = nextHop(context);
  const key = `terms:${keyOfHop(hop)}`;
  if (isOldNews(context, key)) return NOTHING_NEW;
  const policy = policyFor(context);
  if (policy && timesSeen(context.state, key) === 0 && context.reporter > 0 && !isMet(policy, context)) {
    return { lessons: [{ kind: 'policy', channel: channelOf(hop), policy }], next: REPLAN, seen: [key] };
  }
  if (!policy) return nextChannelOff(context);
  // Told once already, or the part kept to these terms: somebody between may be changing amounts or expiries.
  const { reporter } = context;
  const suspects = [...mark(context, reporter, TAMPERING_MARK), ...mark(context, reporter - 1, TAMPERING_MARK)];
  return { ...nextChannelOff(context, suspects), seen: [key] };
}

/** The part paid what the policy asks for, and left it the blocks. */
function isMet(policy: Policy, { part, reporter }: Reported): boolean {
  const [into, out] = [part.hops[reporter - 1]!, part.hops[reporter]!];
  const { amountMsat } = out;
  const feeMsat = BigInt(policy.feeBaseMsat) + (amountMsat * BigInt(policy.feePpm)) / 1_000_000n;
  return (
    into.amountMsat - amountMsat >= feeMsat &&
    into.expiry - out.expiry >= policy.cltvDelta &&
    policy.htlcMinimumMsat <= amountMsat &&
    amountMsat <= policy.htlcMaximumMsat
  );
}

function expiryTooSoon(context: Reported): Along {
  const key = 'expiry_too_soon';
  if (isOldNews(context, key)) return NOTHING_NEW;
  const { padBlocks } = context.state.adjustments;
  // Somebody on the way delays.
  const delays = Array.from({ length: context.reporter }, (_, i) => mark(context, i + 1, SMALL_MARK)).flat();
  if (timesSeen(context.state, key) === 0) {
    return { lessons: delays, next: REPLAN, seen: [key], adjust: { padBlocks: padBlocks + PAD_BLOCKS } };
  }
  const again = 'still_too_soon';
  return isOldNews(context, again) ? nextChannelOff(context) : { ...nextChannelOff(context, delays), seen: [again] };
}

/**
 * The blocks hidden behind the payee are the only ones that can be spared. A limit of this node says nothing about other
 * ways, so it is the channel that goes, never the payment's own limit: one liar would end the payment with it.
 */
function expiryTooFar(context: Reported): Along {
  if (isOldNews(context, BLOCKS_SPARED)) return NOTHING_NEW;
  if (context.state.adjustments.offsetBlocks === 0) return nextChannelOff(context);
  return { ...NOTHING_NEW, seen: [BLOCKS_SPARED], adjust: { offsetBlocks: 0 } };
}

function badOnion(context: Reported): Along {
  const { part, reporter, state } = context;
  const key = `bad_onion:${toHex(nodeAt(part, reporter))}`;
  if (isOldNews(context, key)) return nextChannelOff(context);
  const reporters = Object.keys(state.seen).filter((name) => name.startsWith('bad_onion:') && name !== key);
  const doubts = [...mark(context, reporter, SMALL_MARK), ...mark(context, reporter + 1, SMALL_MARK)];
  const alarm =
    reporters.length > 0
      ? 'several nodes cannot read our onions: report this to the makers of Manifold with the failures of the payment'
      : undefined;
  return { ...nextChannelOff(context, doubts), seen: [key], ...(alarm ? { alarm } : {}) };
}

function unknownNextPeer(context: Reported): Along {
  const off = nextChannelOff(context);
  const { part, reporter } = context;
  const isLast = reporter === part.hops.length - 1;
  if (!isLast || nextHop(context).kind !== 'hint') return off;
  if (isPathLeft(context, nextHop(context))) return off;
  const message = 'the payee is offline: no node that its invoice names is connected to it; try again later';
  return { ...off, next: stopFor('payee_offline', message) };
}

/** In front of a blinded path: as any node. At its start or inside, only that the path did not work with this amount. */
function blinded(context: Reported): Along {
  const hop = nextHop(context);
  if (hop.kind !== 'hint') return nodeOff(context);
  const key = `blinded:${keyOfHop(hop)}`;
  const isOld = isOldNews(context, key);
  const isWhole = hop.blindedPath !== undefined && context.state.adjustments.maxParts === 1;
  if (isWhole || (timesSeen(context.state, key) > 0 && !isOld)) return pathOff(context);
  const atMostMsat = hop.amountMsat - 1n + ownShare(context, keyOfHop(hop));
  const bounded: Along = { lessons: [{ kind: 'at_most', channel: channelOf(hop), atMostMsat }], next: REPLAN };
  return isOld ? bounded : { ...bounded, seen: [key] };
}

function prohibited(context: Reported): Along {
  const off = nodeOff({ ...context, row: { ...context.row, avoidMs: 0 } });
  if (off === NOTHING_NEW) return off;
  return { ...off, lessons: [...off.lessons, ...mark(context, context.reporter, PROHIBITED_MARK)] };
}

/** Whatever the payee's own nodes did, it is the path that goes: its first node still leads elsewhere. */
function pathOff(context: Reported): Along {
  const hop = nextHop(context);
  const next = hop.blindedPath && !isPathLeft(context, hop) ? stopFor('paths_used_up', NO_PATH_LEFT) : REPLAN;
  return { lessons: [channelOff(hop)], next };
}

/** The introduction node of a blinded path speaks for all behind it, and says as little as it can. */
function atIntroduction(context: Reported): Along {
  switch (context.row.along) {
    case 'blinded':
    case 'cannot_carry':
      return blinded(context);
    case 'expiry_too_soon':
    case 'expiry_too_far':
    case 'unknown_next_peer':
      return ALONG[context.row.along](context);
    case 'node_off':
    case 'next_channel_off':
    case 'new_terms':
    case 'bad_onion':
    case 'prohibited':
      return pathOff(context);
  }
}

export function reactAlong(context: Reported): Along {
  const isIntroduction = context.reporter > 0 && nextHop(context).blindedPath !== undefined;
  return isIntroduction ? atIntroduction(context) : ALONG[context.row.along](context);
}

const ALONG: Readonly<Record<AlongAction, (context: Reported) => Along>> = {
  node_off: nodeOff,
  next_channel_off: (context) => nextChannelOff(context),
  cannot_carry: cannotCarry,
  new_terms: newTerms,
  expiry_too_soon: expiryTooSoon,
  expiry_too_far: expiryTooFar,
  bad_onion: badOnion,
  unknown_next_peer: unknownNextPeer,
  blinded,
  prohibited,
};
