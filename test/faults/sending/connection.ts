/** What a process sees of the database of payments: through its gate, over a connection that may fail, or end with it. */
import type { Clock } from '../../../src/receive/clock.js';
import type { Random } from '../../../src/node/sim/random.js';
import type { PaymentStore } from '../../../src/send/run/store-port.js';
import { FakeStoreAway } from '../../support/fake-ledger-store.js';
import type { DatabaseFaults, FakeProcess } from '../../support/fake-process.js';

export interface ConnectOptions {
  readonly process: FakeProcess;
  readonly store: PaymentStore;
  readonly world: Clock;
  readonly random: Random;
  readonly faults: DatabaseFaults;
  /** Called before and after each write is carried out: may kill or freeze the process in this moment. */
  readonly atWrite: (process: FakeProcess) => void;
}

const PATIENCE_MS = 6_000;
const LATENCY_MS = 4;
const WRITES: ReadonlySet<string> = new Set(['createPayment', 'commitStep', 'claimPayments', 'renewSender']);

export function connect(options: ConnectOptions): PaymentStore {
  return new Proxy(options.store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): Promise<unknown> =>
        call(options, String(name), () => Reflect.apply(member, target, args) as Promise<unknown>);
    },
  });
}

function call(options: ConnectOptions, verb: string, carryOut: () => Promise<unknown>): Promise<unknown> {
  const { process, world, random, faults, atWrite } = options;
  const isWrite = WRITES.has(verb);
  return new Promise((resolve, reject) => {
    const away = (why: string): void => process.run(() => reject(new FakeStoreAway(why)));
    const ignore = (): void => undefined;
    const atMoment = (): void => {
      if (isWrite && process.running) atWrite(process);
    };
    const begin = (): void => {
      atMoment();
      // What a killed process had sent may arrive all the same.
      if (!process.alive && random.chance(0.5)) return;
      const stalled = faults.stalledUntil - world.now();
      if (stalled > PATIENCE_MS) {
        const happensLater = random.chance(0.5);
        world.after(PATIENCE_MS, () => away('no answer'));
        if (happensLater) world.after(stalled, () => void carryOut().catch(ignore));
        return;
      }
      if (stalled > 0) {
        world.after(stalled, begin);
        return;
      }
      if (random.chance(faults.refuse)) {
        away('connection refused');
        return;
      }
      if (random.chance(faults.late)) {
        world.after(random.int(1, 3_000), () => void carryOut().catch(ignore));
        away('connection lost');
        return;
      }
      const lost = random.chance(faults.loseReply);
      carryOut().then(
        (value) => {
          atMoment();
          if (lost) away('reply lost');
          else process.run(() => resolve(value));
        },
        (error: unknown) => process.run(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    };
    world.after(random.int(0, LATENCY_MS), begin);
  });
}
