/** Amount and limits of an order: defaults where nothing is said, refusals for what cannot be. */
import { budgetFor } from '../classic/fee-share.js';
import type { PaymentTerms } from '../payment/payment.js';
import { err, ok, type Result } from '../../wire/result.js';
import { type BlockDelta, MAX_MSAT, type Millis, type Msat } from '../../wire/units.js';
import type { BadOrder, PayOptions } from './order.js';

const DEFAULT_MAX_FEE_PERCENT = 1;
/** The planner uses few of them: every part has its price. */
const DEFAULT_MAX_PARTS = 100;
/** One channel holds 483 HTLCs in one direction (BOLT 2). */
const MOST_PARTS = 483;
const DEFAULT_TIMEOUT_MS: Millis = 60_000;
const LEAST_TIMEOUT_MS: Millis = 1000;
const MOST_TIMEOUT_MS: Millis = 24 * 60 * 60_000;
/** Nodes refuse HTLCs with an expiry further ahead (BOLT 4, `expiry_too_far`). */
const MOST_BLOCKS: BlockDelta = 2016;

export type Limits = Pick<PaymentTerms, 'budgetMsat' | 'maxParts' | 'maxBlocks' | 'startedAt' | 'deadline'>;

const bad = (code: string, message: string, field: string): Result<never, BadOrder> => err({ code, message, field });

export function checkAmount(amountMsat: Msat): Result<Msat, BadOrder> {
  if (amountMsat <= 0n) return bad('amount_zero', 'the amount must be above 0: name what is to be paid', 'amountMsat');
  if (amountMsat <= MAX_MSAT) return ok(amountMsat);
  return bad(
    'amount_too_large',
    `the amount is above all bitcoin there will ever be, ${MAX_MSAT} msat: check it`,
    'amountMsat',
  );
}

const isWholeBetween = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** @param finalBlocks blocks that the payee asks for behind the last node */
export function limitsOf(
  amountMsat: Msat,
  finalBlocks: BlockDelta,
  options: PayOptions,
  now: Millis,
): Result<Limits, BadOrder> {
  const { maxFeeMsat, maxParts = DEFAULT_MAX_PARTS, timeoutMs = DEFAULT_TIMEOUT_MS, maxBlocks = MOST_BLOCKS } = options;
  if (maxFeeMsat !== undefined && (maxFeeMsat < 0n || maxFeeMsat > MAX_MSAT)) {
    return bad(
      'bad_max_fee',
      'the greatest fee must be 0 or more, and not above all bitcoin there will ever be',
      'maxFeeMsat',
    );
  }
  if (!isWholeBetween(maxParts, 1, MOST_PARTS)) {
    return bad(
      'bad_max_parts',
      `a payment has between 1 and ${MOST_PARTS} parts: choose a whole number of these`,
      'maxParts',
    );
  }
  if (!isWholeBetween(timeoutMs, LEAST_TIMEOUT_MS, MOST_TIMEOUT_MS)) {
    return bad('bad_timeout', 'allow between one second and one day, in whole milliseconds', 'timeoutMs');
  }
  if (!isWholeBetween(maxBlocks, 1, MOST_BLOCKS)) {
    return bad(
      'bad_max_blocks',
      `nodes lock HTLCs for at most ${MOST_BLOCKS} blocks: choose 1 to ${MOST_BLOCKS}`,
      'maxBlocks',
    );
  }
  if (!isWholeBetween(finalBlocks, 0, maxBlocks)) {
    const message =
      finalBlocks > MOST_BLOCKS
        ? `the payee asks for ${finalBlocks} blocks at its end, more than nodes forward (${MOST_BLOCKS}): ask for another invoice`
        : `the payee asks for ${finalBlocks} blocks at its end and ${maxBlocks} are allowed for the whole way: allow more`;
    return bad('final_expiry_too_far', message, 'maxBlocks');
  }
  const budgetMsat = maxFeeMsat ?? budgetFor(amountMsat, DEFAULT_MAX_FEE_PERCENT);
  return ok({ budgetMsat, maxParts, maxBlocks, startedAt: now, deadline: now + timeoutMs });
}
