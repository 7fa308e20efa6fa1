/**
 * Policies of an LND's channels: what its peers ask for forwarding to it, or its own. LND tells them channel by channel, so
 * answers are kept for a while.
 */
import type { ForwardingPolicy } from '../../receive/node-port.js';
import type { Millis } from '../../wire/units.js';
import type { LndClient } from './client.js';
import { LndError } from './errors.js';
import { policyInEdge } from './local-channels.js';
import { type Channel, getChanInfo } from './rpc/channels.js';

/** Policies change rarely, and a payer who was given an old one is told the new one by the peer. */
const FRESH_MS: Millis = 60_000;
const AT_ONCE = 8;

interface Known {
  readonly policy: ForwardingPolicy | undefined;
  readonly at: Millis;
}

export class ChannelPolicies {
  readonly #client: LndClient;
  readonly #now: () => Millis;
  readonly #whose: 'peer' | 'own';
  #known = new Map<bigint, Known>();

  /** @param now a clock; it need not agree with others */
  constructor(client: LndClient, now: () => Millis, whose: 'peer' | 'own') {
    this.#client = client;
    this.#now = now;
    this.#whose = whose;
  }

  /** By channel id; a channel without an entry has no policy that LND knows. Rejects where LND cannot be asked. */
  async of(channels: readonly Channel[]): Promise<ReadonlyMap<bigint, ForwardingPolicy>> {
    const now = this.#now();
    const known = new Map<bigint, Known>();
    const missing: Channel[] = [];
    for (const channel of channels) {
      const before = this.#known.get(channel.chanId);
      if (before && now - before.at < FRESH_MS) known.set(channel.chanId, before);
      else missing.push(channel);
    }
    const ask = async (): Promise<void> => {
      for (let channel = missing.pop(); channel; channel = missing.pop()) {
        known.set(channel.chanId, { policy: await this.#ask(channel), at: now });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    this.#known = known; // closed channels drop out
    const policies = new Map<bigint, ForwardingPolicy>();
    for (const [chanId, { policy }] of known) if (policy) policies.set(chanId, policy);
    return policies;
  }

  /** LND's graph knows a channel by the id of its block once it was announced, else by its alias. */
  async #ask({ chanId, zeroConfConfirmedScid, remotePubkey }: Channel): Promise<ForwardingPolicy | undefined> {
    const names = zeroConfConfirmedScid === 0n ? [chanId] : [chanId, zeroConfConfirmedScid];
    for (const name of names) {
      try {
        const edge = await this.#client.call(getChanInfo, { chanId: name });
        const policy = policyInEdge(edge, remotePubkey, this.#whose);
        if (policy) return policy;
      } catch (error) {
        // An id that the graph does not have is refused in one way or another, depending on the release.
        if (!(error instanceof LndError) || (error.kind !== 'not-found' && error.kind !== 'refused')) throw error;
      }
    }
    return undefined;
  }
}
