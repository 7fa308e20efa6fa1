/**
 * Own nodes, a network behind them and processes that can die, freeze or lose their connections, all on virtual time. What
 * really happens to every HTLC is known here, so every broken rule about money is seen.
 */
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import { sha256 } from '../../../src/crypto/index.js';
import {
  type Clock,
  type LookUp,
  type LookUpAnswer,
  type Modifier,
  type NodeBalances,
  type OutgoingPart,
  ownBalances,
  type PartOutcome,
  type PaymentStore,
  type PaymentTerms,
  type Plan,
  type Planner,
  type PlanRequest,
  type Refusal,
  type Report,
  type ReportedFailure,
  retryLimit,
  Sender,
  type SenderOptions,
  type SendPort,
  type StoredPayment,
  waitHeight,
} from '../../../src/send/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { HEIGHT, partOf, planOf, START, termsOf } from '../payment/support.js';
import { nodeId, nodeNumber } from '../support.js';
import { MemoryStore } from './memory-store.js';

export const MODIFIERS: readonly Modifier[] = [ownBalances, waitHeight, retryLimit()];

interface Htlc {
  readonly hash: string;
  readonly node: number;
  readonly amountMsat: bigint;
  readonly outMsat: bigint;
  readonly totalMsat: bigint;
  state: 'flying' | 'settled' | 'failed';
  outcome?: PartOutcome;
  readonly listeners: ((outcome: PartOutcome) => void)[];
}

export type Fate =
  | { readonly kind: 'settle'; readonly afterMs: number }
  | { readonly kind: 'fail'; readonly afterMs: number; readonly failure?: ReportedFailure }
  | { readonly kind: 'hold' };

/** A channel on the way has not enough. */
export const NO_LIQUIDITY: ReportedFailure = { kind: 'decoded', reporter: 1, code: 0x1007 };

export class World {
  readonly clock = new VirtualClock(START);
  readonly db = new MemoryStore(() => this.clock.now());
  readonly violations: string[] = [];
  readonly htlcs = new Map<string, Htlc>();
  readonly reports: { process: string; id: string; report: Report }[] = [];
  readonly troubles: string[] = [];
  readonly balances = new Map<number, bigint>([
    [1, 200_000n],
    [2, 200_000n],
  ]);
  readonly away = new Set<number>();
  readonly preimages = new Map<string, Uint8Array>();
  height = HEIGHT;
  sends = 0;
  /** What becomes of a part. */
  fate: (part: OutgoingPart, node: number) => Fate = () => ({ kind: 'settle', afterMs: 300 });
  /** Whether nodes confirm what they let go. */
  confirms = true;

  terms(over: Partial<PaymentTerms> = {}, preimage = new Uint8Array(32).fill(7)): PaymentTerms {
    const paymentHash = sha256(preimage);
    this.preimages.set(toHex(paymentHash), preimage);
    return termsOf({ paymentHash, startedAt: this.clock.now(), deadline: this.clock.now() + 60_000, ...over });
  }

  port(node: number): SendPort {
    return {
      balances: async () => {
        if (this.away.has(node)) throw new Error('the node is away');
        return this.#balances(node);
      },
      send: (part, accepted) => this.#send(node, part, accepted),
      lookUp: async (question) => this.#lookUp(node, question),
    };
  }

  settle(key: string): void {
    const htlc = this.htlcs.get(key)!;
    this.#resolve(htlc, { kind: 'settled', preimage: this.preimages.get(htlc.hash)! });
  }

  fail(key: string, failure: ReportedFailure = NO_LIQUIDITY): void {
    this.#resolve(this.htlcs.get(key)!, { kind: 'failed', failure });
  }

  /** Parts of a hash that may still take or have taken money. */
  live(hash: string): Htlc[] {
    return [...this.htlcs.values()].filter((htlc) => htlc.hash === hash && htlc.state !== 'failed');
  }

  heard(process: string, id: string, report: Report): void {
    this.reports.push({ process, id, report });
    const payment = this.db.payments.get(id);
    if (!payment) return;
    const live = this.live(toHex(payment.state.terms.paymentHash));
    if (report.kind === 'failed' && live.length > 0) this.violations.push('failure is told while money is out');
    if (report.kind === 'succeeded' && live.every(({ state }) => state !== 'settled')) {
      this.violations.push('success is told and is not true');
    }
  }

