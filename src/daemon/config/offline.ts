/** The sections of an LSP that serves wallets while they sleep. */
import { z } from 'zod';
import type { ClientLimits } from '../../offline/clients.js';
import { compact } from '../compact.js';

/** 21 million bitcoin. */
const MOST_SAT = 2_100_000_000_000_000;

export const offlineSchema = z
  .strictObject({
    /** Whether wallets are served at all. Without it every forward goes on at once. */
    enabled: z.boolean().default(false),
    /** Of wallets that are enrolled from now on, unless the command says otherwise: static invoices kept for one wallet. */
    max_slots: z.int().min(1).max(65_535).optional(),
    /** Payments held for one wallet at a time, and their sum. */
    max_held: z.int().min(1).max(1_000).optional(),
    max_held_sat: z.int().min(1).max(MOST_SAT).optional(),
    /** Most blocks that a payment is held. */
    max_hold_blocks: z.int().min(1).max(2_016).optional(),
    /** Onion messages kept for one wallet while it sleeps. */
    mailbox_messages: z.int().min(1).max(1_000).optional(),
    mailbox_bytes: z
      .int()
      .min(1_500)
      .max(64 * 1_048_576)
      .optional(),
  })
  .default({ enabled: false });

export const wakeSchema = z
  .strictObject({
    /** Whether wallets may register webhooks on this machine: for demos and tests only. */
    allow_loopback: z.boolean().default(false),
  })
  .default({ allow_loopback: false });

/** What the configuration says of wallets that are enrolled; the rest is as by default. */
export function limitsOf(config: z.output<typeof offlineSchema>): Partial<ClientLimits> {
  const { max_slots, max_held, max_held_sat, max_hold_blocks, mailbox_messages, mailbox_bytes } = config;
  return compact({
    maxSlots: max_slots,
    maxHeld: max_held,
    maxHeldMsat: max_held_sat === undefined ? undefined : BigInt(max_held_sat) * 1_000n,
    maxHoldBlocks: max_hold_blocks,
    mailboxMessages: mailbox_messages,
    mailboxBytes: mailbox_bytes,
  });
}
