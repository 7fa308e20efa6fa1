/** What each node of a part's route is to find in the onion (BOLT 4, "Payload for the hop", "Route Blinding"). */
import {
  type BlindedPath,
  encodePaymentPayload,
  frameLength,
  PAYMENT_AREA_SIZE,
  type PayloadFields,
} from '../../onion/index.js';
import type { BlockHeight, Msat, NodeId } from '../../wire/units.js';
import type { RouteHop } from '../plan/request.js';
import type { OutgoingPart } from '../run/ports.js';
import type { FinalRecords, PaymentPart } from './payment.js';

export interface HopPayload {
  /** The id that the onion's layer is for: inside a blinded path the blinded one. */
  readonly nodeId: NodeId;
  readonly payload: PayloadFields;
}

/** What the onion of a part depends on. */
export type Planned = Pick<OutgoingPart, 'totalMsat'> & { readonly part: Pick<PaymentPart, 'hops' | 'records'> };

/**
 * All hops of the onion in route order. Undefined if there is none: the payloads do not fit into 1300 bytes, or a blinded path
 * starts at the sending node itself, which would have to open its own layer.
 */
export function payloadsOf({ part, totalMsat }: Planned): readonly HopPayload[] | undefined {
  const { hops, records } = part;
  const last = hops.at(-1);
  if (!last) return undefined;
  const path = last.blindedPath;
  if (path && hops.length < 2) return undefined;
  const relays = path ? hops.slice(0, -2) : hops.slice(0, -1);
  const payloads = [
    ...relays.map(({ nodeId }, i) => ({ nodeId, payload: relayPayload(hops[i + 1]!) })),
    ...(path
      ? blindedPayloads(path, hops.at(-2)!.nodeId, finalPayload(last, records, totalMsat))
      : [{ nodeId: last.nodeId, payload: plainFinal(last, records, totalMsat) }]),
  ];
  return bytesOf(payloads) <= PAYMENT_AREA_SIZE ? payloads : undefined;
}

const relayPayload = ({ amountMsat, expiry, scid }: Arriving & Pick<RouteHop, 'scid'>): PayloadFields => ({
  amtToForward: amountMsat,
  outgoingCltvValue: expiry,
  shortChannelId: scid,
});

type Arriving = Pick<RouteHop, 'amountMsat' | 'expiry'>;

function plainFinal({ amountMsat, expiry }: Arriving, records: FinalRecords, totalMsat: Msat): PayloadFields {
  const { paymentData } = records;
  return {
    ...records,
    amtToForward: amountMsat,
    outgoingCltvValue: expiry,
    ...(paymentData ? { paymentData: { ...paymentData, totalMsat } } : {}),
  };
}

/** Nothing else may stand in the last payload of a blinded path: it would be refused. */
function finalPayload({ amountMsat, expiry }: Arriving, records: FinalRecords, totalMsat: Msat): PayloadFields {
  const { keysendPreimage, invoiceRequest } = records;
  return {
    amtToForward: amountMsat,
    outgoingCltvValue: expiry,
    totalAmountMsat: totalMsat,
    ...(keysendPreimage ? { keysendPreimage } : {}),
    ...(invoiceRequest ? { invoiceRequest } : {}),
  };
}

/** The introduction node's layer is for its own id: only behind it are nodes called by their blinded ones. */
function blindedPayloads(
  { hops, firstPathKey }: BlindedPath,
  introduction: NodeId,
  final: PayloadFields,
): HopPayload[] {
  return hops.map(({ blindedNodeId, encryptedData }, i) => ({
    nodeId: i === 0 ? introduction : blindedNodeId,
    payload: {
      encryptedRecipientData: encryptedData,
      ...(i === 0 ? { currentPathKey: firstPathKey } : {}),
      ...(i === hops.length - 1 ? final : {}),
    },
  }));
}

/** Bytes of the onion's payload area that the payloads take. */
function bytesOf(payloads: readonly Pick<HopPayload, 'payload'>[]): number {
  return payloads.reduce((sum, { payload }) => sum + frameLength(encodePaymentPayload(payload).length), 0);
}

/** The greatest numbers that a part's payloads will hold. */
export interface Greatest {
  readonly amountMsat: Msat;
  readonly totalMsat: Msat;
  readonly expiry: BlockHeight;
}

/**
 * Most channels of a route that fit into the onion before this end; the hop that stands for a blinded path counts as one.
 * Below 1, below 2 with a path, there is no such route.
 */
export function mostHops(greatest: Greatest, records: FinalRecords, path?: BlindedPath): number {
  const { amountMsat, totalMsat, expiry } = greatest;
  const arriving = { amountMsat, expiry };
  const perRelay = bytesOf([{ payload: relayPayload({ ...arriving, scid: 0n }) }]);
  const end = path
    ? blindedPayloads(path, new Uint8Array(33), finalPayload(arriving, records, totalMsat))
    : [{ payload: plainFinal(arriving, records, totalMsat) }];
  return (path ? 2 : 1) + Math.floor((PAYMENT_AREA_SIZE - bytesOf(end)) / perRelay);
}
