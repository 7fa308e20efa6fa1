/** Messages that remove an HTLC. */
import { decodeMessage, encodeMessage } from '../../wire/messages.js';
import { unwrap } from '../../wire/result.js';
import type { Removal } from './types.js';

/** @throws {Error} for a timeout, which no message says */
export function removalBytes(
  address: { readonly channelId: Uint8Array; readonly id: bigint },
  removal: Removal,
): Uint8Array {
  switch (removal.kind) {
    case 'fulfill':
      return encodeMessage({ type: 'update_fulfill_htlc', ...address, preimage: removal.preimage });
    case 'fail': {
      const { reason, attributionData } = removal;
      const fail = { type: 'update_fail_htlc', ...address, reason } as const;
      return encodeMessage(attributionData ? { ...fail, attributionData } : fail);
    }
    case 'malformed': {
      const { sha256OfOnion, failureCode } = removal;
      return encodeMessage({ type: 'update_fail_malformed_htlc', ...address, sha256OfOnion, failureCode });
    }
    case 'timeout':
      throw new Error('only the chain times out');
  }
}

/** @throws {Error} for any other message */
export function readRemoval(bytes: Uint8Array): Removal {
  const message = unwrap(decodeMessage(bytes));
  switch (message.type) {
    case 'update_fulfill_htlc':
      return { kind: 'fulfill', preimage: message.preimage };
    case 'update_fail_htlc':
      return message.attributionData
        ? { kind: 'fail', reason: message.reason, attributionData: message.attributionData }
        : { kind: 'fail', reason: message.reason };
    case 'update_fail_malformed_htlc':
      return { kind: 'malformed', sha256OfOnion: message.sha256OfOnion, failureCode: message.failureCode };
    case 'update_add_htlc':
    case 'revoke_and_ack':
    case 'init':
    case 'error':
    case 'warning':
    case 'ping':
    case 'pong':
    case 'unknown':
      throw new Error(`a removal expected, got ${message.type}`);
  }
}
