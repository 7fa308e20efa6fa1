/** Whether the LSP takes a wallet's request to hold a payment for it. */
import type { RodHoldRequest, RodHoldStatus } from '../../messages/index.js';
import { equalBytes } from '../../wire/bytes.js';
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { OfflineClient } from '../clients.js';
import { isRodOver, newRodRequest } from './step.js';
import type { RodRequest } from './types.js';

/** A request that ends sooner holds nothing for anybody. */
const LEAST_BLOCKS = 6;

export interface RodQuestion {
  readonly client: OfflineClient;
  readonly wanted: RodHoldRequest;
  /** Of the same id, whoever asked for it. */
  readonly known: RodRequest | undefined;
  /** Of this wallet, those that are not over. */
  readonly open: readonly RodRequest[];
  /** Undefined: no node is served now. */
  readonly height: BlockHeight | undefined;
  readonly now: Millis;
}

export type RodVerdict =
  | { readonly status: 'ok'; readonly request: RodRequest; readonly isNew: boolean }
  | { readonly status: Exclude<RodHoldStatus, 'ok' | 'unknown_client'> };

/** Asked again with the same terms it gets the same answer. */
export function judgeRod({ client, wanted, known, open, height, now }: RodQuestion): RodVerdict {
  const { rodId, paymentHashes, totalMsat, parts, holdUntil, notifyOnSettle } = wanted;
  if (known) {
    const isSame =
      known.client === client.number &&
      equalBytes(known.rodId, rodId) &&
      known.totalMsat === totalMsat &&
      known.partCount === parts &&
      known.hashes.length === paymentHashes.length &&
      known.hashes.every((hash, i) => equalBytes(hash, paymentHashes[i]!));
    return isSame && !isRodOver(known) ? { status: 'ok', request: known, isNew: false } : { status: 'refused' };
  }
  if (height === undefined || totalMsat === 0n) return { status: 'refused' };
  if (holdUntil < height + LEAST_BLOCKS) return { status: 'bad_height' };
  const { maxHeld, maxHeldMsat, maxHoldBlocks } = client.limits;
  if (open.length >= maxHeld || parts > maxHeld || totalMsat > maxHeldMsat) return { status: 'limit' };
  // One that holds nothing yet may have been given up by a wallet that missed our answer.
  const taken = open.filter((other) => other.parts.length > 0).flatMap(({ hashes }) => hashes);
  const isTaken = taken.some((hash) => paymentHashes.some((one) => equalBytes(one, hash)));
  if (isTaken) return { status: 'refused' };
  const request = newRodRequest({
    rodId,
    client: client.number,
    hashes: paymentHashes,
    totalMsat,
    partCount: parts,
    holdUntil: Math.min(holdUntil, height + maxHoldBlocks),
    notify: notifyOnSettle,
    createdAt: now,
  });
  return { status: 'ok', request, isNew: true };
}
