/** Payments in memory for many short runs: one thread, only promise reactions, and the rules of the database's schema. */
import type {
  Created,
  KnowledgeSnapshot,
  ListPlace,
  PaymentStore,
  StartingKnowledge,
  StepCommit,
  StoredLessons,
  StoredPayment,
} from '../../../src/send/run/store-port.js';
import type { SharedLesson } from '../../../src/send/index.js';
import { equalBytes } from '../../../src/wire/bytes.js';
import type { Millis, PaymentHash } from '../../../src/wire/units.js';
import { FakeStoreConflict } from '../../support/fake-ledger-store.js';

interface SenderRow {
  readonly expiresAt: Millis;
  readonly isGone: boolean;
}

type NewPayment = Parameters<PaymentStore['createPayment']>[0];

/** What the schema keeps: without one, the bug that it would stop is alone on trial. */
export interface StoreRules {
  /** One payment of a hash at a time. */
  readonly onePerHash: boolean;
  /** Whoever was given up writes no more. */
  readonly fenced: boolean;
}

export class FakePaymentStore implements PaymentStore {
  readonly payments = new Map<string, StoredPayment>();
  readonly #senders = new Map<string, SenderRow>();
  readonly #lessons: StoredLessons[] = [];
  readonly #now: () => Millis;
  readonly #rules: StoreRules;
  readonly #stops = new Set<string>();
  #snapshot: KnowledgeSnapshot | undefined;

  constructor(now: () => Millis, rules: Partial<StoreRules> = {}) {
    this.#now = now;
    this.#rules = { onePerHash: true, fenced: true, ...rules };
  }

  async createPayment(payment: NewPayment): Promise<Created> {
    const same = this.payments.get(payment.id);
    if (same) return { kind: same.owner === payment.owner ? 'created' : 'exists', payment: same };
    const other = this.#ofHash(payment.state.terms.paymentHash).find(({ state }) => state.phase !== 'failed');
    if (other && this.#rules.onePerHash) return { kind: 'exists', payment: other };
    const created = { ...payment, version: 1, epoch: 1 };
    this.payments.set(payment.id, created);
    return { kind: 'created', payment: created };
  }

  async commitStep({ id, owner, epoch, version, state, lessons }: StepCommit): Promise<'committed' | 'fenced'> {
    const row = this.payments.get(id);
    if (!row) throw new FakeStoreConflict(`there is no payment ${id}`);
    if (this.#rules.fenced) {
      if (row.owner !== owner || row.epoch !== epoch) return 'fenced';
      if (row.version === version + 1 && row.state === state) return 'committed';
      if (row.version !== version) throw new FakeStoreConflict(`version ${version}, which stands at ${row.version}`);
    }
    this.payments.set(id, { ...row, state, version: row.version + 1 });
    if (lessons.length > 0) await this.appendLessons(owner, lessons);
    return 'committed';
  }

  async readPayment(id: string): Promise<StoredPayment | undefined> {
    return this.payments.get(id);
  }

  async paymentOfHash(paymentHash: PaymentHash): Promise<StoredPayment | undefined> {
    return this.#ofHash(paymentHash)[0];
  }

  /** Newest first. */
  #ofHash(paymentHash: PaymentHash): StoredPayment[] {
    return this.#newestFirst().filter(({ state }) => equalBytes(state.terms.paymentHash, paymentHash));
  }

  #newestFirst(): StoredPayment[] {
    // Of the same moment the later one: ids are drawn anew in every run.
    return [...this.payments.values()].reverse().sort((a, b) => b.createdAt - a.createdAt);
  }

  async listOutgoing(limit: number, before?: ListPlace): Promise<readonly StoredPayment[]> {
    const { createdAt: at, id: last } = before ?? { createdAt: Infinity, id: '' };
    return this.#newestFirst()
      .filter(({ createdAt, id }) => createdAt < at || (createdAt === at && id < last))
      .slice(0, limit);
  }

  async renewSender(owner: string, ttl: Millis): Promise<boolean> {
    if (this.#senders.get(owner)?.isGone && this.#rules.fenced) return false;
    this.#senders.set(owner, { expiresAt: this.#now() + ttl, isGone: false });
    return true;
  }

  async leaveSender(owner: string): Promise<void> {
    this.#senders.set(owner, { expiresAt: this.#now(), isGone: true });
  }

  async claimPayments(owner: string, limit: number): Promise<readonly StoredPayment[]> {
    if (this.#senders.get(owner)?.isGone) return [];
    const isAlive = (other: string): boolean => {
      const row = this.#senders.get(other);
      return row !== undefined && !row.isGone && row.expiresAt > this.#now();
    };
    const orphans = this.#newestFirst()
      .reverse()
      .filter((payment) => !payment.state.isEnded && payment.owner !== owner && !isAlive(payment.owner))
      .slice(0, limit);
    return orphans.map((payment) => {
      this.#senders.set(payment.owner, { expiresAt: this.#now(), isGone: true });
      const claimed = { ...payment, owner, epoch: payment.epoch + 1 };
      this.payments.set(payment.id, claimed);
      return claimed;
    });
  }

  async paymentsOf(owner: string): Promise<readonly string[]> {
    return [...this.payments.values()]
      .filter((each) => !each.state.isEnded && each.owner === owner)
      .map(({ id }) => id);
  }

  async askToStop(id: string): Promise<void> {
    this.#stops.add(id);
  }

  async stopsAsked(owner: string): Promise<readonly string[]> {
    return (await this.paymentsOf(owner)).filter((id) => this.#stops.has(id));
  }

  async startingKnowledge(): Promise<StartingKnowledge> {
    const parts = [...this.payments.values()].flatMap(({ state }) => state.parts);
    const reserved = parts.filter(({ state }) => state === 'sent' || state === 'unknown').map(({ hops }) => hops);
    return { snapshot: this.#snapshot, seq: BigInt(this.#lessons.length), reserved };
  }

  async lessonsAfter(seq: bigint, limit: number): Promise<readonly StoredLessons[]> {
    return this.#lessons.slice(Number(seq), Number(seq) + limit);
  }

  async appendLessons(owner: string, lessons: readonly SharedLesson[]): Promise<void> {
    this.#lessons.push({ seq: BigInt(this.#lessons.length + 1), owner, at: this.#now(), lessons });
  }

  async saveKnowledge(snapshot: KnowledgeSnapshot): Promise<void> {
    if (!this.#snapshot || this.#snapshot.seq <= snapshot.seq) this.#snapshot = snapshot;
  }
}
