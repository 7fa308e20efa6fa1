/** Bugs planted between the real code and its world, one for each rule about money. */
import { peelOnion } from '../../src/onion/index.js';
import type { LedgerStore, LedgerView } from '../../src/receive/ledger/store-port.js';
import type { Account, Lease } from '../../src/receive/ledger/types.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';
import type { FakeProcess } from '../support/fake-process.js';
import type { Emphasis } from './run.js';
import { openFakeStore, type OpenStore, toldOf, type Wiring } from './world.js';

/** A schema that would take anything: the bug alone is on trial. */
const openLaxStore: OpenStore = async (now) => {
  const store = new FakeLedgerStore({ now, constraints: false });
  return { store, told: async () => store.events.flatMap(toldOf), close: async () => undefined };
};

type Transact = LedgerStore['transact'];

/** A store that differs in its transactions only. */
function withTransact(inner: LedgerStore, transact: Transact): LedgerStore {
  return {
    transact,
    now: () => inner.now(),
    leases: () => inner.leases(),
    unfinishedParts: (nodeId) => inner.unfinishedParts(nodeId),
    prune: (decidedBefore) => inner.prune(decidedBefore),
    decidedParts: (nodeId) => inner.decidedParts(nodeId),
    dueHashes: (now, deadlineBelow, limit) => inner.dueHashes(now, deadlineBelow, limit),
    overdueParts: (decidedBefore, deadlineBelow) => inner.overdueParts(decidedBefore, deadlineBelow),
  };
}

type ViewChange = Partial<Pick<LedgerView, 'leases' | 'account' | 'putAccount' | 'emit' | 'putLease'>>;

function changedView(view: LedgerView, change: ViewChange): LedgerView {
  return {
    now: view.now,
    leases: view.leases,
    account: (hash) => view.account(hash),
    putAccount: (account) => view.putAccount(account),
    putLease: (lease) => view.putLease(lease),
    emit: (event) => view.emit(event),
    ...change,
  };
}

const connectWith =
  (change: (view: LedgerView, process: FakeProcess) => ViewChange): NonNullable<Wiring['connect']> =>
  (inner, process) =>
    withTransact(inner, (hashes, body) =>
      inner.transact(hashes, (view) => body(changedView(view, change(view, process)))),
    );

/** R2: parts count whether or not the stream that showed them is alive, and however few blocks are left. */
function countEverything(view: LedgerView): ViewChange {
  const leases = new Map(
    [...view.leases].map(([node, lease]): [string, Lease] => [node, { ...lease, expiresAt: view.now + 1, height: 1 }]),
  );
  const account = (hash: string): Account => {
    const real = view.account(hash);
    const parts = real.parts.map((part) => {
      const epoch = leases.get(part.key.nodeId)?.epoch ?? part.presentedEpoch;
      return part.decision.type === 'none' ? { ...part, presentedEpoch: epoch, final: 'none' as const } : part;
    });
    return { ...real, parts };
  };
  return { leases, account };
}

/** R3: decided rows are gone after a few seconds. */
function forgetDecisions(view: LedgerView): ViewChange {
  const kept = ({ decidedAt }: { readonly decidedAt: number | undefined }): boolean =>
    decidedAt === undefined || view.now - decidedAt < 3_000;
  return {
    account: (hash) => {
      const { sets, parts, ...rest } = view.account(hash);
      return { ...rest, sets: sets.filter(kept), parts: parts.filter(kept) };
    },
  };
}

/** R2: what a transaction says is believed although now and then nothing was written. */
const believeWithoutCommit: NonNullable<Wiring['connect']> = (inner, process, world) => {
  const random = world.random.fork(`belief ${process.name}`);
  return withTransact(inner, (hashes, body) =>
    inner.transact(hashes, (view) => {
      const forgets = hashes.length > 0 && random.chance(0.2);
      const nothing = (): void => undefined;
      return body(forgets ? changedView(view, { putAccount: nothing, emit: nothing }) : view);
    }),
  );
};

