/** Places where a node's channel messages can be watched, changed or dropped, on their way in and on their way out. */
import type {
  ChannelManager,
  ChannelMessageHandler,
  ChannelMessageHandlerInterface,
  MessageSendEvent,
  MessageSendEventsProvider,
  UpdateAddHTLC,
} from 'lightningdevkit';
import type { Ldk } from './library.js';

export interface MessageHooks {
  /** Sees every `update_add_htlc` before LDK; what it returns is what LDK gets, undefined drops the message. */
  readonly addHtlc?: (message: UpdateAddHTLC, peerId: Uint8Array) => UpdateAddHTLC | undefined;
  /** Sees every group of messages before it is written to the wire. */
  readonly outgoing?: (event: MessageSendEvent) => MessageSendEvent;
}

/** LDK's own handler behind the hooks, or as it is where there are none. */
export function hookedHandler(
  ldk: Ldk,
  manager: ChannelManager,
  hooks: MessageHooks | undefined,
): ChannelMessageHandler {
  const inner = manager.as_ChannelMessageHandler();
  if (!hooks) return inner;
  const outbox = manager.as_MessageSendEventsProvider();
  return ldk.ChannelMessageHandler.new_impl(incoming(ldk, inner, hooks), {
    get_and_clear_pending_msg_events: () => outgoing(outbox, hooks),
  });
}

function incoming(ldk: Ldk, inner: ChannelMessageHandler, hooks: MessageHooks): ChannelMessageHandlerInterface {
  const isHandler = (name: string): boolean =>
    /^(handle|peer|provided)_|^(get_chain_hashes|message_received)$/.test(name);
  const methods = Object.getOwnPropertyNames(ldk.ChannelMessageHandler.prototype).filter(isHandler);
  const source = inner as unknown as Record<string, (...args: unknown[]) => unknown>;
  const forwarded = Object.fromEntries(methods.map((name) => [name, (...args: unknown[]) => source[name]!(...args)]));
  return {
    ...(forwarded as unknown as ChannelMessageHandlerInterface),
    handle_update_add_htlc(peerId, message) {
      const passed = hooks.addHtlc ? hooks.addHtlc(message, peerId) : message;
      if (passed) inner.handle_update_add_htlc(peerId, passed);
    },
  };
}

function outgoing(outbox: MessageSendEventsProvider, { outgoing: hook }: MessageHooks): MessageSendEvent[] {
  const events = outbox.get_and_clear_pending_msg_events();
  return hook ? events.map(hook) : events;
}
