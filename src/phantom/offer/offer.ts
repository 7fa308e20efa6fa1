/** Phantom offers: one offer of the whole cluster, answered at whichever member the request arrives. */
import { buildDerivedOffer, type Offer, offerIdOf } from '../../bolt12/index.js';
import { chainHashOf } from '../../onion/index.js';
import { equalBytes } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Msat, UnixSeconds } from '../../wire/units.js';
import type { KeyEpoch } from '../cluster-keys.js';
import type { ClusterMember } from '../member.js';
import type { PhantomInvoiceError } from '../write-invoice.js';
import { drawsFrom } from './draws.js';
import { messagePathsToPhantom } from './message-paths.js';
import { NONCE_LENGTH } from './path-content.js';

export interface PhantomOfferParams {
  readonly epoch: KeyEpoch;
  readonly members: readonly ClusterMember[];
  /** 16 fresh random bytes. The offer's key follows from them, so whoever answers needs them back: see `pathId`. */
  readonly nonce: Uint8Array;
  /** Holds the nonce, sealed with the epoch's message context key: what comes over the offer's paths brings it along. */
  readonly pathId: Uint8Array;
  /** 32 fresh random bytes. */
  readonly entropy: Uint8Array;
  /** Per item; undefined: the payer chooses. */
  readonly amountMsat?: Msat | undefined;
  /** Needed with an amount. */
  readonly description?: string | undefined;
  readonly issuer?: string | undefined;
  /** 0: as many as one likes; undefined: requests name no quantity. */
  readonly quantityMax?: bigint | undefined;
  readonly absoluteExpiry?: UnixSeconds | undefined;
  /** Hash of the chain it is payable on; default bitcoin. */
  readonly chainHash?: Uint8Array | undefined;
  /** 1 to 8, default 3. */
  readonly maxPaths?: number | undefined;
}

export interface PhantomOffer {
  readonly offer: Offer;
  /** 32 bytes. */
  readonly offerId: Uint8Array;
  readonly epochId: number;
}

/**
 * Makes an offer. Pure: the same parameters give the same offer; nothing is stored, any member of the cluster can answer.
 *
 * Errors: `no_path`, and those of `decodeOffer` (amount without description, expiry …), `bad_value`.
 * @throws {RangeError} for a nonce not of 16 bytes, entropy not of 32, or `maxPaths` out of range
 */
export function createPhantomOffer(params: PhantomOfferParams): Result<PhantomOffer, PhantomInvoiceError> {
  const { epoch, nonce, amountMsat, description, issuer, quantityMax, absoluteExpiry, chainHash } = params;
  if (nonce.length !== NONCE_LENGTH) throw new RangeError('the nonce of an offer has 16 bytes');
  const paths = messagePathsToPhantom({
    phantomNodeId: epoch.keys.phantomNodeId,
    members: params.members,
    pathId: params.pathId,
    draws: drawsFrom(params.entropy),
    maxPaths: params.maxPaths,
  });
  if (paths.length === 0) {
    return err({
      code: 'no_path',
      message: 'no member can be reached by onion messages: connect a node that is announced or has a peer that is',
    });
  }
  const foreign = chainHash && !equalBytes(chainHash, chainHashOf('bitcoin'));
  const built = buildDerivedOffer(epoch.keys.offersBaseKey, nonce, {
    paths,
    ...(foreign && { chains: [chainHash] }),
    ...(amountMsat !== undefined && { amount: amountMsat }),
    ...(description !== undefined && { description }),
    ...(issuer !== undefined && { issuer }),
    ...(quantityMax !== undefined && { quantityMax }),
    ...(absoluteExpiry !== undefined && { absoluteExpiry: BigInt(absoluteExpiry) }),
  });
  if (!built.ok) return built;
  const { offer } = built.value;
  return ok({ offer, offerId: offerIdOf(offer.records), epochId: epoch.id });
}
