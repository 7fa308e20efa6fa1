/** A held HTLC as the API tells of it: until which block, and what happens then. */
import type { HeldHtlc } from '../../offline/hold/types.js';
import type { HoldView } from '../../offline/hold/view.js';
import { toHex } from '../../wire/bytes.js';
import type { NodeId } from '../../wire/units.js';
import { compact } from '../compact.js';

export interface HeldNames {
  /** As the operator calls the node; undefined for one of another daemon. */
  readonly nodeName: (nodeId: NodeId) => string | undefined;
  readonly clientName: (number: number) => string | undefined;
}

export interface HeldView {
  readonly id: string;
  readonly state: 'held' | 'resumed' | 'failed' | 'gone';
  readonly waits_for: string;
  readonly then: string;
  readonly until_block?: number;
  readonly blocks_left?: number;
  readonly amount_msat: string;
  readonly forward_msat: string;
  readonly payment_hash: string;
  readonly held_at: string;
  readonly decided_at?: string;
  readonly end?: string;
  readonly payer?: WalletName;
  readonly payee?: WalletName;
  /** Of a LightningRod request. */
  readonly rod_id?: string;
  readonly node?: string;
  readonly node_id: string;
  readonly channel_id: string;
  readonly htlc_id: string;
  readonly incoming_expiry: number;
}

interface WalletName {
  readonly number: number;
  readonly name?: string;
}

export function heldView(view: HoldView, { nodeName, clientName }: HeldNames): HeldView {
  const { held, id, amountMsat, heldAt, until, blocksLeft, waitsFor, then } = view;
  const { key, paymentHash, outgoingAmountMsat, incomingExpiry } = held.htlc;
  const wallet = (number: number | undefined): WalletName | undefined =>
    number === undefined ? undefined : compact({ number, name: clientName(number) });
  return compact({
    id,
    state: held.isGone ? ('gone' as const) : held.phase,
    waits_for: waitsFor,
    then,
    until_block: until,
    blocks_left: blocksLeft,
    amount_msat: amountMsat.toString(),
    forward_msat: outgoingAmountMsat.toString(),
    payment_hash: toHex(paymentHash),
    held_at: new Date(heldAt).toISOString(),
    decided_at: held.decidedAt === undefined ? undefined : new Date(held.decidedAt).toISOString(),
    end: held.end,
    payer: wallet(held.payer),
    payee: wallet(held.payee),
    rod_id: held.rodId && toHex(held.rodId),
    node: nodeName(key.nodeId),
    node_id: toHex(key.nodeId),
    channel_id: key.channelId.toString(),
    htlc_id: key.htlcId.toString(),
    incoming_expiry: incomingExpiry,
  });
}

/** It takes up the wallet's limits now: the wallet is waited for, or asked for the HTLC to be held. */
export function isHeldFor({ phase, isGone, payer, payee }: HeldHtlc, client: number): boolean {
  return phase === 'held' && !isGone && (payer === client || payee === client);
}
