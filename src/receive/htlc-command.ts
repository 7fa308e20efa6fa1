/** From the verdict on an HTLC to the ledger's question, and from what it decided to the answer the node gets. Pure. */
import { encodeFailureMessage, FailureCode, originateFailure } from '../onion/index.js';
import type { OfferReceipt, Verdict, VerdictFailure } from '../phantom/index.js';
import { fromHex, toHex } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import type { Question } from './consultation.js';
import type { DecidedPart, LedgerReply, PaidOffer, PartKey } from './ledger/types.js';
import type { HtlcAnswer, HtlcKey, InterceptedHtlc, InterceptPort } from './node-port.js';

export function partKeyOf({ nodeId, channelId, htlcId }: HtlcKey): PartKey {
  return { nodeId: toHex(nodeId), channelId, htlcId };
}

export interface JudgedPart {
  /** Of `htlc`. */
  readonly key: PartKey;
  readonly htlc: InterceptedHtlc;
  readonly verdict: Verdict;
  /** Of the lease under which the stream is served. */
  readonly epoch: number;
}

/** What to ask the ledger about an HTLC. On chain nothing new is taken up: settle or silence (R5). */
export function commandFor({ key, htlc, verdict, epoch }: JudgedPart): Question {
  const paymentHash = toHex(htlc.paymentHash);
  const recall = { type: 'recall', key, epoch, paymentHash, onChain: htlc.onChain } as const;
  if (verdict.type === 'resume' || htlc.onChain) return recall;
  const part = {
    key,
    epoch,
    paymentHash,
    amountMsat: verdict.amountMsat,
    incomingAmountMsat: htlc.incomingAmountMsat,
    expiry: htlc.incomingExpiry,
    deadline: htlc.deadline,
  };
  if (verdict.type === 'fail') {
    const message = verdict.failure.asPhantom;
    return message ? { type: 'refuse', part, reason: verdict.reason, message } : recall;
  }
  return {
    type: 'admit',
    part: {
      ...part,
      paymentSecret: toHex(verdict.paymentSecret),
      totalMsat: verdict.totalMsat,
      preimage: verdict.preimage && toHex(verdict.preimage),
      ...(verdict.offer && { offer: paidOffer(verdict.offer) }),
    },
  };
}

const paidOffer = ({ offerId, isStatic, payerId, quantity, payerNote }: OfferReceipt): PaidOffer => ({
  offerId: toHex(offerId),
  isStatic,
  payerId: toHex(payerId),
  ...(quantity !== undefined && { quantity: quantity.toString() }),
  ...(payerNote !== undefined && { payerNote }),
});

export const NODE_TROUBLE: HtlcAnswer = {
  action: 'fail-as-node',
  message: encodeFailureMessage(FailureCode.temporaryNodeFailure),
};

/** What was decided about a held HTLC, not answered yet. */
export type Due =
  | { readonly type: 'settle'; readonly preimage: string }
  | { readonly type: 'fail'; readonly failure: VerdictFailure; readonly reason: string };

/** Undefined while the ledger has not decided. */
export function dueOfReply(reply: LedgerReply): Due | undefined {
  if (reply.type === 'settle') return reply;
  if (reply.type !== 'fail') return undefined;
  return { type: 'fail', failure: { asPhantom: reply.message }, reason: reply.reason };
}

export function dueOfPart({ decision, preimage }: DecidedPart): Due | undefined {
  if (decision.type === 'settle') return preimage === undefined ? undefined : { type: 'settle', preimage };
  if (decision.type === 'none') return undefined;
  return { type: 'fail', failure: { asPhantom: decision.message }, reason: decision.reason };
}

/** @param sharedSecret shared with the sender through the inner onion, where that could be opened */
export function answerTo(due: Due, sharedSecret: Uint8Array | undefined, port: InterceptPort): HtlcAnswer {
  if (due.type === 'settle') return { action: 'settle', preimage: fromHex(due.preimage) };
  return failureAnswer(due.failure, sharedSecret, port);
}

/** In the node's name where the node can say it, else in the phantom's, which needs the secret shared with the sender. */
function failureAnswer(
  { asNode, asPhantom }: VerdictFailure,
  sharedSecret: Uint8Array | undefined,
  port: InterceptPort,
): HtlcAnswer {
  const canSay = asNode && (port.nodeFailureCodes === 'any' || port.nodeFailureCodes.has(codeOf(asNode)));
  if (asPhantom && sharedSecret && !canSay) {
    return { action: 'fail-as-phantom', packet: originateFailure(sharedSecret, asPhantom) };
  }
  return asNode ? { action: 'fail-as-node', message: asNode } : NODE_TROUBLE;
}

function codeOf(message: Uint8Array): number {
  return Number(uintOf(message.subarray(0, 2)));
}
