/** R1, first of all checks: does the incoming HTLC pay for the forward to the phantom? */
import { encodeFailureMessage, FailureCode } from '../onion/index.js';
import { type BlockDelta, MAX_MSAT } from '../wire/units.js';
import { type JudgedHtlc, PHANTOM_HOP_FEE_MSAT } from './verdict-types.js';

export interface Economics {
  readonly reason: string;
  readonly asNode: Uint8Array;
  readonly asPhantom: Uint8Array;
}

const NO_CHANNEL_UPDATE = new Uint8Array();

/**
 * R1: the incoming HTLC must cover what the outer payload promises to the phantom, plus our hint's fee and delta. Reported
 * as any forwarding node would, or, where the node cannot, as a final node that got less than its payload says.
 */
export function checkEconomics(htlc: JudgedHtlc, leastDelta: BlockDelta): Economics | undefined {
  const { incomingAmountMsat, outgoingAmountMsat, incomingExpiry, outgoingExpiry } = htlc;
  const channelUpdate = NO_CHANNEL_UPDATE;
  const leastIncoming = outgoingAmountMsat + PHANTOM_HOP_FEE_MSAT;
  if (outgoingAmountMsat > MAX_MSAT || incomingAmountMsat > MAX_MSAT || incomingAmountMsat < leastIncoming) {
    return {
      reason: `the HTLC pays ${incomingAmountMsat} msat where ${outgoingAmountMsat} are to be forwarded`,
      asNode: encodeFailureMessage(FailureCode.feeInsufficient, { htlcMsat: incomingAmountMsat, channelUpdate }),
      asPhantom: encodeFailureMessage(FailureCode.finalIncorrectHtlcAmount, { incomingHtlcAmt: incomingAmountMsat }),
    };
  }
  if (incomingExpiry < outgoingExpiry + leastDelta) {
    return {
      reason: `the HTLC expires at ${incomingExpiry}, too near to the ${outgoingExpiry} to be forwarded`,
      asNode: encodeFailureMessage(FailureCode.incorrectCltvExpiry, { cltvExpiry: incomingExpiry, channelUpdate }),
      asPhantom: encodeFailureMessage(FailureCode.finalIncorrectCltvExpiry, { cltvExpiry: incomingExpiry }),
    };
  }
  return undefined;
}
