/** A ledger step under way: what it may look at, what it has changed, and the small verbs by which it changes it. */
import type { Millis } from '../../wire/units.js';
import {
  type Account,
  type Decision,
  type HtlcSet,
  type Lease,
  type LedgerEvent,
  type LedgerPolicy,
  type Part,
  type PartKey,
  partKeyText,
} from './types.js';

export interface StepContext {
  readonly now: Millis;
  readonly leases: ReadonlyMap<string, Lease>;
  readonly policy: LedgerPolicy;
  /** Who is asking: only the owner of a node's stream may write about that node (R4). */
  readonly owner: string;
}

export interface Step {
  /** The account as changed so far. */
  account: Account;
  readonly context: StepContext;
  /** Events of this transaction. */
  readonly events: LedgerEvent[];
}

/** Of a part shown on chain: no lease has this epoch, so it does not count. */
export const NO_EPOCH = 0;

export function findPart(account: Account, key: PartKey): Part | undefined {
  const text = partKeyText(key);
  return account.parts.find((part) => partKeyText(part.key) === text);
}

export function putPart(work: Step, changed: Part): void {
  const text = partKeyText(changed.key);
  const others = work.account.parts.filter((part) => partKeyText(part.key) !== text);
  work.account = { ...work.account, parts: [...others, changed] };
}

export function putSet(work: Step, changed: HtlcSet): void {
  const others = work.account.sets.filter(({ id }) => id !== changed.id);
  work.account = { ...work.account, sets: [...others, changed] };
}

/** Writes a decision where none stands. A decided part keeps its decision for ever (R3). */
export function decidePart(work: Step, part: Part, decision: Decision): Part {
  return part.decision.type === 'none' ? { ...part, decision, decidedAt: work.context.now } : part;
}

/** Undecided and, as far as the node has told, still there. */
export function livePart({ decision, final }: Part): boolean {
  return decision.type === 'none' && final === 'none';
}
