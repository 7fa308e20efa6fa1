/** From a part's failure to what is learnt and done: the table's row, the action of whoever reports, and what always holds. */
import type { Millis } from '../../../wire/units.js';
import { channelOff, type Lesson, avoidChannel } from '../lessons.js';
import { OWN_CHANNEL_REST, reactAlong } from './along.js';
import { type FailureContext, isOldNews, keyOfHop, lastHop, nodeAt, type Reported, timesSeen } from './context.js';
import { FINAL } from './final.js';
import { type ReportedFailure, sane } from './reported.js';
import { type Reaction, REPLAN } from './reaction.js';
import { rowOf } from './table.js';

/** Spread over the nodes between when nobody can be named. */
const UNREADABLE_MARK = 0.2;
const BROKEN_MARK = 0.5;
/** A node that keeps an HTLC longer than this by itself is slow. */
const SLOW_HOLD_MS: Millis = 10_000;
const SLOW_MARK = 0.1;
/** Local refusals of one channel that a payment bears. */
const MOST_LOCAL_REFUSALS = 3;

/**
 * @param failure as it was reported; what is impossible in it is not believed
 * @returns lessons without the end of the part's reservation, which comes before them
 */
export function react(failure: ReportedFailure, context: FailureContext): Reaction {
  const believed = sane(failure, context.part.hops);
  if (believed.kind === 'local') return localRefusal(believed.reason, context);
  const slow = slowHops(believed.holdTimes ?? [], context);
  if (believed.kind === 'unreadable') return withLessons(unreadable(believed.brokenAt, context), slow);
  const { reporter, code, fields = {} } = believed;
  const reported: Reported = { ...context, row: rowOf(code), reporter, fields };
  return withLessons(named(reported), slow);
}

const withLessons = (reaction: Reaction, more: readonly Lesson[]): Reaction =>
  more.length === 0 ? reaction : { ...reaction, lessons: [...reaction.lessons, ...more] };

function named(context: Reported): Reaction {
  const { part, reporter, row } = context;
  const isFinal = reporter === part.hops.length;
  const reaction = isFinal ? FINAL[row.final](context) : reactAlong(context);
  const who = isFinal ? 'the payee' : reporter === 0 ? 'the own node' : `node ${reporter} of ${part.hops.length}`;
  const alarm =
    reaction.alarm ??
    (row.along === 'node_off' && row.alarm ? `${who} answered ${row.name}: a payload of ours may be wrong` : undefined);
  return {
    ...reaction,
    words: `${who} answered ${row.name}`,
    lessons: [...carried(context), ...reaction.lessons],
    ...(alarm ? { alarm } : {}),
  };
}

/** Every channel up to the reporter carried its amount. */
function carried({ part, reporter }: Reported): Lesson[] {
  const hops = part.hops.slice(0, reporter);
  return hops.length > 0 ? [{ kind: 'passed', hops }] : [];
}

function unreadable(brokenAt: number | undefined, { part }: FailureContext): Reaction {
  const words = 'the failure cannot be read';
  const { length } = part.hops;
  const mark = (position: number, weight: number): Lesson[] =>
    position > 0 && position < length ? [{ kind: 'mark_node', node: nodeAt(part, position), weight }] : [];
  if (brokenAt !== undefined) {
    // The pair where the word of the one about the other does not hold.
    const first = Math.min(Math.max(brokenAt - 1, 0), length - 1);
    const lessons: Lesson[] = [
      channelOff(part.hops[first]!),
      ...mark(first, BROKEN_MARK),
      ...mark(first + 1, BROKEN_MARK),
    ];
    return { words: `${words}: its attribution breaks at node ${brokenAt}`, lessons, next: REPLAN };
  }
  // The next plan keeps away from all of them, if it can do without. Of a blinded path it is the path, not its first node.
  const last = lastHop(part);
  const interior = part.hops.slice(0, last.blindedPath ? -2 : -1);
  const path: Lesson[] = last.blindedPath ? [channelOff(last)] : [];
  const lessons: Lesson[] =
    interior.length === 0
      ? [channelOff(last.blindedPath ? last : part.hops[0]!)]
      : interior.flatMap(({ nodeId }, i): Lesson[] => [
          { kind: 'node_off', node: nodeId, unsure: true },
          ...mark(i + 1, UNREADABLE_MARK / interior.length),
        ]);
  return { words, lessons: interior.length === 0 ? lessons : [...lessons, ...path], next: REPLAN };
}

function localRefusal(reason: string, context: FailureContext): Reaction {
  const { part, state, now } = context;
  const hop = part.hops[0]!;
  const key = `local:${keyOfHop(hop)}`;
  const words = `the own node did not send it: ${reason}`;
  if (isOldNews(context, key)) return { words, lessons: [], next: REPLAN };
  const isOver = timesSeen(state, key) + 1 >= MOST_LOCAL_REFUSALS;
  const lessons = isOver ? [channelOff(hop)] : avoidChannel(hop, OWN_CHANNEL_REST);
  return {
    words,
    lessons,
    next: REPLAN,
    seen: [key],
    adjust: { restUntil: now + OWN_CHANNEL_REST },
  };
}

/** A node's own share of the time is what it kept the HTLC beyond the node behind it. */
function slowHops(holdTimes: readonly Millis[], { part }: FailureContext): Lesson[] {
  const lessons: Lesson[] = [];
  for (const [i, time] of holdTimes.entries()) {
    // The first node of a blinded path answers for all of it.
    const isLast = i + 1 >= part.hops.length || part.hops[i + 1]!.blindedPath !== undefined;
    if (!isLast && time - (holdTimes[i + 1] ?? 0) >= SLOW_HOLD_MS) {
      lessons.push({ kind: 'mark_node', node: nodeAt(part, i + 1), weight: SLOW_MARK });
    }
  }
  return lessons;
}
