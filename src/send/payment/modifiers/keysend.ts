/** A payment that nobody has asked for: the preimage is the payer's and travels in the payee's payload (bLIP-3). */
import { sha256 } from '../../../crypto/index.js';
import { equalBytes } from '../../../wire/bytes.js';
import type { TlvRecord } from '../../../wire/tlv.js';
import type { Preimage } from '../../../wire/units.js';
import type { Modifier } from '../stages.js';

/**
 * @param preimage 32 random bytes, never used before; its hash is the payment hash
 * @param records what else the payee is told
 */
export function keysend(preimage: Preimage, records: readonly TlvRecord[] = []): Modifier {
  return {
    name: 'keysend',
    prepare(terms) {
      if (preimage.length === 32 && equalBytes(sha256(preimage), terms.paymentHash)) {
        // Recorded with the payment, so that parts after a restart carry it too. The record of parts needs a secret to
        // name the payment: without one the payee cannot tell which parts belong together.
        const customRecords = [...(terms.records.customRecords ?? []), ...records];
        const isWhole = terms.records.paymentData === undefined;
        const more = customRecords.length > 0 ? { customRecords } : {};
        return {
          ...terms,
          ...(isWhole ? { maxParts: 1, supportsMpp: false } : {}),
          records: { ...terms.records, keysendPreimage: preimage, ...more },
        };
      }
      const message = 'the payment hash is not that of the preimage: take SHA-256 of 32 random bytes';
      return { kind: 'stop', reason: { code: 'bad_request', message } };
    },
  };
}
