/** The wallets that an LSP serves while they sleep, and what each may take of its memory, its money and its time. */
import type { BlockDelta, Millis, Msat, NodeId } from '../wire/units.js';

export interface ClientLimits {
  /** Static invoices kept for it; a slot is a u16, so without a limit one wallet could fill the database. */
  readonly maxSlots: number;
  /** HTLCs held for it at one time, as payer and as payee together, and their sum. */
  readonly maxHeld: number;
  readonly maxHeldMsat: Msat;
  /** Most blocks that an HTLC is held for it. */
  readonly maxHoldBlocks: BlockDelta;
  /** Onion messages kept while it sleeps; the oldest make room. */
  readonly mailboxMessages: number;
  readonly mailboxBytes: number;
}

export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  maxSlots: 10,
  maxHeld: 30,
  maxHeldMsat: 10_000_000_000n,
  maxHoldBlocks: 432,
  mailboxMessages: 30,
  mailboxBytes: 262_144,
};

export interface OfflineClient {
  /** u32, never used again; stands for the wallet in path contexts. */
  readonly number: number;
  /** Its node id, by which it is a channel peer. */
  readonly nodeId: NodeId;
  /** What the operator calls it. */
  readonly name: string;
  readonly limits: ClientLimits;
  readonly enrolledAt: Millis;
}
