/**
 * What is written to LND's interceptor. LND ends the whole stream, with everything that waits on it, for every answer it
 * cannot carry out; so only answers are made that it can. Pure.
 */
import { sha256 } from '../../crypto/index.js';
import { FailureCode } from '../../onion/failure-codes.js';
import type { HtlcAnswer, HtlcKey, InterceptedHtlc } from '../../receive/node-port.js';
import { equalBytes } from '../../wire/bytes.js';
import type { Draft } from './rpc/codec.js';
import { InterceptAction, type InterceptResponse } from './rpc/intercept.js';

export type Reply = Draft<InterceptResponse>;

/** BOLT 4 codes that LND sends in its own name, with its own numbers for them; all others are refused. */
const LND_CODES: ReadonlyMap<number, number> = new Map([
  [FailureCode.temporaryChannelFailure, 15],
  [FailureCode.invalidOnionVersion, 8],
  [FailureCode.invalidOnionHmac, 9],
  [FailureCode.invalidOnionKey, 10],
]);
const TEMPORARY_CHANNEL_FAILURE = 15;

export const LND_FAILURE_CODES: ReadonlySet<number> = new Set(LND_CODES.keys());

/** LND takes no other length: HMAC, two lengths, 256 bytes of failure and padding. */
const FAILURE_PACKET_LENGTH = 292;

/**
 * Undefined where LND could not carry the answer out and nothing may be written: a preimage of another hash, or anything
 * but a settle for an HTLC that is on chain. Never throws.
 */
export function replyTo(htlc: InterceptedHtlc, answer: HtlcAnswer): Reply | undefined {
  if (answer.action === 'settle') {
    const { preimage } = answer;
    const fits = preimage.length === 32 && equalBytes(sha256(preimage), htlc.paymentHash);
    return fits ? { ...to(htlc.key), action: InterceptAction.settle, preimage } : undefined;
  }
  if (htlc.onChain) return undefined;
  switch (answer.action) {
    case 'fail-as-phantom':
      return answer.packet.length === FAILURE_PACKET_LENGTH
        ? { ...to(htlc.key), action: InterceptAction.fail, failureMessage: answer.packet }
        : failure(htlc.key, TEMPORARY_CHANNEL_FAILURE);
    case 'fail-as-node':
      return failure(htlc.key, lndCode(answer.message));
    case 'resume':
      return resumption(htlc.key);
  }
}

export function resumption(key: HtlcKey): Reply {
  return { ...to(key), action: InterceptAction.resume };
}

/** No failure message beside it, not even an empty one: LND counts that as present. */
function failure(key: HtlcKey, failureCode: number): Reply {
  return { ...to(key), action: InterceptAction.fail, failureCode };
}

/** @param message code first */
function lndCode(message: Uint8Array): number {
  const code = ((message[0] ?? 0) << 8) | (message[1] ?? 0);
  return LND_CODES.get(code) ?? TEMPORARY_CHANNEL_FAILURE;
}

function to({ channelId, htlcId }: HtlcKey): Reply {
  return { incomingCircuitKey: { chanId: channelId, htlcId } };
}
