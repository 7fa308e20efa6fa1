/** What came back for an HTLC, in LND's numbers and fields. */
import { LND_NUMBERS } from '../../src/node/lnd/pay/failures.js';
import type { Draft } from '../../src/node/lnd/rpc/codec.js';
import type { ChannelUpdate, Failure } from '../../src/node/lnd/rpc/payments.js';
import type { ReportedFailure } from '../../src/send/payment/failure/reported.js';
import { ByteReader } from '../../src/wire/reader.js';

export const LndCode = { temporaryChannelFailure: 15, unknownNextPeer: 18, internal: 997, unreadable: 999 } as const;
const SIGNATURE_BYTES = 64;

export function lndFailure(failure: ReportedFailure): Draft<Failure> {
  if (failure.kind !== 'decoded') return { code: LndCode.unreadable };
  const { reporter, code, fields = {} } = failure;
  const { channelUpdate, htlcMsat, height, cltvExpiry, sha256OfOnion, incomingHtlcAmt } = fields;
  return {
    code: LND_NUMBERS.get(code) ?? 998,
    failureSourceIndex: reporter,
    ...(channelUpdate && channelUpdate.length > 0 && { channelUpdate: lndUpdate(channelUpdate) }),
    // LND says the height of this failure and not the amount.
    ...(height === undefined ? { htlcMsat: incomingHtlcAmt ?? htlcMsat } : { height }),
    cltvExpiry,
    onionSha256: sha256OfOnion,
  };
}

/** @param bytes with its type */
function lndUpdate(bytes: Uint8Array): Draft<ChannelUpdate> {
  const reader = new ByteReader(bytes.slice(2));
  const signature = reader.bytes(SIGNATURE_BYTES);
  const chainHash = reader.bytes(32);
  const chanId = reader.scid();
  const timestamp = reader.u32();
  const messageFlags = reader.u8();
  const channelFlags = reader.u8();
  const timeLockDelta = reader.u16();
  const htlcMinimumMsat = reader.u64();
  const baseFee = reader.u32();
  const feeRate = reader.u32();
  const htlcMaximumMsat = reader.u64();
  const named = { signature, chainHash, chanId, timestamp, messageFlags, channelFlags, timeLockDelta };
  const terms = { htlcMinimumMsat, baseFee, feeRate, htlcMaximumMsat };
  return { ...named, ...terms, extraOpaqueData: bytes.slice(2 + reader.offset) };
}
