/** A database in memory with the rules of the real one, shared by the processes of a test. */
import type {
  Created,
  KnowledgeSnapshot,
  ListPlace,
  PaymentOutEvent,
  PaymentStore,
  SharedLesson,
  StartingKnowledge,
  StepCommit,
  StoredLessons,
  StoredPayment,
} from '../../../src/send/index.js';
import { partsOut } from '../../../src/send/index.js';
import { toHex } from '../../../src/wire/bytes.js';

interface Sender {
  until: number;
  isGone: boolean;
}

/** What a database keeps of a value: no identity, no functions, no members without a value. */
const copy = <T>(value: T): T => structuredClone(value);

export class MemoryStore implements PaymentStore {
  readonly payments = new Map<string, StoredPayment>();
  readonly senders = new Map<string, Sender>();
  readonly lessons: StoredLessons[] = [];
  readonly events: (PaymentOutEvent & { id: string })[] = [];
  snapshot: KnowledgeSnapshot | undefined;
  readonly stops = new Set<string>();
  commits = 0;
  readonly #now: () => number;
  readonly #written = new Map<string, string>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async createPayment(
    payment: Pick<StoredPayment, 'id' | 'request' | 'state' | 'createdAt' | 'owner'>,
    events: readonly PaymentOutEvent[],
  ): Promise<Created> {
    const same = this.payments.get(payment.id);
    if (same) return { kind: same.owner === payment.owner ? 'created' : 'exists', payment: copy(same) };
    const other = await this.paymentOfHash(payment.state.terms.paymentHash);
    if (other && other.state.phase !== 'failed') return { kind: 'exists', payment: other };
    const stored = copy({ ...payment, version: 1, epoch: 1 });
    this.payments.set(payment.id, stored);
    this.events.push(...events.map((event) => ({ ...event, id: payment.id })));
    return { kind: 'created', payment: copy(stored) };
  }

  async commitStep(step: StepCommit): Promise<'committed' | 'fenced'> {
    this.commits++;
    const stored = this.payments.get(step.id);
    if (stored?.owner !== step.owner || stored.epoch !== step.epoch) return 'fenced';
    const name = `${step.id}/${step.epoch}/${step.version}`;
    const text = JSON.stringify(step, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value instanceof Uint8Array ? toHex(value) : value,
    );
    if (stored.version === step.version + 1 && this.#written.get(name) === text) return 'committed';
    if (stored.version !== step.version) throw new Error(`conflict at version ${step.version} of ${stored.version}`);
    this.payments.set(step.id, copy({ ...stored, state: step.state, version: step.version + 1 }));
    this.#written.set(name, text);
    await this.appendLessons(step.owner, step.lessons);
    this.events.push(...step.events.map((event) => ({ ...event, id: step.id })));
    return 'committed';
  }

  async readPayment(id: string): Promise<StoredPayment | undefined> {
    return copy(this.payments.get(id));
  }

  async paymentOfHash(paymentHash: Uint8Array): Promise<StoredPayment | undefined> {
    const hash = toHex(paymentHash);
    return copy([...this.payments.values()].reverse().find(({ state }) => toHex(state.terms.paymentHash) === hash));
  }

  async listOutgoing(limit: number, _before?: ListPlace): Promise<readonly StoredPayment[]> {
    return copy([...this.payments.values()].reverse().slice(0, limit));
  }

  async renewSender(owner: string, ttl: number): Promise<boolean> {
    const sender = this.senders.get(owner);
    if (sender?.isGone === true) return false;
    this.senders.set(owner, { until: this.#now() + ttl, isGone: false });
    return true;
  }

  async leaveSender(owner: string): Promise<void> {
    this.senders.set(owner, { until: 0, isGone: true });
  }

  async claimPayments(owner: string, limit: number): Promise<readonly StoredPayment[]> {
    if (this.senders.get(owner)?.isGone !== false) return [];
    const isGone = (other: string): boolean => {
      const sender = this.senders.get(other);
      return sender === undefined || sender.isGone || sender.until < this.#now();
    };
    const orphans = [...this.payments.values()].filter((each) => !each.state.isEnded && isGone(each.owner));
    return orphans.slice(0, limit).map((orphan) => {
      this.senders.set(orphan.owner, { until: 0, isGone: true });
      const taken = { ...orphan, owner, epoch: orphan.epoch + 1 };
      this.payments.set(orphan.id, taken);
      return copy(taken);
    });
  }

  async paymentsOf(owner: string): Promise<readonly string[]> {
    return [...this.payments.values()]
      .filter((each) => !each.state.isEnded && each.owner === owner)
      .map(({ id }) => id);
  }

  async askToStop(id: string): Promise<void> {
    this.stops.add(id);
  }

  async stopsAsked(owner: string): Promise<readonly string[]> {
    return (await this.paymentsOf(owner)).filter((id) => this.stops.has(id));
  }

  async startingKnowledge(): Promise<StartingKnowledge> {
    const reserved = [...this.payments.values()].flatMap(({ state }) => partsOut(state).map(({ hops }) => hops));
    return copy({ snapshot: this.snapshot, seq: BigInt(this.lessons.length), reserved });
  }

  async lessonsAfter(seq: bigint, limit: number): Promise<readonly StoredLessons[]> {
    return copy(this.lessons.slice(Number(seq), Number(seq) + limit));
  }

  async appendLessons(owner: string, lessons: readonly SharedLesson[]): Promise<void> {
    if (lessons.length === 0) return;
    this.lessons.push(copy({ seq: BigInt(this.lessons.length + 1), owner, at: this.#now(), lessons }));
  }

  async saveKnowledge(snapshot: KnowledgeSnapshot): Promise<void> {
    if (this.snapshot && this.snapshot.seq > snapshot.seq) return;
    this.snapshot = copy(snapshot);
  }
}