/** R4: a transaction reads, and writes what it made of it when its process has its next turn, however long that takes. */
const writeBackLater: NonNullable<Wiring['connect']> = (inner, process, world) =>
  withTransact(inner, async (hashes, body) => {
    if (hashes.length === 0) return inner.transact(hashes, body);
    const written: Account[] = [];
    const emitted: (() => void)[] = [];
    let emit: LedgerView['emit'] = () => undefined;
    const value = await inner.transact(hashes, (view) => {
      written.length = 0;
      emitted.length = 0;
      const accounts = new Map(hashes.map((hash) => [hash, view.account(hash)]));
      return body(
        changedView(view, {
          account: (hash) => accounts.get(hash)!,
          putAccount: (account) => {
            accounts.set(account.paymentHash, account);
            written.push(account);
          },
          emit: (event) => emitted.push(() => emit(event)),
        }),
      );
    });
    await process.gate(new Promise<void>((resolve) => world.clock.after(300, resolve)));
    await inner.transact(hashes, (view) => {
      emit = (event) => view.emit(event);
      for (const account of written) view.putAccount(account);
      for (const task of emitted) task();
    });
    return value;
  });

/** R9: now and then the merchant is not told, as if his message had been written beside the transaction. */
const tellBeside: NonNullable<Wiring['connect']> = (inner, process, world) => {
  const random = world.random.fork(`outbox ${process.name}`);
  return withTransact(inner, (hashes, body) =>
    inner.transact(hashes, (view) =>
      body(
        changedView(view, {
          emit(event) {
            if (random.chance(0.8)) view.emit(event);
          },
        }),
      ),
    ),
  );
};

export interface Planted {
  readonly wiring: Wiring;
  /** Rules of the checker of which one has to speak. */
  readonly caughtBy: readonly string[];
  readonly emphasis?: Emphasis;
}

const MONEY = ['settled before the total was there', 'settled below the total', 'settled twice', 'two answers'];

export const PLANTED: Readonly<Record<string, Planted>> = {
  'R1: the economics of the incoming HTLC are believed': {
    wiring: {
      openStore: openFakeStore,
      present: (htlc, _, deliver) =>
        deliver({ ...htlc, incomingAmountMsat: htlc.outgoingAmountMsat, incomingExpiry: htlc.outgoingExpiry + 48 }),
    },
    caughtBy: MONEY,
  },
  'R2: parts are counted that are not held any more': {
    wiring: { openStore: openLaxStore, connect: connectWith(countEverything) },
    caughtBy: [...MONEY, 'told too much', 'counted a dead stream'],
    emphasis: 'nodes away',
  },
  'R2: an answer goes out whose commit did not happen': {
    wiring: { openStore: openLaxStore, connect: believeWithoutCommit },
    caughtBy: [...MONEY, 'not told'],
  },
  'R3: decisions are forgotten': {
    wiring: { openStore: openLaxStore, connect: connectWith(forgetDecisions) },
    caughtBy: [...MONEY, 'told twice'],
  },
  'R4: a process that was frozen writes back what it had read': {
    wiring: { openStore: openLaxStore, connect: writeBackLater },
    caughtBy: [...MONEY, 'told twice', 'told too much'],
    emphasis: 'processes frozen',
  },
  'R5: a part that was lost is passed over in silence': {
    wiring: {
      openStore: openFakeStore,
      connect: (inner, process, world) => ({
        ...connectWith((view) => ({
          emit(event) {
            if (event.type !== 'alarm') view.emit(event);
          },
        }))(inner, process, world),
        overdueParts: async () => [],
      }),
    },
    caughtBy: ['settled below the total', 'loss in silence', 'told too much'],
    emphasis: 'nodes lost at commitment',
  },
  'R5: an HTLC on chain is answered like any other': {
    wiring: {
      openStore: openFakeStore,
      present: (htlc, _, deliver) => deliver({ ...htlc, onChain: false }),
    },
    caughtBy: ['answer refused by the node'],
    emphasis: 'channels closed',
  },
  'R6: a forward waits for the database': {
    wiring: {
      openStore: openFakeStore,
      present: (htlc, process, deliver, world) =>
        void process
          .gate(
            new Promise<void>((resolve) =>
              world.clock.after(Math.max(10, world.database.stalledUntil - world.clock.now()), resolve),
            ),
          )
          .then(() => deliver(htlc)),
    },
    caughtBy: ['forward delayed'],
  },
  'R7: an onion that cannot be read ends the process': {
    wiring: {
      openStore: openFakeStore,
      present: (htlc, process, deliver, world) => {
        const { phantomSecret: nodeSecret } = world.keys;
        if (!peelOnion({ nodeSecret, onion: htlc.onion, associatedData: htlc.paymentHash }).ok) process.kill();
        deliver(htlc);
      },
    },
    caughtBy: ['no end', 'deadline passed in silence'],
  },
  'R9: the merchant is told beside the transaction': {
    wiring: { openStore: openFakeStore, connect: tellBeside },
    caughtBy: ['not told'],
  },
};
