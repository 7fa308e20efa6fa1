/**
 * LightningRod at the payer: asks its LSP to hold, pays with the tag, hands the secret to the payee, and may sleep then. One step
 * for each event.
 */
import type { RodHoldRequest, RodHoldResponse, RodNotice, RodStatus } from '../../messages/index.js';
import { rodIdOf } from '../../messages/index.js';
import type { BlindedPath } from '../../onion/index.js';
import { equalBytes } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type { BlockDelta, BlockHeight, Millis, Msat, NodeId, PaymentHash } from '../../wire/units.js';

/** HTLC record of the first hop that names a request: its id. */
const ROD_TAG_TYPE = 1_978_231n;

/**
 * - `asked`: the LSP was asked to hold. - `granted`: it will; only now may be paid. - `paid`: HTLCs are out, the payee gets the
 *   secret. - `settled`, `failed`: ends.
 */
export type RodPaymentState = 'asked' | 'granted' | 'paid' | 'settled' | 'failed';

/** To whom the secret goes: the payee's own path, or its node. */
export type RodTarget = { readonly path: BlindedPath } | { readonly nodeId: NodeId };

export interface RodPayment {
  /** 32 random bytes, known to nobody but us and the payee. Never logged. */
  readonly pid: Uint8Array;
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
  readonly partCount: number;
  /** As asked, then as accepted by the LSP. */
  readonly holdUntil: BlockHeight;
  readonly lsp: NodeId;
  readonly payee: RodTarget;
  readonly state: RodPaymentState;
  readonly releasePaths: readonly BlindedPath[];
  /** What the LSP said last. */
  readonly told?: RodStatus['state'];
  readonly why?: string;
  /** When the secret was handed over last, and how often. */
  readonly noticedAt?: Millis;
  readonly notices: number;
  readonly createdAt: Millis;
}

export interface NewRodPayment {
  readonly pid: Uint8Array;
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
  readonly partCount: number;
  readonly height: BlockHeight;
  /** For how long the payee may sleep: at most what the final hop's expiry has to spare. */
  readonly holdBlocks: BlockDelta;
  readonly lsp: NodeId;
  readonly payee: RodTarget;
  readonly now: Millis;
}

/** The LSP fails back so many blocks before the payee would refuse. */
const FAIL_BACK_BLOCKS: BlockDelta = 6;
/** A hold that is cut to less is not worth its while. */
const LEAST_HOLD_BLOCKS: BlockDelta = 12;

export const newRodPayment = ({ height, holdBlocks, now, ...given }: NewRodPayment): RodPayment => ({
  ...given,
  holdUntil: height + holdBlocks - FAIL_BACK_BLOCKS,
  state: 'asked',
  releasePaths: [],
  notices: 0,
  createdAt: now,
});

export const requestOf = ({ pid, paymentHash, amountMsat, partCount, holdUntil }: RodPayment): RodHoldRequest => ({
  rodId: rodIdOf(pid),
  paymentHashes: [paymentHash],
  totalMsat: amountMsat,
  holdUntil,
  parts: partCount,
  notifyOnSettle: true,
});

/** For the first hop of every part. */
export const tagOf = ({ pid }: Pick<RodPayment, 'pid'>): TlvRecord => ({ type: ROD_TAG_TYPE, value: rodIdOf(pid) });

export const noticeOf = ({ pid, paymentHash, amountMsat, holdUntil, releasePaths }: RodPayment): RodNotice => ({
  ...{ pid, paymentHash, amountMsat, holdUntil, releasePaths },
});

/** The LSP's answer. Errors: `rod_refused`, `rod_fee`, `rod_too_short`: pay without holding, or by another LSP. */
export function answered(payment: RodPayment, response: RodHoldResponse, height: BlockHeight): Result<RodPayment> {
  if (payment.state !== 'asked' || !equalBytes(response.rodId, rodIdOf(payment.pid))) return ok(payment);
  if (response.status !== 'ok') return err({ code: 'rod_refused', message: REFUSALS[response.status] });
  const { releasePaths, holdUntil = payment.holdUntil, holdFeeMsat = 0n } = response;
  if (holdFeeMsat > 0n) {
    return err({ code: 'rod_fee', message: `the LSP wants ${holdFeeMsat} msat for holding; nothing is paid for it` });
  }
  // Whoever holds longer than asked would let the payee refuse it; our own number then counts.
  const until = Math.min(holdUntil, payment.holdUntil);
  if (until < height + LEAST_HOLD_BLOCKS) {
    return err({
      code: 'rod_too_short',
      message: 'the LSP holds for too few blocks to be of use; pay without holding',
    });
  }
  return ok({ ...payment, state: 'granted', releasePaths, holdUntil: until });
}

const REFUSALS = {
  refused: 'the LSP does not hold this payment; ask again with a new request, or pay without holding',
  limit: 'the LSP holds as much for this wallet as it will; wait until something is settled',
  bad_height: 'the LSP finds the time too short; allow more blocks',
  unknown_client: 'the LSP does not know this wallet; have its operator enrol it',
} as const satisfies Record<Exclude<RodHoldResponse['status'], 'ok'>, string>;

/** HTLCs are out. */
export const paid = (payment: RodPayment): RodPayment =>
  payment.state === 'granted' ? { ...payment, state: 'paid' } : payment;

/** What the LSP tells later. Only the payment itself says that money moved; this is for the eyes. */
export function told(payment: RodPayment, { rodId, state }: RodStatus): RodPayment {
  if (!equalBytes(rodId, rodIdOf(payment.pid)) || isEnded(payment)) return payment;
  return { ...payment, told: state };
}

/** The payment's own end, by the Sender. */
export const concluded = (payment: RodPayment, state: 'settled' | 'failed', why?: string): RodPayment =>
  isEnded(payment) ? payment : { ...payment, state, ...(why !== undefined && { why }) };

export const isEnded = ({ state }: RodPayment): boolean => state === 'settled' || state === 'failed';

/** The secret is handed over again after these times, since messages get lost: 0, 1 min, 10 min, 1 h, then each 6 h. */
const NOTICE_GAPS_MS: readonly Millis[] = [0, 60_000, 600_000, 3_600_000];
const LAST_GAP_MS: Millis = 21_600_000;

/** When the payee is to be told (again); undefined: not any more. */
export function noticeDueAt({ state, told: heard, notices, noticedAt, createdAt }: RodPayment): Millis | undefined {
  if (state !== 'paid' || heard === 'released' || heard === 'settled') return undefined;
  return (noticedAt ?? createdAt) + (NOTICE_GAPS_MS[notices] ?? LAST_GAP_MS);
}

export const noticed = (payment: RodPayment, now: Millis): RodPayment => ({
  ...payment,
  notices: payment.notices + 1,
  noticedAt: now,
});
