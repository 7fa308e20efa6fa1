/**
 * The payee inside the cluster. Paying an invoice of our own needs no network: the HTLC is a row of the database, which a
 * virtual member of the cluster holds and presents like any node presents its own. Verdict, ledger, hold invoices, leases
 * and finals are the ordinary ones, so such a payment settles exactly once, against payers outside too.
 *
 * Each process of a cluster has this member; the one that holds its lease answers, whichever one sends.
 */
import { type KeyRing, phantomScid } from '../../phantom/index.js';
import type {
  HtlcKey,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  Network,
  NodeInfo,
  NodePort,
} from '../../receive/node-port.js';
import type { LookUpAnswer, PartOutcome } from '../../send/index.js';
import type { Clock, LookUp, NodeBalances, OutgoingPart, SendPort } from '../../send/run/ports.js';
import { toHex } from '../../wire/bytes.js';
import { MAX_MSAT } from '../../wire/units.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import { htlcOfPart, isPlace, NEVER_CAME, outcomeOf, partNameOf, placeOf, REFUSED } from './htlc.js';
import { internalNodeId } from './identity.js';
import { Outcomes } from './outcomes.js';
import { InternalSession } from './session.js';
import type { InternalHtlc, InternalHtlcs } from './store-port.js';

export interface InternalNodeOptions {
  /** Names the cluster for as long as its database lives; no secret. */
  readonly cluster: string;
  readonly store: InternalHtlcs;
  readonly keys: () => KeyRing;
  readonly network: Network;
  /** The greatest height of the real members; 0 or undefined until one is known. */
  readonly height: () => BlockHeight | undefined;
  readonly clock: Clock;
  /** How often rows are looked at that another process may have written. Default 500. */
  readonly pollMs?: Millis;
}

export const INTERNAL_NAME = 'internal';
const DEFAULT_POLL_MS = 500;
const VERSION = 'manifold-internal 1';
/** Far more than anybody sends to himself at a time. */
const SLOTS = 483;

export class InternalNode implements NodePort {
  readonly name = INTERNAL_NAME;
  readonly kind = 'internal';
  readonly nodeId: NodeId;
  readonly intercept: InterceptPort;
  readonly send: SendPort;
  readonly #options: InternalNodeOptions;
  readonly #pollMs: Millis;
  readonly #outcomes: Outcomes;
  readonly #id: string;
  #session: InternalSession | undefined;
  #height: BlockHeight | undefined;

  constructor(options: InternalNodeOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.nodeId = internalNodeId(options.cluster);
    this.#id = toHex(this.nodeId);
    this.#outcomes = new Outcomes(options.store, options.clock, this.#pollMs);
    this.intercept = {
      nodeFailureCodes: 'any',
      open: (handlers) => this.#open(handlers),
      lookupFinal: (key) => this.#lookupFinal(key),
    };
    this.send = {
      balances: () => this.#balances(),
      send: (part, accepted) => this.#send(part, accepted),
      lookUp: (question) => this.#lookUp(question),
    };
  }

  isOwnPayee(payee: NodeId): boolean {
    return this.#options.keys().epochOfPayee(payee) !== undefined;
  }

  /** Rows may have come or ended, by whatever process: looks at once. */
  hint(): void {
    void this.#outcomes.look();
    void this.#session?.look().catch(() => undefined); // the next look finds it
  }

  /** Sends that are waited for are given up; what was sent goes on, and is found by {@link SendPort.lookUp}. */
  close(): void {
    this.#session?.end('the process ends');
    this.#outcomes.giveUp('the process ends');
  }

  async info(): Promise<NodeInfo> {
    const height = this.#heightNow();
    return {
      nodeId: this.nodeId,
      network: this.#options.network,
      alias: INTERNAL_NAME,
      version: VERSION,
      height,
      synced: true,
    };
  }

  /** None: nobody outside can pay through it, so no invoice names it. */
  async channels(): Promise<readonly LocalChannel[]> {
    return [];
  }

  /** @throws while no real member has told of a height */
  #heightNow(): BlockHeight {
    const height = this.#options.height();
    if (height !== undefined && height > 0) this.#height = Math.max(this.#height ?? 0, height);
    if (this.#height === undefined)
      throw new Error('payments inside the cluster wait until one of its nodes is reached');
    return this.#height;
  }

  async #open(handlers: InterceptHandlers): Promise<InterceptSession> {
    if (this.#session) throw new Error('the internal member has a session already');
    this.#heightNow();
    const { store, keys, clock } = this.#options;
    const session = new InternalSession(
      {
        nodeId: this.nodeId,
        store,
        keys,
        clock,
        pollMs: this.#pollMs,
        height: () => this.#heightNow(),
        onEnded: (row) => {
          this.#outcomes.seen(row);
        },
        onClosed: () => {
          if (this.#session === session) this.#session = undefined;
        },
      },
      handlers,
    );
    this.#session = session;
    try {
      await session.begin();
    } catch (error) {
      session.end('the database is away');
      throw error;
    }
    return session;
  }

  async #lookupFinal({ nodeId, channelId, htlcId }: HtlcKey): Promise<'settled' | 'failed' | undefined> {
    const row = await this.#options.store.lookup({ nodeId: toHex(nodeId), channelId, htlcId });
    return row && row.end.state !== 'held' ? row.end.state : undefined;
  }

  /** A way to each of the own phantom nodes, which carries every amount. */
  async #balances(): Promise<NodeBalances> {
    const channels = this.#options.keys().epochs.map(({ keys }) => ({
      scid: phantomScid(keys, this.nodeId, 0),
      peer: keys.phantomNodeId,
      spendableMsat: MAX_MSAT,
      slots: SLOTS,
    }));
    return { nodeId: this.nodeId, height: this.#heightNow(), channels };
  }

  async #send(part: OutgoingPart, accepted: () => void): Promise<PartOutcome> {
    const htlc = htlcOfPart(this.#options.keys(), this.#id, part);
    if (!htlc) return REFUSED;
    const row = await this.#options.store.hold(htlc);
    if (isPlace(row)) return REFUSED; // its fate was asked for before it came
    accepted();
    this.#session?.show(row);
    return this.#outcomes.of(row);
  }

  /**
   * A part that is not there is answered for only after its place was taken: a process that was frozen before it wrote can
   * not send it any more.
   */
  async #lookUp(question: LookUp): Promise<LookUpAnswer> {
    const { store } = this.#options;
    try {
      const row = (await store.ofPart(partNameOf(question))) ?? (await this.#takePlace(question));
      if (isPlace(row)) return { kind: 'never_seen' };
      return outcomeOf(row) ?? { kind: 'in_flight' };
    } catch {
      return { kind: 'unavailable' };
    }
  }

  async #takePlace(question: LookUp): Promise<InternalHtlc> {
    const { store } = this.#options;
    const row = await store.hold(placeOf(this.#id, question));
    return isPlace(row) ? ((await store.fail(row, NEVER_CAME)) ?? row) : row;
  }
}
