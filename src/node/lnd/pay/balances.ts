/** What an LND can send over its channels. Pure. */
import type { ForwardingPolicy } from '../../../receive/node-port.js';
import type { SourceChannel } from '../../../send/plan/request.js';
import { fromHex, isHexOf } from '../../../wire/bytes.js';
import type { Msat } from '../../../wire/units.js';
import { HTLC_WEIGHT, sendable } from '../local-channels.js';
import type { Channel } from '../rpc/channels.js';

/** Most HTLCs that one side may have in a channel (BOLT 2). */
const MAX_HTLCS = 483;

/**
 * Undefined where nothing can be sent now. The id is the one by which LND lists the channel: its own calls take it for
 * private channels too, and for those that are still known by an alias.
 * @param own the node's own policy for the channel: LND keeps to it for what it sends itself
 */
export function sourceChannel(channel: Channel, own: ForwardingPolicy | undefined): SourceChannel | undefined {
  if (!channel.active || !isHexOf(channel.remotePubkey, 33)) return undefined;
  const { minHtlcMsat = 0n, maxAcceptedHtlcs = MAX_HTLCS } = channel.localConstraints ?? {};
  const offered = channel.pendingHtlcs.filter(({ incoming }) => !incoming).length;
  const slots = Math.min(maxAcceptedHtlcs || MAX_HTLCS, MAX_HTLCS) - offered;
  const htlcMinimumMsat = larger(minHtlcMsat, own?.htlcMinimumMsat ?? 0n);
  const spendableMsat = spendable(channel);
  return {
    scid: channel.chanId,
    peer: fromHex(channel.remotePubkey),
    spendableMsat,
    slots: Math.max(0, slots),
    ...(htlcMinimumMsat > 0n && { htlcMinimumMsat }),
    ...(own?.htlcMaximumMsat !== undefined && { htlcMaximumMsat: own.htlcMaximumMsat }),
  };
}

/** A peer that pays the fees and has nothing left for them can take no HTLC but those that cost none. */
function spendable(channel: Channel): Msat {
  const amount = sendable(channel, 'local');
  if (channel.initiator) return amount;
  const { chanReserveSat = 0n, dustLimitSat = 0n } = channel.remoteConstraints ?? {};
  const feeOfOneMore = (channel.feePerKw * HTLC_WEIGHT) / 1000n;
  if (channel.remoteBalance - chanReserveSat >= feeOfOneMore) return amount;
  const dust = dustLimitSat * 1000n;
  return amount < dust ? amount : dust;
}

const larger = (a: Msat, b: Msat): Msat => (a > b ? a : b);
