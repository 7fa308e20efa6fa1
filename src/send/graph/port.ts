/** Where the channel graph comes from: a node's gossip, first loaded, then followed. */
import type { ShortChannelId } from '../../wire/units.js';
import type { ChannelAnnouncement, PolicyUpdate } from './policy.js';

/** One change of the public graph. Policies may come before their channel, twice, late or out of order. */
export type GraphNews =
  | { readonly kind: 'channel'; readonly channel: ChannelAnnouncement }
  /** The channel may be one that was never told of: with its announcement the sink can still take it in. */
  | { readonly kind: 'policy'; readonly update: PolicyUpdate; readonly channel?: ChannelAnnouncement }
  | { readonly kind: 'closed'; readonly scid: ShortChannelId };

export interface GraphHandlers {
  /** Only puts into memory; never throws, never waits. */
  onNews(news: readonly GraphNews[]): void;
  /** All that the node knew at the start was handed over: what it did not name is not in its graph. At most once. */
  onLoaded(): void;
  /** Exactly once, unless `close` was called; nothing follows. */
  onClosed(reason: string): void;
}

export interface GraphPort {
  /**
   * Hands the whole graph over in pieces, then every change; changes that fall into the load are not lost. Rejects when the
   * node cannot be reached.
   */
  follow(handlers: GraphHandlers): Promise<{ close(): void }>;
}
