/** The send port of a simulated node. See `send/run/ports.ts` for what it promises. */
import type { LookUpAnswer, PartOutcome } from '../../send/payment/messages.js';
import type { SourceChannel } from '../../send/plan/request.js';
import type { LookUp, NodeBalances, OutgoingPart, PartTold, SendPort } from '../../send/run/ports.js';
import type { SimChannel } from './channel.js';
import type { SimNode } from './node.js';
import { opposite } from './types.js';

export class SimSendPort implements SendPort {
  readonly canHoldAtPeer = true;
  readonly canSendFirstHopRecords = true;
  readonly #node: SimNode;

  constructor(node: SimNode) {
    this.#node = node;
  }

  async balances(): Promise<NodeBalances> {
    const node = this.#reachable();
    const { nodeId, height, channels } = node;
    const usable = channels.filter(({ closed, link }) => !closed && link.up);
    return { nodeId, height, channels: usable.map((channel) => sourceChannel(node, channel)) };
  }

  async send(part: OutgoingPart, accepted: (told?: PartTold) => void): Promise<PartOutcome> {
    const { name, ownParts } = this.#reachable();
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(new Error(`${name} has died: look the part up`));
      ownParts.send(part, { accepted, ended: resolve, lost });
    });
  }

  async lookUp(question: LookUp): Promise<LookUpAnswer> {
    if (!this.#node.online) return { kind: 'unavailable' };
    const standing = this.#node.ownParts.standing(question);
    if (standing === undefined) return { kind: 'never_seen' };
    return standing === 'in_flight' ? { kind: standing } : standing;
  }

  #reachable(): SimNode {
    if (!this.#node.online) throw new Error(`${this.#node.name} cannot be reached: start it`);
    return this.#node;
  }
}

function sourceChannel(node: SimNode, channel: SimChannel): SourceChannel {
  const side = channel.sideOf(node);
  const peer = channel.ends[opposite(side)];
  const { minimumMsat, maximumMsat } = channel.limits[side];
  return {
    scid: channel.scid,
    peer: peer.nodeId,
    spendableMsat: channel.spendable(side),
    ...(minimumMsat !== undefined && { htlcMinimumMsat: minimumMsat }),
    ...(maximumMsat !== undefined && { htlcMaximumMsat: maximumMsat }),
    ...(peer.holdsHtlcs && { holdsHtlcs: true }),
    slots: Math.max(0, channel.slotsLeft(side)),
  };
}
