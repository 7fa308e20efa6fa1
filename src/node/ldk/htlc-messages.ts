/** The bytes of HTLC messages that LDK's bindings keep to themselves: onions and return packets (BOLT 2). */
import type { CommitmentUpdate, MessageSendEvent, UpdateAddHTLC, UpdateFailHTLC } from 'lightningdevkit';
import { PAYMENT_ONION_LENGTH } from '../../onion/layout.js';
import { concat, toHex } from '../../wire/bytes.js';
import { u16, u64 } from '../../wire/integers.js';
import { expectOk, type Ldk } from './library.js';

/** channel_id (32), id (8), amount_msat (8), payment_hash (32), cltv_expiry (4) stand before the onion. */
const ONION_START = 84;
const ONION_END = ONION_START + PAYMENT_ONION_LENGTH;

/** The 1366-byte onion of an `update_add_htlc`. */
export function onionOf(message: UpdateAddHTLC): Uint8Array {
  return message.write().slice(ONION_START, ONION_END);
}

/** The same message with another onion. */
export function withOnion(ldk: Ldk, message: UpdateAddHTLC, onion: Uint8Array): UpdateAddHTLC {
  const bytes = message.write().slice();
  bytes.set(onion, ONION_START);
  const read = ldk.UpdateAddHTLC.constructor_read(bytes);
  return expectOk(read, ldk.Result_UpdateAddHTLCDecodeErrorZ_OK, 'an update_add_htlc with another onion').res;
}

/** Names an HTLC on the wire. */
export type WireKey = string;

interface HtlcMessage {
  get_channel_id(): { get_a(): Uint8Array };
  get_htlc_id(): bigint;
}

export function wireKey(message: HtlcMessage): WireKey {
  return `${toHex(message.get_channel_id().get_a())}/${message.get_htlc_id()}`;
}

export interface RemovalHooks {
  fulfilled(key: WireKey): void;
  failed(key: WireKey): void;
  /** The return packet to send in place of the node's own. */
  returnPacket(key: WireKey): Uint8Array | undefined;
}

/** Reports the HTLCs that a group of outgoing messages removes, and replaces return packets. */
export function withRemovals(ldk: Ldk, event: MessageSendEvent, hooks: RemovalHooks): MessageSendEvent {
  if (!(event instanceof ldk.MessageSendEvent_UpdateHTLCs)) return event;
  const { updates } = event;
  for (const message of updates.get_update_fulfill_htlcs()) hooks.fulfilled(wireKey(message));
  const failures = updates.get_update_fail_htlcs();
  for (const message of [...failures, ...updates.get_update_fail_malformed_htlcs()]) hooks.failed(wireKey(message));
  const packets = failures.map((message) => hooks.returnPacket(wireKey(message)));
  if (packets.every((packet) => packet === undefined)) return event;
  const replaced: CommitmentUpdate = updates.clone();
  replaced.set_update_fail_htlcs(
    failures.map((message, i) => (packets[i] ? withReturnPacket(ldk, message, packets[i]) : message)),
  );
  return ldk.MessageSendEvent.constructor_update_htlcs(event.node_id, replaced);
}

function withReturnPacket(ldk: Ldk, message: UpdateFailHTLC, packet: Uint8Array): UpdateFailHTLC {
  const head = concat(message.get_channel_id().get_a(), u64(message.get_htlc_id()));
  const read = ldk.UpdateFailHTLC.constructor_read(concat(head, u16(packet.length), packet));
  return expectOk(read, ldk.Result_UpdateFailHTLCDecodeErrorZ_OK, 'an update_fail_htlc with our return packet').res;
}
