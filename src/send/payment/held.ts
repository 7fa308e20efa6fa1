/** Payments whose parts are held on their way until the payee is there (bolts#1149 in LDK's numbers). */
import type { TlvRecord } from '../../wire/tlv.js';
import type { Source } from '../plan/request.js';
import type { PaymentState, PaymentTerms } from './payment.js';
import { missingMsat } from './sums.js';

/** Record of `update_add_htlc`: asks the peer to hold the HTLC. Empty. */
export const HOLD_RECORD: TlvRecord = { type: 75537n, value: new Uint8Array() };

/** The first peers are asked to hold the parts and to tell how each is released. */
export function isHeldAtPeer({ firstHopRecords = [] }: Pick<PaymentTerms, 'firstHopRecords'>): boolean {
  return firstHopRecords.some(({ type }) => type === HOLD_RECORD.type);
}

/** Own nodes with their channels to peers that hold HTLCs, no others. */
export function holdingSources(sources: readonly Source[]): readonly Source[] {
  return sources
    .map((source) => ({ ...source, channels: source.channels.filter(({ holdsHtlcs }) => holdsHtlcs === true) }))
    .filter(({ channels }) => channels.length > 0);
}

/** All of it is out and only waits: no deadline ends that. */
export function onlyWaits(state: Pick<PaymentState, 'terms' | 'parts'>): boolean {
  return state.terms.isHeld === true && missingMsat(state) === 0n;
}
