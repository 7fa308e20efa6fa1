/** Whose HTLC it is: the wallets at its two ends, and what is asked about it before it is judged. */
import { failHeight, type HoldingClient, type HoldQuestion } from '../../offline/hold/admit.js';
import type { HeldHtlc } from '../../offline/hold/types.js';
import type { OfflineClient } from '../../offline/clients.js';
import type { RodRequest } from '../../offline/rod/types.js';
import type { InterceptedHtlc } from '../../receive/node-port.js';
import type { BlockHeight, NodeId } from '../../wire/units.js';
import type { ChannelBook } from './hold-channels.js';
import type { HoldParts, Marks } from './hold-parts.js';

export interface Ends {
  readonly payer?: OfflineClient;
  readonly payee?: OfflineClient;
}

export const nextPeer = (book: ChannelBook, { outgoingNodeId, outgoingScid }: InterceptedHtlc): NodeId | undefined =>
  outgoingNodeId ?? book.peerOf(outgoingScid);

export function endsOf({ clients }: Pick<HoldParts, 'clients'>, book: ChannelBook, htlc: InterceptedHtlc): Ends {
  const [from, to] = [book.peerOf(htlc.key.channelId), nextPeer(book, htlc)];
  const [payer, payee] = [from && clients.clientOf(from), to && clients.clientOf(to)];
  return { ...(payer && { payer }), ...(payee && { payee }) };
}

export const isAwake = (
  book: ChannelBook,
  { nodeId }: OfflineClient,
  { outgoingNodeId, outgoingScid }: InterceptedHtlc,
): boolean => book.isAwake(nodeId, outgoingNodeId ? undefined : outgoingScid);

/** The request to which the HTLC belongs, looked for in the store too if it names one. */
export async function rodOf(
  { rods }: Pick<HoldParts, 'rods'>,
  payer: OfflineClient | undefined,
  { isFlagged, rodId }: Marks,
  htlc: InterceptedHtlc,
): Promise<RodRequest | undefined> {
  const book = rods();
  if (!payer || !book || isFlagged) return undefined;
  if (!rodId) return book.find(payer.number, htlc);
  return book.find(payer.number, { rodId }) ?? (await book.fetch(payer.number, rodId));
}

function holdable(htlc: InterceptedHtlc): HeldHtlc['htlc'] {
  const { key, paymentHash, incomingAmountMsat, incomingExpiry, outgoingAmountMsat, outgoingExpiry, deadline } = htlc;
  const amounts = { incomingAmountMsat, outgoingAmountMsat };
  return { key, paymentHash, ...amounts, incomingExpiry, outgoingExpiry, deadline, onChain: htlc.onChain };
}

/** It may not be held for these wallets (any more). */
export function isTooLate(htlc: InterceptedHtlc, height: BlockHeight, { payer, payee }: Ends): boolean {
  const most = [payer, payee].map((client) => client?.limits.maxHoldBlocks ?? Infinity);
  return failHeight(holdable(htlc), height, { maxHoldBlocks: Math.min(...most) }) <= height;
}

export function questionOf(
  { usageOf, clock }: Pick<HoldParts, 'usageOf' | 'clock'>,
  book: ChannelBook,
  htlc: InterceptedHtlc,
  { isFlagged, rodId }: Marks,
  more: Pick<HoldQuestion, 'isReleased' | 'canRelease' | 'height'> & { readonly rod: RodRequest | undefined } & Ends,
): HoldQuestion {
  const { payer, payee, rod, isReleased, canRelease, height } = more;
  const holding = ({ number, limits }: OfflineClient): HoldingClient => ({ number, limits, ...usageOf(number) });
  return {
    htlc: holdable(htlc),
    ...(payer && { payer: holding(payer) }),
    ...(payee && { payee: { ...holding(payee), isAwake: isAwake(book, payee, htlc) } }),
    isFlagged,
    isTagged: rodId !== undefined,
    ...(rod && { rod }),
    ...{ isReleased, canRelease, height },
    now: clock.now(),
  };
}