  /** The end has to be the truth, and everything that was reserved has to be free again. */
  check(): string[] {
    const known = [...this.db.payments.values()].flatMap(({ state: { parts, terms } }) =>
      parts.map((part) => keyOf({ ...terms, part })),
    );
    if ([...this.htlcs].some(([key, { state }]) => state === 'settled' && !known.includes(key))) {
      this.violations.push('a part has settled that no payment knows');
    }
    for (const { id, state } of this.db.payments.values()) {
      const live = this.live(toHex(state.terms.paymentHash));
      if (!state.isEnded) this.violations.push(`payment ${id} does not end: ${state.phase}`);
      else if (live.some((htlc) => htlc.state === 'flying')) this.violations.push('ended with money out');
      const own = state.parts.map((part) => this.htlcs.get(keyOf({ paymentHash: state.terms.paymentHash, part })));
      const isPaid = own.some((htlc) => htlc?.state === 'settled');
      if (state.isEnded && isPaid !== (state.phase === 'succeeded')) this.violations.push('the end is not the truth');
    }
    return this.violations;
  }

  #balances(node: number): NodeBalances {
    const out = [...this.htlcs.values()]
      .filter((htlc) => htlc.node === node && htlc.state !== 'failed')
      .reduce((sum, { outMsat }) => sum + outMsat, 0n);
    const peer = node + 10;
    const spendableMsat = (this.balances.get(node) ?? 0n) - out;
    const channels = [{ scid: BigInt(100 * node + peer), peer: nodeId(peer), spendableMsat, slots: 30 }];
    return { nodeId: nodeId(node), height: this.height, channels };
  }

  #send(node: number, outgoing: OutgoingPart, accepted: () => void): Promise<PartOutcome> {
    const { part, paymentHash, totalMsat } = outgoing;
    this.sends++;
    const hash = toHex(paymentHash);
    const key = keyOf(outgoing);
    if (this.htlcs.has(key)) this.violations.push(`part ${part.id} is sent twice`);
    if (nodeNumber(part.source) !== node) this.violations.push('a part is sent by another node than planned');
    const stored = [...this.db.payments.values()].filter(({ state }) => toHex(state.terms.paymentHash) === hash);
    if (
      stored.length > 0 &&
      !stored.some(({ state }) => state.parts.some(({ id, state: at }) => id === part.id && at !== 'planned'))
    ) {
      this.violations.push(`part ${part.id} is sent before that is recorded`);
    }
    if (this.away.has(node)) return Promise.reject(new Error('the node is away'));
    const outMsat = part.hops[0]!.amountMsat;
    if (this.#balances(node).channels[0]!.spendableMsat < outMsat) {
      return Promise.resolve({ kind: 'failed', failure: { kind: 'local', reason: 'balance' } });
    }
    const htlc: Htlc = { hash, node, amountMsat: part.amountMsat, outMsat, totalMsat, state: 'flying', listeners: [] };
    this.htlcs.set(key, htlc);
    const sum = this.live(hash).reduce((total, { amountMsat }) => total + amountMsat, 0n);
    if (sum > totalMsat) this.violations.push('more than the amount is in flight');
    if (this.confirms) accepted();
    const fate = this.fate(outgoing, node);
    if (fate.kind !== 'hold') {
      this.clock.after(fate.afterMs, () => {
        if (fate.kind === 'settle') this.settle(key);
        else this.fail(key, fate.failure);
      });
    }
    return new Promise((resolve) => {
      htlc.listeners.push(resolve);
    });
  }

  #resolve(htlc: Htlc, outcome: PartOutcome): void {
    if (htlc.state !== 'flying') return;
    htlc.state = outcome.kind === 'settled' ? 'settled' : 'failed';
    htlc.outcome = outcome;
    for (const tell of htlc.listeners) tell(outcome);
  }

  #lookUp(node: number, { paymentHash, part, siblings }: LookUp): LookUpAnswer {
    if (!siblings.some(({ id }) => id === part.id)) this.violations.push('a look-up lacks the part among its siblings');
    if (siblings.some(({ source }) => nodeNumber(source) !== node)) this.violations.push('siblings of another node');
    if (this.away.has(node)) return { kind: 'unavailable' };
    const htlc = this.htlcs.get(keyOf({ paymentHash, part }));
    if (!htlc) return { kind: 'never_seen' };
    return htlc.outcome ?? { kind: 'in_flight' };
  }
}

/** A payment that is tried anew after a failure counts its parts from 0 again. */
const keyOf = ({ paymentHash, part }: Pick<OutgoingPart, 'paymentHash' | 'part'>): string =>
  `${toHex(paymentHash)}/${part.id}/${part.sentAt!}`;

