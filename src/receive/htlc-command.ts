/** From the verdict on an HTLC to the ledger's command, and from a failure to the answer the node gets. Pure. */
import { encodeFailureMessage, FailureCode, originateFailure } from '../onion/index.js';
import type { Verdict, VerdictFailure } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import type { LedgerCommand, PartKey } from './ledger/types.js';
import type { HtlcAnswer, HtlcKey, InterceptedHtlc, InterceptPort } from './node-port.js';

export function partKeyOf({ nodeId, channelId, htlcId }: HtlcKey): PartKey {
  return { nodeId: toHex(nodeId), channelId, htlcId };
}

/** What to ask the ledger about an HTLC. On chain nothing new is taken up: settle or silence (R5). */
export function commandFor(htlc: InterceptedHtlc, verdict: Verdict, epoch: number): LedgerCommand {
  const key = partKeyOf(htlc.key);
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
    },
  };
}

export const NODE_TROUBLE: HtlcAnswer = {
  action: 'fail-as-node',
  message: encodeFailureMessage(FailureCode.temporaryNodeFailure),
};

/** In the node's name where the node can say it, else in the phantom's, which needs the secret shared with the sender. */
export function failureAnswer(
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
