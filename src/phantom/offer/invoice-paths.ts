/** The payment paths of one invoice of an offer: members chosen, one SCID drawn for each path. */
import type { PaymentPath } from '../../bolt12/index.js';
import { ok, type Result } from '../../wire/result.js';
import type { BlockDelta, BlockHeight, Msat, NodeId, PaymentHash } from '../../wire/units.js';
import type { ClusterKeys } from '../cluster-keys.js';
import type { ClusterMember } from '../member.js';
import type { HintError } from '../route-hints.js';
import { invoiceFinalCltv } from '../write-invoice.js';
import type { Draws } from './draws.js';
import { buildPaymentPath } from './payment-paths.js';
import { choosePaymentWays } from './payment-ways.js';

/** Multi-part payment, optional (BOLT 9). */
const MULTI_PART = 17;
/** Even an invoice that runs out in minutes may be paid by an HTLC that is locked for as long as anybody locks one. */
const LEAST_PATH_BLOCKS: BlockDelta = 2016;
/** Blocks come faster than planned at times: LDK reckons 9 minutes for each. */
const SECONDS_PER_BLOCK = 540;
const BLOCKS_ON_THE_WAY: BlockDelta = 3;

export interface InvoicePathParams {
  readonly keys: ClusterKeys;
  readonly members: readonly ClusterMember[];
  /** Undefined: the payer chooses. */
  readonly amountMsat: Msat | undefined;
  /** Undefined: a static invoice. */
  readonly paymentHash: PaymentHash | undefined;
  readonly pathId: Uint8Array;
  /** The greatest of the members. */
  readonly height: BlockHeight;
  readonly expirySeconds: number;
  /** What the secret demands; payers are asked for 3 blocks more. */
  readonly minFinalCltv: BlockDelta;
  readonly draws: Draws;
  readonly maxPaths: number | undefined;
}

export interface InvoicePaths {
  readonly paymentPaths: readonly PaymentPath[];
  readonly members: readonly NodeId[];
  readonly features: readonly number[];
  readonly multiPart: boolean;
  readonly enough: boolean;
}

/** Last height at which an HTLC over the path may expire at the phantom. */
function lastExpiry(height: BlockHeight, expirySeconds: number): BlockHeight {
  const blocks = Math.max(Math.ceil(expirySeconds / SECONDS_PER_BLOCK), LEAST_PATH_BLOCKS);
  return height + blocks + BLOCKS_ON_THE_WAY;
}

/** Errors as of `chooseRouteHints`. @throws {RangeError} if `maxPaths` is not 1 to 5 */
export function makeInvoicePaths(params: InvoicePathParams): Result<InvoicePaths, HintError> {
  const { keys, paymentHash, pathId, draws, maxPaths, members, amountMsat } = params;
  const chosen = choosePaymentWays({ keys, members, amountMsat, maxPaths, rotation: draws.number('payment-members') });
  if (!chosen.ok) return chosen;
  const { ways, multiPart, enough } = chosen.value;
  const terms = {
    keys,
    paymentHash,
    pathId,
    maxFinalExpiry: lastExpiry(params.height, params.expirySeconds),
    minFinalCltvDelta: invoiceFinalCltv(params.minFinalCltv),
  };
  return ok({
    paymentPaths: ways.map((way, i) => buildPaymentPath(terms, way, draws.number(`payment-path ${i}`))),
    members: chosen.value.members.map(({ nodeId }) => nodeId),
    features: multiPart ? [MULTI_PART] : [],
    multiPart,
    enough,
  });
}
