/** A part's route in LND's terms. Pure. */
import { FIRST_CUSTOM_RECORD, INVOICE_REQUEST_RECORD, KEYSEND_RECORD } from '../../../onion/payload.js';
import { HOLD_RECORD } from '../../../send/payment/held.js';
import { payloadsOf } from '../../../send/payment/payloads.js';
import type { PaymentPart } from '../../../send/payment/payment.js';
import type { OutgoingPart } from '../../../send/run/ports.js';
import type { RouteHop } from '../../../send/plan/request.js';
import { toHex } from '../../../wire/bytes.js';
import type { Draft } from '../rpc/codec.js';
import type { Hop, Route } from '../rpc/payments.js';

/** LND describes a hop by what leaves it, a part by what arrives there: both name the channel into it. */
export function lndRoute({ part, totalMsat }: OutgoingPart): Draft<Route> {
  const { hops } = part;
  const first = hops[0]!;
  const last = hops.at(-1)!;
  const own = last.blindedPath ? hops.slice(0, -2) : hops.slice(0, -1);
  const end = last.blindedPath ? blindedHops(part, totalMsat) : [payeeHop(part, last, totalMsat)];
  return {
    totalTimeLock: first.expiry,
    totalAmtMsat: first.amountMsat,
    totalFeesMsat: part.feeMsat,
    hops: [...own.map((hop, i) => ({ ...reached(hop), ...onward(hop, hops[i + 1]!) })), ...end],
  };
}

const reached = ({ scid, nodeId }: RouteHop): Draft<Hop> => ({ chanId: scid, pubKey: toHex(nodeId), tlvPayload: true });

function onward({ amountMsat }: RouteHop, next: RouteHop): Draft<Hop> {
  return { amtToForwardMsat: next.amountMsat, feeMsat: amountMsat - next.amountMsat, expiry: next.expiry };
}

const arriving = ({ amountMsat, expiry }: RouteHop): Draft<Hop> => ({
  amtToForwardMsat: amountMsat,
  feeMsat: 0n,
  expiry,
});

function payeeHop({ records }: PaymentPart, last: RouteHop, totalAmtMsat: bigint): Draft<Hop> {
  const { paymentData, customRecords = [] } = records;
  const custom = new Map(customRecords.map(({ type, value }) => [type, value]));
  return {
    ...reached(last),
    ...arriving(last),
    ...(paymentData && { mppRecord: { paymentAddr: paymentData.paymentSecret, totalAmtMsat } }),
    customRecords: new Map([...custom, ...preimageRecord(records)]),
  };
}

const preimageRecord = ({ keysendPreimage }: PaymentPart['records']): [bigint, Uint8Array][] =>
  keysendPreimage ? [[KEYSEND_RECORD, keysendPreimage]] : [];

/** LND refuses amounts and expiries inside a path but at its end, and knows no channels there. */
function blindedHops({ hops, records }: PaymentPart, totalAmtMsat: bigint): Draft<Hop>[] {
  const [introduction, last] = hops.slice(-2) as [RouteHop, RouteHop];
  const path = last.blindedPath!;
  const { invoiceRequest } = records;
  const request: [bigint, Uint8Array][] = invoiceRequest ? [[INVOICE_REQUEST_RECORD, invoiceRequest]] : [];
  return path.hops.map(({ blindedNodeId, encryptedData }, i) => ({
    ...(i === 0
      ? { ...reached(introduction), blindingPoint: path.firstPathKey }
      : { pubKey: toHex(blindedNodeId), tlvPayload: true }),
    encryptedData,
    ...(i === path.hops.length - 1 && {
      ...arriving(last),
      totalAmtMsat,
      customRecords: new Map([...request, ...preimageRecord(records)]),
    }),
  }));
}

/**
 * What LND would leave out or refuse when it is given our own route: it puts no payment metadata into it (its call has the
 * field and does not read it), and no records of the protocol's range. A peer that is asked to hold the HTLC answers with a
 * path that LND throws away.
 */
export function isBeyondLnd(outgoing: Pick<OutgoingPart, 'part' | 'totalMsat' | 'firstHopRecords'>): boolean {
  const { records, hops } = outgoing.part;
  const { paymentMetadata, encryptedRecipientData, totalAmountMsat, invoiceRequest, customRecords = [] } = records;
  const { firstHopRecords = [] } = outgoing;
  return (
    paymentMetadata !== undefined ||
    encryptedRecipientData !== undefined ||
    totalAmountMsat !== undefined ||
    (invoiceRequest !== undefined && !hops.at(-1)?.blindedPath) ||
    [...customRecords, ...firstHopRecords].some(({ type }) => type < FIRST_CUSTOM_RECORD) ||
    firstHopRecords.some(({ type }) => type === HOLD_RECORD.type) ||
    payloadsOf(outgoing) === undefined
  );
}

/** A name that two parts share if LND could not tell their attempts apart. */
export function routeName({ hops }: Pick<PaymentPart, 'hops'>): string {
  return hops
    .map(({ scid, amountMsat, expiry, nodeId, blindedPath }) => {
      const end = blindedPath ? toHex(blindedPath.firstPathKey) : `${scid} ${toHex(nodeId)}`;
      return `${end} ${amountMsat} ${expiry}`;
    })
    .join('/');
}

/** The same name, of a route as LND tells it. */
export function nameOfLndRoute({ totalAmtMsat, totalTimeLock, hops }: Route): string {
  const start = hops.findIndex(({ blindingPoint }) => blindingPoint.length > 0);
  const open = start < 0 ? hops : hops.slice(0, start + 1);
  const names = open.map(({ chanId, pubKey }, i) => {
    const before = hops[i - 1];
    const amountMsat = before?.amtToForwardMsat ?? totalAmtMsat;
    const expiry = before?.expiry ?? totalTimeLock;
    return `${chanId} ${pubKey} ${amountMsat} ${expiry}`;
  });
  const last = hops.at(-1);
  if (start < 0 || !last) return names.join('/');
  const path = `${toHex(hops[start]!.blindingPoint)} ${last.amtToForwardMsat} ${last.expiry}`;
  return [...names, path].join('/');
}
