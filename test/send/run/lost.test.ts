/** Databases and nodes that go away, processes that freeze, and owners that are fenced. */
import { describe, expect, it } from 'vitest';
import { LEASE_MS, type PaymentStore, type StoredPayment } from '../../../src/send/index.js';
import { Process, World } from './world.js';

const ORDER = { kind: 'invoice' as const };

async function begin(world: World, process: Process): Promise<string> {
  const terms = world.terms();
  const answer = await world.clock.finish(process.sender.pay({ request: ORDER, terms }));
  return (answer as { payment: StoredPayment }).payment.id;
}

async function two(bug?: (store: PaymentStore) => PaymentStore): Promise<{ world: World; a: Process; b: Process }> {
  const world = new World();
  const a = new Process(world, 'a', bug ? { bug } : {});
  const b = new Process(world, 'b');
  await world.clock.finish(Promise.all([a.sender.start(), b.sender.start()]));
  return { world, a, b };
}

describe('a database that goes away', () => {
  it('in the middle of a commit: the same is committed again, and nothing is sent before it is', async () => {
    for (const moment of ['before', 'after']) {
      const world = new World();
      const a = new Process(world, 'a');
      await world.clock.finish(a.sender.start());
      let commits = 0;
      a.onPoint = (_, what) => {
        // The plan's: its parts are to be sent.
        if (what === `store.commitStep ${moment}` && ++commits === 1) a.isDatabaseAway = true;
      };
      const id = await begin(world, a);
      await world.clock.runFor(6000);
      expect(world.sends).toBe(0);
      a.isDatabaseAway = false;
      await world.clock.runFor(30_000);
      expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
      expect(world.sends).toBe(2);
      expect(world.check()).toEqual([]);
    }
  });

  it('while outcomes come in: they wait, and nothing is forgotten', async () => {
    const { world, a } = await two();
    const id = await begin(world, a);
    await world.clock.runFor(50);
    a.isDatabaseAway = true;
    await world.clock.runFor(5000);
    expect(world.reports.filter(({ report }) => report.kind === 'succeeded')).toEqual([]);
    a.isDatabaseAway = false;
    await world.clock.runFor(10_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });

  it('while a payment is recorded: it is not made, whether the record was written or not', async () => {
    for (const moment of ['before', 'after']) {
      const world = new World();
      const a = new Process(world, 'a');
      await world.clock.finish(a.sender.start());
      a.onPoint = (_, what) => {
        if (what === `store.createPayment ${moment}`) a.isDatabaseAway = true;
      };
      const answer = a.sender.pay({ request: ORDER, terms: world.terms() });
      await expect(world.clock.finish(answer)).rejects.toThrow('check the database');
      a.onPoint = () => undefined;
      a.isDatabaseAway = false;
      await world.clock.runFor(60_000);
      expect(world.sends).toBe(0);
      expect([...world.db.payments.values()].map(({ state }) => [state.phase, state.stop?.code])).toEqual([
        ['failed', 'asked'],
      ]);
    }
  });

  it('while payments are taken over: those whose claim was answered by nobody are driven all the same', async () => {
    const { world, a, b } = await two();
    world.fate = () => ({ kind: 'settle', afterMs: 15_000 });
    const id = await begin(world, a);
    await world.clock.runFor(50);
    b.onPoint = (_, what) => {
      b.isDatabaseAway = what === 'store.claimPayments after' && world.db.payments.get(id)!.owner === 'b';
    };
    a.die();
    await world.clock.runFor(90_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });
});

describe('a process that freezes', () => {
  const frozenAt = async (what: string, bug?: (store: PaymentStore) => PaymentStore): Promise<World> => {
    const { world, a } = await two(bug);
    world.fate = () => ({ kind: 'settle', afterMs: what === 'node.send after' ? 300 : 40_000 });
    let seen = false;
    a.onPoint = (_, at) => {
      if (at === what && !seen) {
        seen = true;
        a.freeze();
      }
    };
    void a.sender.pay({ request: ORDER, terms: world.terms() });
    await world.clock.runFor(3 * LEASE_MS);
    a.thaw();
    await world.clock.runFor(120_000);
    return world;
  };

  const points = ['store.createPayment after', 'store.commitStep before', 'store.commitStep after', 'node.send after'];

  it.each(points)('at "%s" and wakes up after another has taken over does no harm', async (what) => {
    const world = await frozenAt(what);
    expect(world.check()).toEqual([]);
    expect([...world.db.payments.values()].map(({ state }) => state.phase)).toEqual(['succeeded']);
    expect(world.troubles.join()).toContain('begins anew under another name');
  });

  it('right before a send, and wakes up when the part was just replaced, does not send it', async () => {
    const { world, a } = await two();
    world.fate = () => ({ kind: 'settle', afterMs: 40_000 });
    let commits = 0;
    a.onPoint = (_, at) => {
      if (at === 'store.commitStep after' && ++commits === 1) a.freeze();
    };
    void a.sender.pay({ request: ORDER, terms: world.terms() });
    await world.clock.run(() => world.sends > 0);
    a.thaw();
    await world.clock.runFor(120_000);
    expect(world.check()).toEqual([]);
    expect(world.sends).toBe(2);
  });

  it('and is fenced tells nothing more of the payment', async () => {
    const { world, a } = await two();
    let commits = 0;
    a.onPoint = (_, at) => {
      // The first outcome's.
      if (at === 'store.commitStep before' && ++commits === 2) a.freeze();
    };
    void a.sender.pay({ request: ORDER, terms: world.terms() });
    await world.clock.run(() => [...world.db.payments.values()].some(({ owner }) => owner === 'b'));
    const before = world.reports.filter(({ process }) => process === 'a').length;
    a.thaw();
    await world.clock.runFor(60_000);
    expect(world.reports.filter(({ process }) => process === 'a')).toHaveLength(before);
    expect(world.check()).toEqual([]);
  });

  it('goes on paying under another name', async () => {
    const { world, a } = await two();
    a.freeze();
    await world.clock.runFor(3 * LEASE_MS);
    world.db.senders.set('a', { until: 0, isGone: true });
    a.thaw();
    await world.clock.runFor(5000);
    const id = await begin(world, a);
    await world.clock.runFor(10_000);
    expect(world.db.payments.get(id)).toMatchObject({ owner: 'a.2', state: { phase: 'succeeded' } });
  });

  it('would pay twice if its lease were not looked at before a send: the planted bug is found', async () => {
    const blind = (real: PaymentStore): PaymentStore =>
      new Proxy(real, {
        get: (target, key) =>
          key === 'renewSender'
            ? () => Promise.resolve(true)
            : key === 'commitStep'
              ? async (step: Parameters<PaymentStore['commitStep']>[0]) => {
                  await target.commitStep(step);
                  return 'committed';
                }
              : (Reflect.get(target, key) as unknown),
      });
    const world = await frozenAt('store.commitStep after', blind);
    expect(world.check().join()).toMatch(/more than the amount is in flight|sent twice|before that is recorded/);
  });
});

describe('a node that goes away in the middle of a payment', () => {
  it('takes its parts out of sight, not out of the account, until it has said how they ended', async () => {
    const world = new World();
    const a = new Process(world, 'a', {
      nodes: [1, 2].map((node) => ({ name: `n${node}`, send: cutOff(world, node) })),
    });
    await world.clock.finish(a.sender.start());
    world.fate = (_, node) => (node === 1 ? { kind: 'hold' } : { kind: 'fail', afterMs: 200 });
    const id = await begin(world, a);
    await world.clock.runFor(100);
    world.away.add(1);
    cut.get(world)?.();
    await world.clock.runFor(90_000);
    const during = world.db.payments.get(id)!.state;
    expect(during.phase).toBe('stopping');
    expect(during.parts[0]!.state).toBe('unknown');
    world.away.delete(1);
    world.settle([...world.htlcs.keys()][0]!);
    await world.clock.runFor(60_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });
});

const cut = new Map<World, () => void>();

/** A connection that can be lost while a part is out. */
function cutOff(world: World, node: number): ReturnType<World['port']> {
  const port = world.port(node);
  if (node !== 1) return port;
  const lost = new Promise<never>((_, reject) => {
    cut.set(world, () => {
      reject(new Error('the connection is lost'));
    });
  });
  lost.catch(() => undefined);
  return { ...port, send: (part, accepted) => Promise.race([port.send(part, accepted), lost]) };
}
