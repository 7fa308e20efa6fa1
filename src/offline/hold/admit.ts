/** Whether an HTLC that a node is about to forward is held for a wallet, and until which block. */
import { sha256 } from '../../crypto/index.js';
import { concat } from '../../wire/bytes.js';
import { u64 } from '../../wire/integers.js';
import type { BlockDelta, BlockHeight, Millis, Msat } from '../../wire/units.js';
import type { ClientLimits } from '../clients.js';
import type { CircuitKey, HeldHtlc, HoldableHtlc } from './types.js';

/** Blocks before the outgoing expiry from which a forward is too late to be safe (LDK's fail-back buffer). */
const OUTGOING_BUFFER: BlockDelta = 39;
/** Blocks before the incoming expiry that a failure may need to travel back to a payer that has to be woken. */
const INCOMING_BUFFER: BlockDelta = 40;
/** Blocks before the height at which the node gives up by itself. */
const DEADLINE_BUFFER: BlockDelta = 3;

/** Stands for an HTLC in the paths over which its release is asked for: 16 bytes. */
export function holdIdOf({ nodeId, channelId, htlcId }: CircuitKey): Uint8Array {
  return sha256(concat(u64(htlcId), u64(channelId), nodeId)).slice(0, 16);
}

/** The block from which the HTLC is failed back, whoever asked for it to be held and for how long. */
export function failHeight(
  { incomingExpiry, outgoingExpiry, deadline }: HoldableHtlc,
  height: BlockHeight,
  { maxHoldBlocks }: Pick<ClientLimits, 'maxHoldBlocks'>,
  holdUntil = Number.POSITIVE_INFINITY,
): BlockHeight {
  return Math.min(
    outgoingExpiry - OUTGOING_BUFFER,
    incomingExpiry - INCOMING_BUFFER,
    deadline - DEADLINE_BUFFER,
    height + maxHoldBlocks,
    holdUntil,
  );
}

/** One end of an HTLC that is a wallet of ours, with what it has in holding already. */
export interface HoldingClient {
  readonly number: number;
  readonly limits: ClientLimits;
  readonly held: number;
  readonly heldMsat: Msat;
}

export interface HoldQuestion {
  readonly htlc: HoldableHtlc;
  /** The wallet over whose channel it came, if it is a client. */
  readonly payer?: HoldingClient;
  /** The wallet to which it goes, if it is a client, and whether it takes HTLCs now. */
  readonly payee?: HoldingClient & { readonly isAwake: boolean };
  /** The payer has set the hold flag (`update_add_htlc` record 75537). */
  readonly isFlagged: boolean;
  /** It names a LightningRod request (record 1978231), known or not. */
  readonly isTagged: boolean;
  /** The node returns release paths, so that a flagged HTLC can ever be asked for. */
  readonly canRelease: boolean;
  /** The LightningRod request that names this HTLC, 32 bytes, and until when it wants it held. */
  readonly rod?: { readonly rodId: Uint8Array; readonly holdUntil: BlockHeight };
  /** Its release came before it did. */
  readonly isReleased: boolean;
  readonly height: BlockHeight;
  readonly now: Millis;
}

export type HoldVerdict =
  /** An ordinary forward. */
  | { readonly kind: 'forward' }
  | { readonly kind: 'hold'; readonly held: HeldHtlc }
  /** A forward that has asked to be held: it goes on once this is written, since it must never be failed after that. */
  | { readonly kind: 'pass'; readonly held: HeldHtlc }
  /** It asks for what it cannot have: fail it back at once. */
  | { readonly kind: 'refuse'; readonly why: 'no_hold' | 'limit' | 'too_late' };

/**
 * Judges an HTLC that its node would forward. A flag or request counts only from the wallet whose channel brought the HTLC, since
 * anybody else could make us hold other people's money. An HTLC for a sleeping wallet that is over the wallet's limits is not
 * refused but forwarded: the node then tells the payer that the channel is not there. Only what is marked is ever refused.
 */
export function judgeHold(question: HoldQuestion): HoldVerdict {
  const { htlc, payer, payee, isFlagged, isTagged, canRelease, height } = question;
  if (htlc.onChain) return { kind: 'forward' };
  // A node that returns release paths gives none for strangers, and lets nothing through without one.
  if (isFlagged && !payer) return canRelease ? { kind: 'refuse', why: 'no_hold' } : { kind: 'forward' };
  if (isFlagged && !canRelease) return { kind: 'refuse', why: 'no_hold' };
  const isMarked = payer !== undefined && (isFlagged || isTagged);
  const rod = payer && !isFlagged ? question.rod : undefined;
  const awaitsRelease = payer !== undefined && (isFlagged || rod !== undefined) && !question.isReleased;
  const awaitsPayee = payee !== undefined && !payee.isAwake;
  const holders = [...(awaitsRelease ? [payer] : []), ...(awaitsPayee ? [payee] : [])];
  const maxHoldBlocks = Math.min(...holders.map(({ limits }) => limits.maxHoldBlocks));
  const failAt = failHeight(htlc, height, { maxHoldBlocks }, rod?.holdUntil);
  const held = heldOf(question, { awaitsRelease, awaitsPayee, failAt, isMarked, ...(rod && { rodId: rod.rodId }) });
  const why = failAt <= height ? 'too_late' : 'limit';
  const isTooMuch = why === 'too_late' || holders.some((client) => isOver(client, htlc.incomingAmountMsat));
  if (holders.length > 0 && !isTooMuch) return { kind: 'hold', held };
  if (isMarked && awaitsRelease) return { kind: 'refuse', why };
  return isMarked ? { kind: 'pass', held: passed(held, question.now) } : { kind: 'forward' };
}

const passed = (held: HeldHtlc, now: Millis): HeldHtlc => ({
  ...held,
  phase: 'resumed',
  awaitsRelease: false,
  awaitsPayee: false,
  end: held.releasedAt === undefined ? 'passed' : 'released',
  decidedAt: now,
});

type Judged = Pick<HeldHtlc, 'awaitsRelease' | 'awaitsPayee' | 'failAt' | 'isMarked' | 'rodId'>;

const heldOf = ({ htlc, payer, payee, now, isReleased }: HoldQuestion, judged: Judged): HeldHtlc => ({
  htlc,
  holdId: holdIdOf(htlc.key),
  ...(payer && { payer: payer.number }),
  ...(payee && { payee: payee.number }),
  ...judged,
  phase: 'held',
  heldAt: now,
  isGone: false,
  ...(isReleased && { releasedAt: now }),
});

const isOver = ({ held, heldMsat, limits }: HoldingClient, amountMsat: Msat): boolean =>
  held >= limits.maxHeld || heldMsat + amountMsat > limits.maxHeldMsat;
