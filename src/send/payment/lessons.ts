/** What the fate of parts teaches: to the whole cluster, or to one payment alone. */
import type { BlockDelta, Millis, Msat, NodeId } from '../../wire/units.js';
import type { Policy } from '../graph/policy.js';
import type { HopUse, Knowledge } from '../knowledge/knowledge.js';
import type { DirectedChannel } from '../knowledge/payment-memory.js';
import type { RouteHop } from '../plan/request.js';

/** For the knowledge that all payments share. Lists are in the order in which they have to be applied. */
export type SharedLesson =
  | { readonly kind: 'reserved' | 'released' | 'settled'; readonly hops: readonly HopUse[] }
  | { readonly kind: 'passed'; readonly hops: readonly HopUse[] }
  | { readonly kind: 'cannot_carry'; readonly hop: HopUse }
  | { readonly kind: 'avoid_channel'; readonly channel: DirectedChannel; readonly forMs: Millis }
  | { readonly kind: 'avoid_node'; readonly node: NodeId; readonly forMs: Millis }
  | { readonly kind: 'mark_node'; readonly node: NodeId; readonly weight: number }
  | { readonly kind: 'ease_node'; readonly node: NodeId };

/** For this payment only; kept in its state. */
export type PrivateLesson =
  | { readonly kind: 'channel_off'; readonly channel: DirectedChannel }
  /** `unsure`: nobody could be named; it may be used again where there is no other way. */
  | { readonly kind: 'node_off'; readonly node: NodeId; readonly unsure?: true }
  | { readonly kind: 'policy'; readonly channel: DirectedChannel; readonly policy: Policy }
  /** A hop that only the payee's hints name carries this much at most. */
  | { readonly kind: 'at_most'; readonly channel: DirectedChannel; readonly atMostMsat: Msat };

export type Lesson = SharedLesson | PrivateLesson;

export function isPrivate(lesson: Lesson): lesson is PrivateLesson {
  switch (lesson.kind) {
    case 'channel_off':
    case 'node_off':
    case 'policy':
    case 'at_most':
      return true;
    case 'reserved':
    case 'released':
    case 'settled':
    case 'passed':
    case 'cannot_carry':
    case 'avoid_channel':
    case 'avoid_node':
    case 'mark_node':
    case 'ease_node':
      return false;
  }
}

/** Carries the lessons of a `learn` command out. */
export function applyLessons(knowledge: Knowledge, lessons: readonly SharedLesson[], now: Millis): void {
  for (const lesson of lessons) applyLesson(knowledge, lesson, now);
}

function applyLesson(knowledge: Knowledge, lesson: SharedLesson, now: Millis): void {
  switch (lesson.kind) {
    case 'reserved': {
      knowledge.reserve(lesson.hops);
      return;
    }
    case 'released': {
      knowledge.release(lesson.hops);
      return;
    }
    case 'settled':
      for (const hop of lesson.hops) knowledge.settled(hop, now);
      return;
    case 'passed':
      for (const hop of lesson.hops) knowledge.passed(hop, now);
      return;
    case 'cannot_carry': {
      knowledge.failed(lesson.hop, now);
      return;
    }
    case 'avoid_channel': {
      knowledge.avoidChannel(lesson.channel, now + lesson.forMs);
      return;
    }
    case 'avoid_node': {
      knowledge.avoidNode(lesson.node, now + lesson.forMs);
      return;
    }
    case 'mark_node': {
      knowledge.markNode(lesson.node, lesson.weight, now);
      return;
    }
    case 'ease_node': {
      knowledge.easeNode(lesson.node, now);
      return;
    }
  }
}

export const channelOf = ({ scid, direction }: DirectedChannel): DirectedChannel => ({ scid, direction });

export const channelOff = (hop: DirectedChannel): PrivateLesson => ({ kind: 'channel_off', channel: channelOf(hop) });

/** Nothing about what a hint calls a channel is passed on: it is the payee's word. */
export function avoidChannel(hop: RouteHop, forMs: Millis): SharedLesson[] {
  return hop.kind === 'hint' || forMs <= 0 ? [] : [{ kind: 'avoid_channel', channel: channelOf(hop), forMs }];
}

export const MINUTE: Millis = 60_000;
export const HOUR: Millis = 60 * MINUTE;
export const DAY: Millis = 24 * HOUR;
/** Blocks that make up for nodes which are a little ahead. */
export const PAD_BLOCKS: BlockDelta = 6;
