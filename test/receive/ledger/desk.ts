/** One payment hash, some leases and a clock, put through the real ledger step. */
import { step } from '../../../src/receive/ledger/step.js';
import {
  type Account,
  DEFAULT_LEDGER_POLICY,
  type HtlcSet,
  type InvoiceTerms,
  type Lease,
  type LedgerCommand,
  type LedgerEvent,
  type LedgerPolicy,
  type LedgerReply,
  type Part,
  type PartKey,
  partKeyText,
  type PresentedPart,
} from '../../../src/receive/ledger/types.js';

export const HASH = 'aa'.repeat(32);
export const SECRET = '5e'.repeat(32);
export const PREIMAGE = 'bb'.repeat(32);
export const TOTAL = 100_000n;
export const HEIGHT = 800_000;
export const START = 1_000_000;
export const TTL = 10_000;

export type Wanted = Partial<Omit<PresentedPart, 'key'>> & { readonly node?: string; readonly htlc?: number };

export class Desk {
  now = START;
  readonly leases = new Map<string, Lease>();
  readonly events: LedgerEvent[] = [];
  account: Account = { paymentHash: HASH, terms: undefined, sets: [], parts: [] };
  owner = 'owner-1';
  policy: LedgerPolicy = DEFAULT_LEDGER_POLICY;

  constructor(nodes: readonly string[] = ['n1', 'n2']) {
    for (const node of nodes) this.lease(node);
  }

  lease(node: string, change: Partial<Lease> = {}): void {
    const base = { nodeId: node, owner: this.owner, epoch: 1, expiresAt: this.now + TTL, height: HEIGHT };
    this.leases.set(node, { ...base, ...this.leases.get(node), ...change });
  }

  /** All streams are alive again, at this height if one is given. */
  beat(height?: number): void {
    for (const node of this.leases.keys()) {
      this.lease(node, { expiresAt: this.now + TTL, ...(height !== undefined && { height }) });
    }
  }

  hold(change: Partial<InvoiceTerms> = {}): void {
    const terms = { paymentHash: HASH, mode: 'hold', wish: 'none', preimage: undefined, holdMs: 600_000 } as const;
    this.account = { ...this.account, terms: { ...terms, ...change } };
  }

  do(command: LedgerCommand): LedgerReply {
    const { now, leases, policy, owner } = this;
    const result = step(this.account, command, { now, leases, policy, owner });
    this.account = result.account;
    this.events.push(...result.events);
    return result.reply;
  }

  presented({ node = 'n1', htlc = 0, ...change }: Wanted): PresentedPart {
    return {
      key: key(node, htlc),
      epoch: this.leases.get(node)?.epoch ?? 1,
      paymentHash: HASH,
      paymentSecret: SECRET,
      totalMsat: TOTAL,
      amountMsat: TOTAL / 2n,
      incomingAmountMsat: change.amountMsat ?? TOTAL / 2n,
      expiry: HEIGHT + 100,
      deadline: HEIGHT + 80,
      preimage: PREIMAGE,
      ...change,
    };
  }

  admit(wanted: Wanted = {}): LedgerReply {
    return this.do({ type: 'admit', part: this.presented(wanted) });
  }

  refuse(wanted: Wanted = {}): LedgerReply {
    const part = this.presented(wanted);
    return this.do({ type: 'refuse', part, reason: 'expires too soon', message: Uint8Array.of(0x40, 0x0f) });
  }

  recall(node = 'n1', htlc = 0, onChain = false): LedgerReply {
    const epoch = this.leases.get(node)!.epoch;
    return this.do({ type: 'recall', key: key(node, htlc), epoch, paymentHash: HASH, onChain });
  }

  review(): LedgerReply {
    return this.do({ type: 'review', paymentHash: HASH });
  }

  final(outcome: 'settled' | 'failed', node = 'n1', htlc = 0): LedgerReply {
    return this.do({ type: 'final', key: key(node, htlc), paymentHash: HASH, outcome, onChain: false });
  }

  part(node = 'n1', htlc = 0): Part {
    const text = partKeyText(key(node, htlc));
    return this.account.parts.find((part) => partKeyText(part.key) === text)!;
  }

  set(index = 0): HtlcSet {
    return this.account.sets[index]!;
  }

  eventTypes(): string[] {
    return this.events.map((event) => (event.type === 'alarm' ? event.code : event.type));
  }
}

export function key(node: string, htlc: number): PartKey {
  return { nodeId: node, channelId: 7n, htlcId: BigInt(htlc) };
}
