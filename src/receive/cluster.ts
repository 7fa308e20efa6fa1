/** The cluster as this process sees it: which members are fit to be named in an invoice, and with which channels. */
import type { ClusterMember, MemberChannel } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { Millis } from '../wire/units.js';
import type { Clock } from './clock.js';
import type { Member } from './member.js';
import { NODE_TIMEOUT_MS } from './member-session.js';
import type { LocalChannel } from './node-port.js';
import { within } from './waiting.js';

const DEFAULT_REFRESH_MS = 10_000;

/** What one look at a member found. */
interface Snapshot {
  readonly channels: readonly LocalChannel[];
  readonly at: Millis;
}

export interface ClusterOptions {
  readonly members: readonly Member[];
  /** Members of other programs (LDK nodes) that gave us their hints. */
  readonly imported: () => readonly ClusterMember[];
  /**
   * Node ids that some process of the cluster serves now; undefined if only this process serves members. A member whose
   * stream another process owns is as good for an invoice as our own.
   */
  readonly servedElsewhere: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly refreshMs?: Millis;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #snapshots = new Map<string, Snapshot>();
  #cancel: (() => void) | undefined;
  #stopped = true;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#stopped = false;
    await this.refresh();
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#refreshing;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(this.#options.refreshMs ?? DEFAULT_REFRESH_MS, () => {
      this.#refreshing = this.refresh().finally(() => {
        this.#schedule();
      });
    });
  }

  /** Asks every member for its channels. A member that does not answer keeps its last ones; its health says the rest. */
  async refresh(): Promise<void> {
    const { members, clock } = this.#options;
    await Promise.all(
      members.map(async (member) => {
        try {
          const channels = await within(clock, NODE_TIMEOUT_MS, member.node.channels());
          if (channels) this.#snapshots.set(member.name, { channels, at: clock.now() });
        } catch {
          // unreachable: the last snapshot stays, the member's state decides whether it is named
        }
      }),
    );
  }

  channelsOf(name: string): readonly LocalChannel[] {
    return this.#snapshots.get(name)?.channels ?? [];
  }

  /** Candidates for route hints, own members first. */
  hintMembers(): ClusterMember[] {
    const elsewhere = this.#options.servedElsewhere();
    const own = this.#options.members.flatMap((member): ClusterMember[] => {
      const { info, state } = member.status();
      if (!info) return [];
      const healthy = state === 'live' || elsewhere.has(toHex(info.nodeId));
      const channels = this.channelsOf(member.name).map(memberChannel);
      const { messages } = member.node;
      const showsMessages = messages !== undefined && messages.showsForwards !== false;
      return [{ nodeId: info.nodeId, alias: member.name, healthy, holdsParts: true, channels, showsMessages }];
    });
    return [...own, ...this.#options.imported()];
  }
}

function memberChannel(channel: LocalChannel): MemberChannel {
  const { peerId, scid, peerAlias, announced, confirmations, usable, ready, receivableMsat, peerPolicy } = channel;
  return {
    peerId,
    announced,
    usable,
    ready,
    inboundCapacityMsat: receivableMsat,
    ...(scid !== undefined && { scid }),
    ...(peerAlias !== undefined && { aliasScid: peerAlias }),
    ...(confirmations !== undefined && { confirmations }),
    ...(peerPolicy && { peerPolicy }),
  };
}
