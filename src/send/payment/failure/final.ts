/** Failures reported by the last node of the route. */
import { channelOff } from '../lessons.js';
import { BLOCKS_SPARED } from './along.js';
import { isOldNews, lastHop, type Reported, timesSeen } from './context.js';
import { isPathLeft, NO_PATH_LEFT } from './paths.js';
import { type Next, type Reaction, REPLAN, stopFor } from './reaction.js';
import type { FinalAction } from './table.js';

type Final = Omit<Reaction, 'words'>;

const NOTHING_NEW: Final = { lessons: [], next: REPLAN };

const MOST_PAUSES = 3;
const FIRST_PAUSE_MS = 1000;
/** A third round of parts that do not arrive together will not either. */
const MOST_TIMEOUTS = 2;

function pause(context: Reported): Final {
  const { state, row } = context;
  const key = `pause:${row.name}`;
  if (isOldNews(context, key)) return NOTHING_NEW;
  const times = timesSeen(state, key);
  if (times >= MOST_PAUSES) {
    return {
      lessons: [],
      next: stopFor('payee_node', `the payee's node keeps answering ${row.name}: try again later`),
    };
  }
  return { lessons: [], next: { kind: 'pause', forMs: FIRST_PAUSE_MS * 2 ** times }, seen: [key] };
}

function stop({ row }: Reported): Next {
  return stopFor('payee_node', `the payee's node answers ${row.name}: ask the payee, no other route can help`);
}

const details = ({ row }: Reported): Final => {
  const message =
    row.name === 'expiry_too_soon' || row.name === 'final_expiry_too_soon'
      ? 'the payee finds the expiry too soon: check that the own nodes know the newest block'
      : 'the payee does not want this payment: the invoice is paid, expired or unknown to it; ask for a new one';
  return { lessons: [], next: stopFor('payee_refused', message) };
};

const lastChannelOff = ({ part }: Reported): Final => ({ lessons: [channelOff(lastHop(part))], next: REPLAN });

/** The node before the payee has changed the HTLC. With no node between there is nobody else to blame. */
function lastChannelOffOrStop(context: Reported): Final {
  const { part, row } = context;
  if (part.hops.length > 1) return lastChannelOff(context);
  return { lessons: [], next: stopFor('payee_node', `the payee, a direct peer, answers ${row.name}: ask the payee`) };
}

function expiryTooFar(context: Reported): Final {
  if (isOldNews(context, BLOCKS_SPARED)) return NOTHING_NEW;
  const { state, row } = context;
  const { offsetBlocks, padBlocks } = state.adjustments;
  if (offsetBlocks + padBlocks === 0) {
    const message = `the payee answers ${row.name} to the very expiry that it asks for: ask for a new invoice`;
    return { lessons: [], next: stopFor('payee_node', message) };
  }
  return { ...NOTHING_NEW, seen: [BLOCKS_SPARED], adjust: { offsetBlocks: 0, padBlocks: 0 } };
}

/**
 * The part arrived and the others did not, in time: nobody is to blame and the route is good. Parts of one round time out
 * together and count once.
 */
function mppTimeout(context: Reported): Final {
  const { state } = context;
  const key = 'mpp_rounds';
  const rounds = timesSeen(state, key);
  if (isOldNews(context, key)) return { lessons: [], next: rounds === 1 ? { kind: 'repeat' } : REPLAN };
  if (rounds >= MOST_TIMEOUTS) {
    const message = 'parts keep arriving without the others: pay a smaller amount or allow more time';
    return { lessons: [], next: stopFor('payee_waits', message) };
  }
  if (rounds === 0) return { lessons: [], next: { kind: 'repeat' }, seen: [key] };
  const used = state.parts.length - state.seen[key]!.parts;
  const maxParts = Math.max(1, Math.min(state.adjustments.maxParts, Math.ceil(used / 2)));
  return { ...NOTHING_NEW, seen: [key], adjust: { maxParts } };
}

const badOnion = ({ part }: Reported): Final => ({
  lessons: [channelOff(lastHop(part))],
  next: REPLAN,
  alarm: 'the payee says that it cannot read our onion: report this to the makers of Manifold with the failure',
});

function blinded(context: Reported): Final {
  const hop = lastHop(context.part);
  const next = isPathLeft(context, hop) ? REPLAN : stopFor('paths_used_up', NO_PATH_LEFT);
  return { lessons: [channelOff(hop)], next };
}

export const FINAL: Readonly<Record<FinalAction, (context: Reported) => Final>> = {
  pause,
  stop: (context) => ({ lessons: [], next: stop(context) }),
  details,
  last_channel_off: lastChannelOff,
  last_channel_off_or_stop: lastChannelOffOrStop,
  expiry_too_far: expiryTooFar,
  mpp_timeout: mppTimeout,
  bad_onion: badOnion,
  blinded,
};
