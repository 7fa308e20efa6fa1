/** An HTLC in a channel between two simulated nodes, from its offer to its irrevocable end. */
import { toHex } from '../../wire/bytes.js';
import type { UpdateAddHtlc } from '../../wire/message-types.js';
import type { ShortChannelId } from '../../wire/units.js';
import { type HtlcObservation, opposite, type Removal, type Side } from './types.js';

/** What an HTLC knows of the channel it is in. */
export interface HtlcChannel {
  readonly scid: ShortChannelId;
  readonly name: string;
  readonly closed: boolean;
  /** By side. */
  readonly ends: readonly [{ readonly name: string }, { readonly name: string }];
  /** @returns false if it is removed already */
  remove(htlc: SimHtlc, removal: Removal, volatile: boolean): boolean;
}

export class SimHtlc {
  readonly channel: HtlcChannel;
  readonly from: Side;
  readonly id: bigint;
  readonly sent: UpdateAddHtlc;
  readonly offeredAt: number;
  /** As the receiver read it. */
  received: UpdateAddHtlc | undefined;
  committedAt: number | undefined;
  /** The `revoke_and_ack` that acknowledges it has reached its offerer. */
  isAcknowledged = false;
  /** Its offerer was told over which path it is released. */
  hasReleasePath = false;
  /** Decided, not signed yet; a volatile one does not survive a crash of the receiver. */
  mailbox: { readonly removal: Removal; readonly volatile: boolean } | undefined;
  /** Signed by the receiver. */
  removal: Removal | undefined;
  /** As the offerer read it. */
  returned: Removal | undefined;
  outcome: 'settled' | 'failed' | undefined;
  onChain = false;
  finalAt: number | undefined;

  constructor(channel: HtlcChannel, from: Side, sent: UpdateAddHtlc, offeredAt: number) {
    this.channel = channel;
    this.from = from;
    this.id = sent.id;
    this.sent = sent;
    this.offeredAt = offeredAt;
  }

  get to(): Side {
    return opposite(this.from);
  }

  /** The offer as its receiver has it. @throws if it has not arrived */
  get add(): UpdateAddHtlc {
    if (!this.received) throw new Error('the HTLC has not arrived yet');
    return this.received;
  }

  /** Can the receiver still decide? */
  get open(): boolean {
    return this.committedAt !== undefined && !this.outcome && !this.removal;
  }

  get label(): string {
    return `${this.channel.name}:${this.from}:${this.id}`;
  }

  /** As both ends saw it. */
  observe(): HtlcObservation {
    const { sent, channel, returned } = this;
    return {
      channelId: channel.scid,
      htlcId: this.id,
      from: channel.ends[this.from].name,
      to: channel.ends[this.to].name,
      paymentHash: toHex(sent.paymentHash),
      amountMsat: sent.amountMsat,
      expiry: sent.cltvExpiry,
      offeredAt: this.offeredAt,
      committedAt: this.committedAt,
      removal: this.removal?.kind,
      outcome: this.outcome,
      onChain: this.onChain,
      finalAt: this.finalAt,
      preimage: returned?.kind === 'fulfill' ? toHex(returned.preimage) : undefined,
    };
  }
}