/** Equal shares over the sources that can carry them. */
export function sharePlanner(parts: number): Planner {
  return {
    plan({ amountMsat, sources, maxParts, height }: PlanRequest): Plan | Refusal {
      const count = BigInt(Math.max(1, Math.min(parts, maxParts)));
      const left = new Map(sources.map(({ nodeId: id, channels }) => [nodeNumber(id), channels[0]!.spendableMsat]));
      const made = [];
      for (let i = 0n; i < count; i++) {
        const share = i === count - 1n ? amountMsat - (amountMsat / count) * (count - 1n) : amountMsat / count;
        const able = [...left].filter(([, spendable]) => spendable >= share + 10n).sort((a, b) => Number(b[1] - a[1]));
        const source = able[0]?.[0];
        if (source === undefined) {
          return { kind: 'refusal', code: 'own_balance', spendableMsat: 0n, message: 'own channels hold too little' };
        }
        left.set(source, left.get(source)! - share - 10n);
        const part = partOf(share, { source, via: [source + 10, 30] });
        const hops = part.hops.map((hop) => ({ ...hop, expiry: hop.expiry + height - HEIGHT }));
        made.push({ ...part, hops });
      }
      return planOf(...made);
    },
  };
}

export interface ProcessOptions extends Partial<SenderOptions> {
  /** A planted one, between the process and its database. */
  readonly bug?: (store: PaymentStore) => PaymentStore;
  readonly isRealPlanner?: boolean;
}

/** A process: everything that it awaits passes here, so that it can die or freeze at any of these points. */
export class Process {
  readonly name: string;
  readonly sender: Sender;
  readonly #world: World;
  isDead = false;
  /** Called at every point; its number counts from 1. */
  onPoint: (point: number, what: string) => void = () => undefined;
  points = 0;
  isDatabaseAway = false;
  /** Somebody has set the clock of the machine. */
  clockOffset = 0;
  #thaw: Promise<void> | undefined;
  #endFreeze: () => void = () => undefined;
  #frozenTimers: (() => void)[] = [];

  constructor(world: World, name: string, over: ProcessOptions = {}) {
    this.#world = world;
    this.name = name;
    const { bug, isRealPlanner, ...options } = over;
    const store = this.#through('store', world.db);
    const nodes = [1, 2].map((node) => ({ name: `n${node}`, send: this.#port(world.port(node)) }));
    // Far from the numbers of any other name: ids are made of them.
    let drawn = [...name].reduce((sum, letter) => Math.imul(sum, 1_000_003) + letter.charCodeAt(0), 7) * 1009;
    this.sender = new Sender({
      nodes,
      store: bug ? bug(store) : store,
      clock: this.#clock(),
      random: () => (Math.imul(++drawn | 0, 2654435761) >>> 0) / 4294967296,
      owner: name,
      modifiers: MODIFIERS,
      ...(isRealPlanner === true ? {} : { planner: sharePlanner(2) }),
      onReport: (payment: StoredPayment, report: Report) => {
        if (!this.isDead) world.heard(name, payment.id, report);
      },
      onTrouble: (what, error) => world.troubles.push(`${name}: ${what}: ${String(error)}`),
      ...options,
    });
  }

  die(): void {
    this.isDead = true;
  }

  freeze(): void {
    this.#thaw = new Promise((resolve) => {
      this.#endFreeze = resolve;
    });
  }

  thaw(): void {
    this.#thaw = undefined;
    this.#endFreeze();
    const timers = this.#frozenTimers;
    this.#frozenTimers = [];
    for (const timer of timers) this.#world.clock.after(0, timer);
  }

  #point(what: string): void {
    if (this.isDead) return;
    this.points++;
    this.onPoint(this.points, what);
  }

  #clock(): Clock {
    const { clock } = this.#world;
    return {
      now: () => clock.now() + this.clockOffset,
      after: (delay, task) => {
        let isCancelled = false;
        const run = (): void => {
          if (this.isDead || isCancelled) return;
          if (this.#thaw) this.#frozenTimers.push(run);
          else task();
        };
        const cancel = clock.after(delay, run);
        return () => {
          isCancelled = true;
          cancel();
        };
      },
    };
  }

  #port(port: SendPort): SendPort {
    return this.#through('node', port);
  }

  /** Every call can be cut off before and after it was made. */
  #through<T extends object>(what: string, target: T): T {
    return new Proxy(target, {
      get: (_, name) => {
        const method = Reflect.get(target, name) as unknown;
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) =>
          this.#call(`${what}.${String(name)}`, what, () => method.apply(target, args) as Promise<unknown>);
      },
    });
  }

  async #call(name: string, what: string, call: () => Promise<unknown>): Promise<unknown> {
    this.#point(`${name} before`);
    await this.#alive();
    if (what === 'store' && this.isDatabaseAway) throw new Error('the database is away');
    const [made] = await Promise.allSettled([call()]);
    this.#point(`${name} after`);
    await this.#alive();
    if (what === 'store' && this.isDatabaseAway) throw new Error('the answer of the database is lost');
    if (made.status === 'rejected') throw made.reason as Error;
    return made.value;
  }

  async #alive(): Promise<void> {
    if (this.isDead) await new Promise(() => undefined);
    await this.#thaw;
    if (this.isDead) await new Promise(() => undefined);
  }
}
