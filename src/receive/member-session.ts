/**
 * One open stream of a member under service: heartbeats that renew the lease, finals that were missed, decisions of other
 * processes, until the stream, the lease or the process ends.
 */
import type { KeyRing, VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import type { HtlcAnswer, InterceptPort, InterceptSession, NodeInfo } from './node-port.js';
import { PresentedHtlcs, type Serving } from './presented.js';
import { Ending, settled, within } from './waiting.js';

/** What the ledger said when the stream of a node was asked for. */
export type Claim =
  | { readonly type: 'owned'; readonly serving: Serving }
  | { readonly type: 'held'; readonly by: string; readonly remainingMs: Millis }
  | { readonly type: 'store-away' };

export interface SessionOptions {
  readonly port: InterceptPort;
  readonly name: string;
  readonly info: NodeInfo;
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly keys: () => KeyRing;
  readonly alarms: AlarmSink;
  readonly verdictPolicy: VerdictPolicy;
  readonly leaseTtlMs: Millis;
  /** Takes the lease anew: used while the store was away when the stream was opened. */
  readonly claim: (height: BlockHeight) => Promise<Claim>;
  readonly onServing: (serving: boolean) => void;
  readonly onAnswered?: (answer: HtlcAnswer['action'], reason: string, waitedMs: number) => void;
}

/** What waits longer may have been decided by another process whose hint was lost. */
const POLL_AFTER_MS = 1_000;
/** What this process decided itself is answered sooner than this. */
const HINT_DELAY_MS = 50;
/** How often the node is asked about parts that should be final by now. */
const LOOK_UP_EVERY_MS = 30_000;
/** A node that leaves a question unanswered for so long is taken to be away. */
export const NODE_TIMEOUT_MS = 15_000;

const TAKEN = 'another process serves this node now';

export class MemberSession {
  readonly end = new Ending();
  readonly presented: PresentedHtlcs;
  readonly #options: SessionOptions;
  readonly #nodeId: string;
  #serving: Serving | undefined;
  #pullPlanned = false;
  #lookingUp = false;
  #lookedUpAt: Millis;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { port, name, info, ledger, clock, keys, verdictPolicy, alarms, onAnswered } = options;
    this.#nodeId = toHex(info.nodeId);
    this.#lookedUpAt = clock.now();
    this.presented = new PresentedHtlcs({
      port,
      nodeName: name,
      height: info.height,
      ledger,
      clock,
      keys,
      verdictPolicy,
      alarms,
      onUseless: (reason) => {
        this.end.reach(reason);
      },
      ...(onAnswered && { onAnswered }),
    });
  }

  /** Opens the stream and serves it until the end. Rejects if it cannot be opened. */
  async run(claim: Claim): Promise<void> {
    const session = await this.#open();
    const unsubscribe = this.#options.ledger.onDecided((parts) => {
      this.presented.decided(parts);
    });
    try {
      this.presented.begin(session);
      this.#takeUp(claim);
      await this.#keepAlive(session);
    } finally {
      unsubscribe();
      this.presented.end();
      session.close();
    }
  }

  async #open(): Promise<InterceptSession> {
    const opening = this.#options.port.open({
      onHtlc: (htlc) => {
        this.presented.present(htlc);
      },
      onFinal: (result) => {
        this.presented.final(result);
      },
      onHeight: (height) => {
        this.presented.height = height;
        this.presented.alarmOverdue(this.#options.ledger.policy.marginBlocks);
      },
      onClosed: (reason) => {
        this.end.reach(reason);
      },
    });
    const session = await within(this.#options.clock, NODE_TIMEOUT_MS, opening);
    if (session) return session;
    void settled(opening.then((late) => late.close())); // nobody serves it any more
    throw new Error('the node did not open the stream in time');
  }

  /** Begins to serve phantom HTLCs if the lease is ours; until then only forwards are. */
  #takeUp(claim: Claim): void {
    if (claim.type === 'held') {
      this.end.reach(TAKEN);
      return;
    }
    if (claim.type === 'owned') {
      this.#serving = claim.serving;
      this.presented.serve(claim.serving);
      void this.#lookUpFinals(claim.serving);
    }
    this.#options.onServing(claim.type === 'owned');
  }

  /** Heartbeats until the end: the lease is renewed only while the node answers over the very stream that is served. */
  async #keepAlive(session: InterceptSession): Promise<void> {
    const { clock, store, leaseTtlMs, ledger } = this.#options;
    while (!this.end.isReached()) {
      await within(clock, leaseTtlMs / 4, this.end.reached);
      if (this.end.isReached()) return;
      const askedAt = await within(clock, leaseTtlMs / 4, settled(store.now()));
      const beat = Promise.race([session.heartbeat(), this.end.reached]);
      const height = await settled(within(clock, leaseTtlMs, beat));
      if (typeof height !== 'number') {
        this.end.reach('the node did not answer a heartbeat');
        return;
      }
      this.presented.height = height;
      this.presented.alarmOverdue(ledger.policy.marginBlocks);
      if (this.#serving) await this.#renew(this.#serving, height, askedAt);
      else this.#takeUp(await this.#options.claim(height));
    }
  }

  /** @param askedAt the database's clock before the heartbeat; undefined where the database is away */
  async #renew(serving: Serving, height: BlockHeight, askedAt: Millis | undefined): Promise<void> {
    const { ledger, leaseTtlMs, clock } = this.#options;
    if (askedAt === undefined) return;
    const renewed = await settled(ledger.renewLease(this.#nodeId, serving.epoch, height, askedAt + leaseTtlMs));
    if (renewed === false) {
      this.end.reach(TAKEN);
      return;
    }
    if (this.presented.waitsLongerThan(POLL_AFTER_MS)) await this.#pull();
    if (clock.now() - this.#lookedUpAt >= LOOK_UP_EVERY_MS) void this.#lookUpFinals(serving);
  }

  /** Another process may have decided about parts of this node. Hints come with every commit, so few lead to a look. */
  hinted(): void {
    if (this.#pullPlanned) return;
    this.#pullPlanned = true;
    this.#options.clock.after(HINT_DELAY_MS, () => {
      this.#pullPlanned = false;
      if (this.presented.waitsLongerThan(HINT_DELAY_MS)) void this.#pull();
    });
  }

  /** Fetches what was decided for this node, by whomever. */
  async #pull(): Promise<void> {
    this.presented.decided((await settled(this.#options.store.decidedParts(this.#nodeId))) ?? []);
  }

  /** Asks the node about every part that is not final: results that fell between two sessions, or were lost on the way. */
  async #lookUpFinals({ recorded }: Serving): Promise<void> {
    if (this.#lookingUp) return;
    this.#lookingUp = true;
    const { clock, port, info } = this.#options;
    for (const { key } of [...recorded.values()]) {
      if (this.end.isReached()) break;
      const htlcKey = { ...key, nodeId: info.nodeId };
      const outcome = await settled(within(clock, NODE_TIMEOUT_MS, port.lookupFinal(htlcKey)));
      if (outcome) this.presented.final({ key: htlcKey, outcome, onChain: false });
    }
    this.#lookedUpAt = clock.now();
    this.#lookingUp = false;
  }
}
