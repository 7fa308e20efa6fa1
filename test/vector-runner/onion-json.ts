/** Our values in the member names of the vectors. */
import type {
  BlindedPath,
  EncryptedData,
  FailureMessage,
  FirstNode,
  MessagePayload,
  PayloadFields,
} from '../../src/onion/index.js';
import { scidText } from '../../src/wire/scid.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import type { Members } from './members.js';

const maybeScid = (scid: bigint | undefined): string | undefined => (scid === undefined ? undefined : scidText(scid));

export function recordsJson(records: readonly TlvRecord[] | undefined): Members | undefined {
  return records && Object.fromEntries(records.map(({ type, value }) => [type.toString(), value]));
}

export function payloadJson(fields: PayloadFields): Members {
  return {
    amt_to_forward: fields.amtToForward,
    outgoing_cltv_value: fields.outgoingCltvValue,
    short_channel_id: maybeScid(fields.shortChannelId),
    payment_data: fields.paymentData && {
      payment_secret: fields.paymentData.paymentSecret,
      total_msat: fields.paymentData.totalMsat,
    },
    encrypted_recipient_data: fields.encryptedRecipientData,
    current_path_key: fields.currentPathKey,
    payment_metadata: fields.paymentMetadata,
    total_amount_msat: fields.totalAmountMsat,
    keysend_preimage: fields.keysendPreimage,
  };
}

export function encryptedDataJson(data: EncryptedData): Members {
  return {
    padding: data.padding,
    short_channel_id: maybeScid(data.shortChannelId),
    next_node_id: data.nextNodeId,
    path_id: data.pathId,
    next_path_key_override: data.nextPathKeyOverride,
    payment_relay: data.paymentRelay && {
      cltv_expiry_delta: data.paymentRelay.cltvExpiryDelta,
      fee_proportional_millionths: data.paymentRelay.feeProportionalMillionths,
      fee_base_msat: data.paymentRelay.feeBaseMsat,
    },
    payment_constraints: data.paymentConstraints && {
      max_cltv_expiry: data.paymentConstraints.maxCltvExpiry,
      htlc_minimum_msat: data.paymentConstraints.htlcMinimumMsat,
    },
    allowed_features: data.allowedFeatures,
  };
}

function firstNodeJson(node: FirstNode): Members {
  return 'nodeId' in node
    ? { first_node_id: node.nodeId }
    : { first_scid_dir: { direction: node.direction, short_channel_id: scidText(node.shortChannelId) } };
}

export function blindedPathJson({ firstNode, firstPathKey, hops }: BlindedPath): Members {
  return {
    ...firstNodeJson(firstNode),
    first_path_key: firstPathKey,
    hops: hops.map(({ blindedNodeId, encryptedData }) => ({
      blinded_node_id: blindedNodeId,
      encrypted_data: encryptedData,
    })),
  };
}

const CONTENT_NAMES: Readonly<Record<string, string>> = {
  64: 'invoice_request',
  66: 'invoice',
  68: 'invoice_error',
  65536: 'dnssec_query',
  65538: 'dnssec_proof',
};

export function messagePayloadJson(payload: MessagePayload): Members {
  const { content } = payload;
  const name = content && (CONTENT_NAMES[content.type.toString()] ?? content.type.toString());
  return {
    reply_path: payload.replyPath && blindedPathJson(payload.replyPath),
    encrypted_recipient_data: payload.encryptedRecipientData,
    ...(content && name && { [name]: content.value }),
    unknown: recordsJson(payload.unknown),
  };
}

export function failureJson({ fields }: FailureMessage): Members {
  return {
    sha256_of_onion: fields.sha256OfOnion,
    htlc_msat: fields.htlcMsat,
    height: fields.height,
    cltv_expiry: fields.cltvExpiry,
    incoming_htlc_amt: fields.incomingHtlcAmt,
    disabled_flags: fields.disabledFlags,
    channel_update: fields.channelUpdate,
    type: fields.type,
    offset: fields.offset,
  };
}
