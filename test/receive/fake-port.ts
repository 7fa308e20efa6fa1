/** A node by hand: shows what it is told to, writes down what is done to it, and loses its stream on command. */
import { samplePayment } from '../../src/bench/payments.js';
import { BENCH_HEIGHT } from '../../src/bench/loopback-node.js';
import { ec } from '../../src/crypto/index.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { ClusterKeys, DEFAULT_VERDICT_POLICY, judgeHtlc, KeyRing } from '../../src/phantom/index.js';
import type { Alarm } from '../../src/receive/alarms.js';
import { commandFor, partKeyOf } from '../../src/receive/htlc-command.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import type { LedgerStore } from '../../src/receive/ledger/store-port.js';
import type { LedgerReply } from '../../src/receive/ledger/types.js';
import { Member, type MemberOptions } from '../../src/receive/member.js';
import type {
  FinalResult,
  HtlcAnswer,
  InterceptedHtlc,
  InterceptHandlers,
  InterceptPort,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../../src/receive/node-port.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakeLedgerStore, FakeStoreAway } from '../support/fake-ledger-store.js';

export const NODE_ID = ec.publicKey(new Uint8Array(32).fill(9));
export const OTHER_NODE_ID = ec.publicKey(new Uint8Array(32).fill(10));

export function ringOf(seed: number): KeyRing {
  return new KeyRing({ id: seed, keys: new ClusterKeys(new Uint8Array(32).fill(seed)) });
}

export class FakePort implements NodePort {
  readonly kind = 'fake';
  readonly name: string;
  readonly intercept: InterceptPort;
  readonly answers: { readonly at: number; readonly htlcId: bigint; readonly action: HtlcAnswer['action'] }[] = [];
  /** When the stream was opened. */
  readonly opened: number[] = [];
  /** Shown while the stream is being opened, as LND does. */
  shown: readonly InterceptedHtlc[] = [];
  synced = true;
  /** What every call fails with. */
  trouble: string | undefined;
  /** What an answer meets. */
  fate: 'sent' | 'unknown' | 'closed' = 'sent';
  #handlers: InterceptHandlers | undefined;

  constructor(clock: { now(): number }, name = 'alpha') {
    this.name = name;
    this.intercept = {
      nodeFailureCodes: 'any',
      lookupFinal: async (): Promise<FinalResult['outcome'] | undefined> => undefined,
      open: async (handlers) => {
        this.#check();
        if (this.#handlers) throw new Error('an interceptor exists already');
        this.#handlers = handlers;
        this.opened.push(clock.now());
        for (const htlc of this.shown) handlers.onHtlc(htlc);
        return {
          answer: ({ htlcId }, { action }) => {
            this.answers.push({ at: clock.now(), htlcId, action });
            return this.fate;
          },
          heartbeat: async () => {
            this.#check();
            return BENCH_HEIGHT;
          },
          close: () => {
            if (this.#handlers === handlers) this.#handlers = undefined;
          },
        };
      },
    };
  }

  #check(): void {
    if (this.trouble !== undefined) throw new Error(this.trouble);
  }

  async info(): Promise<NodeInfo> {
    this.#check();
    const { synced } = this;
    return { nodeId: NODE_ID, network: 'regtest', alias: this.name, version: '1', height: BENCH_HEIGHT, synced };
  }

  async channels(): Promise<readonly LocalChannel[]> {
    return [];
  }

  show(htlc: InterceptedHtlc): void {
    this.#handlers!.onHtlc(htlc);
  }

  lose(reason: string): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.onClosed(reason);
  }

  get actions(): readonly string[] {
    return this.answers.map(({ action }) => action);
  }
}

/** A store of which calls can be made to fail, at once or late. */
export function troubled(
  clock: VirtualClock,
  store: FakeLedgerStore,
): { readonly store: LedgerStore; failAfter: number | undefined } {
  const state: { store: LedgerStore; failAfter: number | undefined } = {
    failAfter: undefined,
    store: new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          const { failAfter } = state;
          if (failAfter === undefined) return Reflect.apply(member, target, args);
          return new Promise((_resolve, reject) => {
            clock.after(failAfter, () => {
              reject(new FakeStoreAway('the query was not answered in time'));
            });
          });
        };
      },
    }),
  };
  return state;
}

/** Another process of the cluster, which owns a node for an hour. */
export async function otherProcess(
  store: FakeLedgerStore,
  clock: { now(): number },
  { nodeId = OTHER_NODE_ID, keys = ringOf(1), ttl = 3_600_000 } = {},
): Promise<(htlc: InterceptedHtlc) => Promise<LedgerReply>> {
  const ledger = new Ledger({ store, owner: 'another process' });
  const claimed = await ledger.acquireLease(toHex(nodeId), BENCH_HEIGHT, ttl);
  if (claimed.type !== 'owned') throw new Error('the lease is held');
  const { epoch } = claimed.lease;
  return (htlc) => {
    const now = Math.floor(clock.now() / 1000);
    const context = { keys, nodeId, height: BENCH_HEIGHT, now, policy: DEFAULT_VERDICT_POLICY };
    const verdict = judgeHtlc(htlc, context);
    return ledger.submit(commandFor({ key: partKeyOf(htlc.key), htlc, verdict, epoch }));
  };
}

export interface Rig {
  readonly clock: VirtualClock;
  readonly store: FakeLedgerStore;
  readonly port: FakePort;
  readonly alarms: Alarm[];
  /** A payment to this node, or in two parts to this one and another. */
  readonly payment: (nodes?: readonly Uint8Array[]) => InterceptedHtlc[];
  readonly member: (change?: Partial<MemberOptions>) => Member;
}

export function rig(): Rig {
  const clock = new VirtualClock(Date.now());
  const store = new FakeLedgerStore({ now: clock.now });
  const port = new FakePort(clock);
  const alarms: Alarm[] = [];
  const keys = ringOf(1);
  return {
    clock,
    store,
    port,
    alarms,
    payment: (nodes = [NODE_ID]) => samplePayment(keys, nodes, nodes.length),
    member: (change = {}) => {
      const used = change.store ?? store;
      return new Member({
        node: port,
        network: 'regtest',
        keys: () => keys,
        ledger: new Ledger({ store: used, owner: 'this process' }),
        store: used,
        clock,
        alarms: { raise: (alarm) => void alarms.push(alarm) },
        ...change,
      });
    },
  };
}
