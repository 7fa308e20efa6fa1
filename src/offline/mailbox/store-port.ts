/** What the mailbox asks of a database. Several processes may serve one; every method rejects when it is away. */
import type { OnionMessage } from '../../onion/index.js';
import type { Millis } from '../../wire/units.js';
import type { BoxLimits } from './limits.js';

export interface IncomingMail {
  /** Number of the wallet. */
  readonly client: number;
  readonly message: OnionMessage;
  /** Of the wallet. */
  readonly limits: BoxLimits;
}

export interface KeptMail {
  /** Grows with the order of arrival. */
  readonly id: number;
  readonly receivedAt: Millis;
  readonly message: OnionMessage;
}

/** A box that this process alone hands over until the lease ends. */
export interface ClaimedBox {
  readonly client: number;
  /** Names this claim among those of the box. */
  readonly claim: number;
  /** Oldest first. */
  readonly mail: readonly KeptMail[];
}

export interface BoxView {
  readonly client: number;
  readonly messages: number;
  /** As on the wire. */
  readonly bytes: number;
  readonly oldestAt: Millis;
}

export interface MailTotals {
  readonly boxes: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface MailStore {
  /** Keeps the messages in order; what no longer fits a box is dropped, oldest first. Resolves to how many were dropped. */
  keep(mail: readonly IncomingMail[]): Promise<number>;
  /** Takes the box for `leaseMs`. Undefined if it is empty or somebody else has it. */
  claim(client: number, leaseMs: Millis): Promise<ClaimedBox | undefined>;
  /** Removes what was handed over and gives the box back. */
  finish(box: Pick<ClaimedBox, 'client' | 'claim'>, handedOver: readonly number[]): Promise<void>;
  /** Those of the wallets that have mail which nobody is handing over. */
  waiting(clients: readonly number[]): Promise<readonly number[]>;
  box(client: number): Promise<BoxView | undefined>;
  /** By the wallets' numbers. */
  boxes(limit: number, after?: number): Promise<readonly BoxView[]>;
  totals(): Promise<MailTotals>;
  /** Drops oldest mail until these bounds hold, and all that came before `oldest`. Resolves to how many messages. */
  trim(bounds: { readonly maxBoxes: number; readonly maxBytes: number; readonly oldest: Millis }): Promise<number>;
  /** The wallet is none of ours any more. */
  forget(client: number): Promise<void>;
}
