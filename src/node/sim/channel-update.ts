/** channel_update messages (BOLT 7) of the simulated network, which is a chain of its own: regtest. */
import { chainHashOf, updateDigest, updateVerifier } from '../../onion/signed-update.js';
import type { Direction } from '../../send/graph/policy.js';
import { concat } from '../../wire/bytes.js';
import { u16, u32, u64 } from '../../wire/integers.js';
import type { ShortChannelId, UnixSeconds } from '../../wire/units.js';
import type { Policy } from './types.js';

const CHAIN_HASH = chainHashOf('regtest');
const MESSAGE_TYPE = 258;
/** htlc_maximum_msat is there, as it always has to be. */
const MESSAGE_FLAGS = 1;
const DISABLED_FLAG = 2;

export interface UpdateTerms {
  readonly scid: ShortChannelId;
  readonly direction: Direction;
  readonly timestamp: UnixSeconds;
  readonly isDisabled: boolean;
  readonly policy: Policy;
}

/** The message with its type, signed. */
export function channelUpdate(terms: UpdateTerms, sign: (hash: Uint8Array) => Uint8Array): Uint8Array {
  const { scid, direction, timestamp, isDisabled, policy } = terms;
  const body = concat(
    CHAIN_HASH,
    u64(scid),
    u32(timestamp),
    Uint8Array.of(MESSAGE_FLAGS, direction | (isDisabled ? DISABLED_FLAG : 0)),
    u16(policy.cltvExpiryDelta),
    u64(policy.htlcMinimumMsat),
    u32(policy.feeBaseMsat),
    u32(policy.feeProportionalMillionths),
    u64(policy.htlcMaximumMsat),
  );
  return concat(u16(MESSAGE_TYPE), sign(updateDigest(body)), body);
}

/** Believes what a node of the simulated network has signed. */
export const verifySimUpdate = updateVerifier('regtest');
