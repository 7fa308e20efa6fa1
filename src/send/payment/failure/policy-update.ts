/**
 * The channel_update inside a failure: believed only if the node that reports it has signed it for the very channel the
 * route goes over, and then for this payment only. Shown to nobody: who could make us publish it could recognise us by it.
 */
import { ByteReader } from '../../../wire/reader.js';
import { refusable, refuse } from '../../../wire/result.js';
import type { NodeId, UnixSeconds } from '../../../wire/units.js';
import { isPossiblePolicy, MAX_CLOCK_AHEAD_SECONDS, type Policy } from '../../graph/policy.js';
import type { DirectedChannel } from '../../knowledge/payment-memory.js';

/** What a signature check needs: BOLT 7 signs the double SHA-256 of `signed`. */
export interface SignedUpdate {
  readonly signature: Uint8Array;
  readonly signed: Uint8Array;
  readonly chainHash: Uint8Array;
  /** Who has to have signed. */
  readonly nodeId: NodeId;
}

/** True if the chain is the right one and the signature is the node's. */
export type UpdateVerifier = (update: SignedUpdate) => boolean;

const MESSAGE_TYPE = 258;
const SIGNATURE_BYTES = 64;
/** Nodes prune what is older. */
const MAX_AGE_SECONDS = 14 * 24 * 3600;
/** A node that wants more would lock amounts for two weeks at every hop. */
const MAX_CLTV_DELTA = 2016;

/** What the update says, or undefined if it is not to be believed. */
export function believedPolicy(
  update: Uint8Array | undefined,
  channel: DirectedChannel,
  nodeId: NodeId,
  nowSeconds: UnixSeconds,
  verify: UpdateVerifier | undefined,
): Policy | undefined {
  if (!update || update.length === 0 || !verify) return undefined;
  const hasType = update[0] === MESSAGE_TYPE >> 8 && update[1] === (MESSAGE_TYPE & 0xff);
  const read = readUpdate(hasType ? update.slice(2) : update);
  // A signature may begin with the bytes of the type.
  const decoded = read ?? (hasType ? readUpdate(update) : undefined);
  if (!decoded) return undefined;
  const { timestamp, policy, scid, direction, isDisabled, ...signed } = decoded;
  const isRight = scid === channel.scid && direction === channel.direction && !isDisabled;
  const isTimely = timestamp <= nowSeconds + MAX_CLOCK_AHEAD_SECONDS && timestamp >= nowSeconds - MAX_AGE_SECONDS;
  const isSane =
    isPossiblePolicy(policy) && policy.cltvDelta <= MAX_CLTV_DELTA && policy.htlcMinimumMsat <= policy.htlcMaximumMsat;
  return isRight && isTimely && isSane && verify({ ...signed, nodeId }) ? policy : undefined;
}

function readUpdate(bytes: Uint8Array) {
  const result = refusable(() => {
    const reader = new ByteReader(bytes);
    const signature = reader.bytes(SIGNATURE_BYTES);
    const chainHash = reader.bytes(32);
    const scid = reader.scid();
    const timestamp = reader.u32();
    const messageFlags = reader.u8();
    if ((messageFlags & 1) === 0) refuse('no_maximum', 'htlc_maximum_msat is missing', reader.offset);
    const channelFlags = reader.u8();
    const cltvDelta = reader.u16();
    const htlcMinimumMsat = reader.u64();
    const feeBaseMsat = reader.u32();
    const feePpm = reader.u32();
    const htlcMaximumMsat = reader.u64();
    const policy: Policy = { feeBaseMsat, feePpm, cltvDelta, htlcMinimumMsat, htlcMaximumMsat };
    const direction = channelFlags & 1;
    const isDisabled = (channelFlags & 2) !== 0;
    return {
      signature,
      signed: bytes.slice(SIGNATURE_BYTES),
      chainHash,
      scid,
      timestamp,
      direction,
      isDisabled,
      policy,
    };
  });
  return result.ok ? result.value : undefined;
}
