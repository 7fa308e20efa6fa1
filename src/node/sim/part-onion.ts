/** The onion of a planned part, and what came back for it, in the words of paying. */
import { unwrapAttributedFailure, type Attribution } from '../../onion/attribution.js';
import { FailureCode } from '../../onion/failure-codes.js';
import { unwrapFailure, type UnwrappedFailure } from '../../onion/failure-packet.js';
import { buildOnion, type BuiltOnion } from '../../onion/packet.js';
import { encodePaymentPayload } from '../../onion/payload.js';
import type { ReportedFailure } from '../../send/payment/failure/reported.js';
import type { PartOutcome } from '../../send/payment/messages.js';
import { payloadsOf } from '../../send/payment/payloads.js';
import type { OutgoingPart } from '../../send/run/ports.js';
import type { Failing } from './failing.js';
import { sessionKey, type Random } from './random.js';
import type { Removal } from './types.js';

/** Unit of hold times, ms. */
const HOLD_UNIT_MS = 100;

/** Undefined if there is no onion for the route: it is too long, names what is no node, or begins inside a blinded path. */
export function partOnion(outgoing: OutgoingPart, random: Random): BuiltOnion | undefined {
  const key = sessionKey(random);
  try {
    const payloads = payloadsOf(outgoing);
    return (
      payloads &&
      buildOnion({
        sessionKey: key,
        hops: payloads.map(({ nodeId, payload }) => ({ nodeId, payload: encodePaymentPayload(payload) })),
        associatedData: outgoing.paymentHash,
      })
    );
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** @param sharedSecrets of the whole route, in route order */
export function outcomeOf(removal: Removal, sharedSecrets: readonly Uint8Array[]): PartOutcome {
  switch (removal.kind) {
    case 'fulfill':
      return { kind: 'settled', preimage: removal.preimage };
    case 'fail':
      return { kind: 'failed', failure: failureOf(removal, sharedSecrets) };
    case 'malformed': {
      // The first node could not read its onion: this one says so.
      const { failureCode: code, sha256OfOnion } = removal;
      return { kind: 'failed', failure: { kind: 'decoded', reporter: 0, code, fields: { sha256OfOnion } } };
    }
    case 'timeout':
      return { kind: 'failed', failure: { kind: 'decoded', reporter: 0, code: FailureCode.permanentChannelFailure } };
  }
}

function failureOf({ reason, attributionData }: Failing, sharedSecrets: readonly Uint8Array[]): ReportedFailure {
  if (!attributionData) return reported(unwrapFailure(reason, sharedSecrets), { holdTimes: [] });
  const { failure, ...attribution } = unwrapAttributedFailure({ packet: reason, attributionData }, sharedSecrets);
  return reported(failure, attribution);
}

function reported(failure: UnwrappedFailure | undefined, attribution: Attribution): ReportedFailure {
  const { holdTimes, blamedHop } = attribution;
  const times = holdTimes.length > 0 ? { holdTimes: holdTimes.map((time) => time * HOLD_UNIT_MS) } : {};
  const raw = failure?.message.ok ? { raw: failure.message.value } : {};
  if (failure?.code === undefined) {
    const broken = blamedHop === undefined ? {} : { brokenAt: blamedHop + 1 };
    return { kind: 'unreadable', ...broken, ...raw, ...times };
  }
  const fields = failure.failure.ok ? { fields: failure.failure.value.fields } : {};
  return { kind: 'decoded', reporter: failure.hop + 1, code: failure.code, ...fields, ...raw, ...times };
}
