/** Failures as a node hands them back: originated or passed on, with attribution data (BOLT 4) where the network has it. */
import { originateAttributedFailure, wrapAttributedFailure } from '../../onion/attribution.js';
import { FailureCode } from '../../onion/failure-codes.js';
import { originateFailure, wrapFailure } from '../../onion/failure-packet.js';
import { concat } from '../../wire/bytes.js';
import { u16 } from '../../wire/integers.js';
import type { Millis } from '../../wire/units.js';
import { failureMessage } from './forwarding.js';
import type { Incoming } from './incoming.js';
import { BLINDED_FAILURE } from './reading.js';
import type { Removal } from './types.js';

export type Failing = Extract<Removal, { kind: 'fail' }>;
/** What an incoming HTLC is failed with; inside a blinded path always the same. */
export type FailedWith = Failing | typeof BLINDED_FAILURE;

/** Unit of hold times, ms. */
const HOLD_UNIT_MS = 100;

/** By the first node of a blinded path, whatever happened on it (BOLT 4). */
const INVALID_BLINDING = failureMessage(FailureCode.invalidOnionBlinding, {
  sha256OfOnion: BLINDED_FAILURE.sha256OfOnion,
});

export class FailurePackets {
  readonly #now: () => Millis;
  readonly #attribution: boolean;

  constructor(now: () => Millis, attribution: boolean) {
    this.#now = now;
    this.#attribution = attribution;
  }

  originate(incoming: Incoming, message: Uint8Array): FailedWith {
    if (incoming.blinding === 'inside') return BLINDED_FAILURE;
    return this.#encrypted(incoming, incoming.blinding ? INVALID_BLINDING : message);
  }

  #encrypted(incoming: Incoming, message: Uint8Array): Failing {
    const { sharedSecret } = incoming;
    if (!this.#attribution) return { kind: 'fail', reason: originateFailure(sharedSecret, message) };
    const { packet, attributionData } = originateAttributedFailure(sharedSecret, message, this.#held(incoming));
    return { kind: 'fail', reason: packet, attributionData };
  }

  /** A packet that the node behind this one made. */
  wrap(incoming: Incoming, downstream: Pick<Failing, 'reason' | 'attributionData'>): FailedWith {
    if (incoming.blinding) return this.originate(incoming, INVALID_BLINDING);
    const { sharedSecret } = incoming;
    const { reason, attributionData } = downstream;
    if (!this.#attribution) return { kind: 'fail', reason: wrapFailure(sharedSecret, reason) };
    const below = attributionData ? { packet: reason, attributionData } : { packet: reason };
    const wrapped = wrapAttributedFailure(sharedSecret, below, this.#held(incoming));
    return { kind: 'fail', reason: wrapped.packet, attributionData: wrapped.attributionData };
  }

  /** What the offerer of the incoming HTLC is told when the outgoing one came back without its preimage. */
  passOn(incoming: Incoming, removal: Exclude<Removal, { kind: 'fulfill' }>): FailedWith {
    switch (removal.kind) {
      case 'fail':
        return this.wrap(incoming, removal);
      case 'malformed':
        return this.originate(incoming, concat(u16(removal.failureCode), removal.sha256OfOnion));
      case 'timeout':
        return this.originate(incoming, failureMessage(FailureCode.permanentChannelFailure));
    }
  }

  #held({ htlc }: Incoming): number {
    return Math.floor((this.#now() - (htlc.committedAt ?? this.#now())) / HOLD_UNIT_MS);
  }
}
