/** A part's route in LND's terms. Pure. */
import { FIRST_CUSTOM_RECORD, KEYSEND_RECORD } from '../../../onion/payload.js';
import type { PaymentPart } from '../../../send/payment/payment.js';
import type { OutgoingPart } from '../../../send/run/ports.js';
import { toHex } from '../../../wire/bytes.js';
import type { Draft } from '../rpc/codec.js';
import type { Hop, Route } from '../rpc/payments.js';

/** LND describes a hop by what leaves it, a part by what arrives there: both name the channel into it. */
export function lndRoute({ part, totalMsat }: OutgoingPart): Draft<Route> {
  const { hops } = part;
  const first = hops[0]!;
  return {
    totalTimeLock: first.expiry,
    totalAmtMsat: first.amountMsat,
    totalFeesMsat: part.feeMsat,
    hops: hops.map(({ scid, nodeId, amountMsat, expiry }, i) => {
      const onward = hops[i + 1];
      const hop = {
        chanId: scid,
        pubKey: toHex(nodeId),
        amtToForwardMsat: onward?.amountMsat ?? amountMsat,
        feeMsat: amountMsat - (onward?.amountMsat ?? amountMsat),
        expiry: onward?.expiry ?? expiry,
        tlvPayload: true,
      };
      return onward ? hop : { ...hop, ...payeeRecords(part, totalMsat) };
    }),
  };
}

function payeeRecords({ records }: PaymentPart, totalAmtMsat: bigint): Draft<Hop> {
  const { paymentData, keysendPreimage, customRecords = [] } = records;
  const custom = new Map(customRecords.map(({ type, value }) => [type, value]));
  if (keysendPreimage) custom.set(KEYSEND_RECORD, keysendPreimage);
  return {
    ...(paymentData && { mppRecord: { paymentAddr: paymentData.paymentSecret, totalAmtMsat } }),
    customRecords: custom,
  };
}

/**
 * What LND would leave out or refuse when it is given our own route: it puts no payment metadata into it (its call has the
 * field and does not read it), and no records of the protocol's range; blinded hops it wants one by one.
 */
export function isBeyondLnd({ records }: PaymentPart): boolean {
  const { paymentMetadata, encryptedRecipientData, totalAmountMsat, customRecords = [] } = records;
  return (
    paymentMetadata !== undefined ||
    encryptedRecipientData !== undefined ||
    totalAmountMsat !== undefined ||
    customRecords.some(({ type }) => type < FIRST_CUSTOM_RECORD)
  );
}

/** A name that two parts share if LND could not tell their attempts apart. */
export function routeName({ hops }: PaymentPart): string {
  return hops
    .map(({ scid, amountMsat, expiry, nodeId }) => `${scid} ${amountMsat} ${expiry} ${toHex(nodeId)}`)
    .join('/');
}

/** The same name, of a route as LND tells it. */
export function nameOfLndRoute({ totalAmtMsat, totalTimeLock, hops }: Route): string {
  return hops
    .map(({ chanId, pubKey }, i) => {
      const before = hops[i - 1];
      const amountMsat = before?.amtToForwardMsat ?? totalAmtMsat;
      const expiry = before?.expiry ?? totalTimeLock;
      return `${chanId} ${amountMsat} ${expiry} ${pubKey}`;
    })
    .join('/');
}
