/**
 * A process dies at every point where it waits for the database or a node, and another one goes on. Whatever was written,
 * sent or answered by then: never more than the amount in flight, no part twice, no failure told while money is out. Each
 * guard is also broken on purpose: the same schedules then find it.
 */
import { describe, expect, it } from 'vitest';
import type { LookUpAnswer, PaymentStore, SendPort, StoredPayment } from '../../../src/send/index.js';
import { type Fate, NO_LIQUIDITY, Process, World } from './world.js';

const ORDER = { kind: 'invoice' as const };

/** How parts fare: one fails at once and is replaced, others settle, late or soon. */
const FATES: Readonly<Record<string, (id: number) => Fate>> = {
  settles: () => ({ kind: 'settle', afterMs: 300 }),
  'fails first': (id) => (id < 2 ? { kind: 'fail', afterMs: 100 + 50 * id } : { kind: 'settle', afterMs: 300 }),
  'settles late': (id) => ({ kind: 'settle', afterMs: 20_000 + 5000 * id }),
  'fails late': (id) => ({ kind: 'fail', afterMs: 15_000 + 100 * id, failure: NO_LIQUIDITY }),
};

interface Run {
  readonly points: number;
  readonly violations: readonly string[];
}

interface Planted {
  readonly store?: (store: PaymentStore, world: World) => PaymentStore;
  readonly port?: (port: SendPort) => SendPort;
}

/** Pays with one process that dies at the point given, then with another. Points come in the same order every time. */
async function dieAt(point: number, fate: (id: number) => Fate, planted: Planted = {}): Promise<Run> {
  const world = new World();
  world.fate = ({ part }) => fate(part.id);
  const options = {
    ...(planted.store ? { bug: (store: PaymentStore) => planted.store!(store, world) } : {}),
    ...(planted.port
      ? { nodes: [1, 2].map((node) => ({ name: `n${node}`, send: planted.port!(world.port(node)) })) }
      : {}),
  };
  const a = new Process(world, 'a', options);
  await world.clock.finish(a.sender.start());
  a.points = 0;
  a.onPoint = (at) => {
    if (at === point) a.die();
  };
  const answer = a.sender.pay({ request: ORDER, terms: world.terms() });
  answer.catch(() => undefined);
  await world.clock.runFor(8000);
  a.die();
  const b = new Process(world, 'b', options);
  await world.clock.finish(b.sender.start());
  await world.clock.runFor(180_000);
  return { points: a.points, violations: world.check() };
}

async function everyDeath(
  fate: (id: number) => Fate,
  planted?: Planted,
): Promise<{ deaths: number; found: Set<string> }> {
  const found = new Set<string>();
  let deaths = 0;
  for (let point = 1; ; point++) {
    const { points, violations } = await dieAt(point, fate, planted);
    for (const violation of violations) found.add(violation.replace(/[0-9a-f]{32}/, 'X'));
    if (points < point) return { deaths, found };
    deaths++;
    // Points of loops that go on for ever are the same again and again.
    if (point >= 60) return { deaths, found };
  }
}

describe('a process that dies', () => {
  it.each(Object.entries(FATES))('at any point, where every part %s', async (_, fate) => {
    const { deaths, found } = await everyDeath(fate);
    expect([...found]).toEqual([]);
    expect(deaths).toBeGreaterThan(20);
  });

  it('is followed at once if it says that it leaves, and what it sent is found again', async () => {
    const world = new World();
    world.fate = () => ({ kind: 'settle', afterMs: 5000 });
    const a = new Process(world, 'a');
    await world.clock.finish(a.sender.start());
    const answer = await world.clock.finish(a.sender.pay({ request: ORDER, terms: world.terms() }));
    await world.clock.runFor(100);
    await world.clock.finish(a.sender.stop());
    const b = new Process(world, 'b');
    await world.clock.finish(b.sender.start());
    await world.clock.runFor(1000);
    const { id } = (answer as { payment: StoredPayment }).payment;
    expect(world.db.payments.get(id)!.owner).toBe('b');
    await world.clock.runFor(20_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.sends).toBe(2);
    expect(world.check()).toEqual([]);
  });
});

describe('a planted bug is found:', () => {
  it('parts are sent before the commit is written', async () => {
    // The commit is only said to be written; it is a moment later.
    const store = (real: PaymentStore, { clock }: World): PaymentStore => {
      let written = Promise.resolve();
      return patched(real, 'commitStep', (step) => {
        written = written.then(async () => {
          await new Promise<void>((resolve) => clock.after(20, resolve));
          await real.commitStep(step);
        });
        return Promise.resolve('committed');
      });
    };
    const { found } = await everyDeath(FATES['settles']!, { store });
    expect([...found].join()).toMatch(/sent before that is recorded|sent twice|more than the amount/);
  });

  it('parts of unknown fate are taken for not sent after a restart', async () => {
    const store = (real: PaymentStore): PaymentStore =>
      patched(real, 'claimPayments', async (owner, limit) => (await real.claimPayments(owner, limit)).map(forgetful));
    const { found } = await everyDeath(FATES['settles late']!, { store });
    expect([...found].join()).toMatch(/more than the amount is in flight/);
  });

  it('a look-up says failed of what is in flight', async () => {
    const port = (real: SendPort): SendPort => ({
      ...real,
      lookUp: async (question): Promise<LookUpAnswer> => {
        const answer = await real.lookUp(question);
        return answer.kind === 'in_flight' ? { kind: 'failed', failure: NO_LIQUIDITY } : answer;
      },
    });
    const { found } = await everyDeath(FATES['settles late']!, { port });
    expect([...found].join()).toMatch(/more than the amount is in flight|failure is told while money is out/);
  });
});

function patched<K extends keyof PaymentStore>(real: PaymentStore, name: K, method: PaymentStore[K]): PaymentStore {
  return new Proxy(real, { get: (target, key) => (key === name ? method : (Reflect.get(target, key) as unknown)) });
}

function forgetful(payment: StoredPayment): StoredPayment {
  const parts = payment.state.parts.map((part) =>
    part.state === 'sent' || part.state === 'unknown'
      ? { ...part, state: 'failed' as const, failure: { kind: 'never_sent' as const } }
      : part,
  );
  return { ...payment, state: { ...payment.state, parts } };
}
