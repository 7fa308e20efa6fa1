/** Whoever follows a graph port in tests: the graph as its news make it. */
import { directionOf } from '../../src/node/sim/gossip.js';
import type { SimChannel } from '../../src/node/sim/channel.js';
import type { SimNode } from '../../src/node/sim/node.js';
import type { ChannelAnnouncement, Policy, PolicyUpdate } from '../../src/send/graph/policy.js';
import type { GraphHandlers, GraphNews } from '../../src/send/graph/port.js';

export class GraphLog implements GraphHandlers {
  readonly channels = new Map<bigint, ChannelAnnouncement>();
  readonly updates: PolicyUpdate[] = [];
  readonly closed: string[] = [];
  isLoaded = false;

  readonly onNews = (news: readonly GraphNews[]): void => {
    for (const one of news) {
      if (one.kind === 'channel') this.channels.set(one.channel.scid, one.channel);
      else if (one.kind === 'policy') this.updates.push(one.update);
      else this.channels.delete(one.scid);
    }
  };

  readonly onLoaded = (): void => {
    this.isLoaded = true;
  };

  readonly onClosed = (reason: string): void => {
    this.closed.push(reason);
  };

  /** The newest update of a channel by one of its ends. */
  update(channel: SimChannel, from: SimNode): PolicyUpdate | undefined {
    const direction = directionOf(channel, channel.sideOf(from));
    return this.updates
      .filter((update) => update.scid === channel.scid && update.direction === direction)
      .reduce<PolicyUpdate | undefined>((a, b) => (a && a.timestamp > b.timestamp ? a : b), undefined);
  }

  policy(channel: SimChannel, from: SimNode): Policy | undefined {
    return this.update(channel, from)?.policy;
  }
}
