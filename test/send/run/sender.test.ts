/** Paying with one process: plans, sends, failures, limits, news. */
import { describe, expect, it } from 'vitest';
import type {
  Modifier,
  PayAnswer,
  PaymentTerms,
  Plan,
  ReportedFailure,
  StoredPayment,
} from '../../../src/send/index.js';
import { partOf, planOf } from '../payment/support.js';
import { nodeId } from '../support.js';
import { MODIFIERS, NO_LIQUIDITY, Process, sharePlanner, World } from './world.js';

const ORDER = { kind: 'invoice' as const };

async function started(over: ConstructorParameters<typeof Process>[2] = {}): Promise<{ world: World; a: Process }> {
  const world = new World();
  const a = new Process(world, 'a', over);
  await world.clock.finish(a.sender.start());
  return { world, a };
}

async function pay(world: World, process: Process, terms: PaymentTerms, more = {}): Promise<StoredPayment> {
  const answer = await world.clock.finish(process.sender.pay({ request: ORDER, terms, ...more }));
  if (answer.kind !== 'started') throw new Error(`not started: ${answer.kind}`);
  return answer.payment;
}

const ended = (world: World, id: string) => () => world.db.payments.get(id)!.state.isEnded;
const stored = (world: World, id: string): StoredPayment => world.db.payments.get(id)!;

describe('a payment', () => {
  it('is paid by two nodes at once, recorded before it is sent, and told in order', async () => {
    const { world, a } = await started();
    const { id } = await pay(world, a, world.terms({ amountMsat: 300_000n }));
    await world.clock.run(ended(world, id));
    const { state } = stored(world, id);
    expect(state.phase).toBe('succeeded');
    expect(state.parts.map(({ source, state: at }) => [source, at])).toEqual([
      [nodeId(1), 'settled'],
      [nodeId(2), 'settled'],
    ]);
    expect(world.sends).toBe(2);
    const kinds = world.reports.map(({ report }) => report.kind).filter((kind) => kind !== 'progress');
    expect(kinds).toEqual(['succeeded', 'ended']);
    expect(world.db.events.map(({ type }) => type)).toEqual(['sending.started', 'sending.succeeded']);
    expect(world.check()).toEqual([]);
    expect(a.sender.status()).toMatchObject({ paymentsInFlight: 0, inFlightMsat: 0n });
  });

  it('plans anew for what has failed', async () => {
    const { world, a } = await started();
    world.fate = ({ part }) =>
      part.id === 0 ? { kind: 'fail', afterMs: 100, failure: NO_LIQUIDITY } : { kind: 'settle', afterMs: 500 };
    const { id } = await pay(world, a, world.terms());
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state.parts.map(({ state }) => state)).toEqual([
      'failed',
      'settled',
      'settled',
      'settled',
    ]);
    expect(stored(world, id).state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });

  it('that cannot work is refused at once and leaves nothing behind', async () => {
    const { world, a } = await started();
    const answer = await world.clock.finish(
      a.sender.pay({ request: ORDER, terms: world.terms({ amountMsat: 900_000n }) }),
    );
    expect(answer).toMatchObject({ kind: 'refused', reason: { code: 'own_balance' } });
    const late = await world.clock.finish(a.sender.pay({ request: ORDER, terms: world.terms({ deadline: 1 }) }));
    expect(late).toMatchObject({ kind: 'refused', reason: { code: 'deadline' } });
    const unknown = { kind: 'invoice' as const, from: ['n1', 'elsewhere'] };
    const from = await world.clock.finish(a.sender.pay({ request: unknown, terms: world.terms() }));
    expect(from).toMatchObject({ kind: 'refused', reason: { code: 'bad_request' } });
    expect(world.db.payments.size).toBe(0);
    expect(world.sends).toBe(0);
  });

  it('is sent by the nodes asked for alone', async () => {
    const { world, a } = await started();
    const { id } = await pay(world, a, world.terms(), { request: { kind: 'invoice', from: ['n2'] } });
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state.parts.map(({ source }) => source)).toEqual([nodeId(2), nodeId(2)]);
  });

  it('exists once for its hash, even while it uses up the balance', async () => {
    const { world, a } = await started();
    world.fate = () => ({ kind: 'hold' });
    const terms = world.terms({ amountMsat: 300_000n });
    const first = await pay(world, a, terms);
    await world.clock.runFor(100);
    const again = await world.clock.finish(a.sender.pay({ request: ORDER, terms }));
    expect(again).toMatchObject({ kind: 'exists', payment: { id: first.id } });
    const both = await world.clock.finish(
      Promise.all(
        [1, 2].map(() =>
          a.sender.pay({ request: ORDER, terms: world.terms({ amountMsat: 50_000n }, new Uint8Array(32).fill(8)) }),
        ),
      ),
    );
    expect(both.map(({ kind }) => kind).sort()).toEqual(['exists', 'started']);
  });

  it('waits for the block that the payee has seen before own nodes', async () => {
    const { world, a } = await started();
    const behind = {
      kind: 'decoded',
      reporter: 3,
      code: 0x400f,
      fields: { height: world.height + 2, htlcMsat: 50_000n },
    };
    world.fate = ({ part }) =>
      part.id < 2 ? { kind: 'fail', afterMs: 50, failure: behind as ReportedFailure } : { kind: 'settle', afterMs: 50 };
    const { id } = await pay(world, a, world.terms());
    await world.clock.runFor(20_000);
    expect(stored(world, id).state.phase).toBe('waiting');
    world.height += 2;
    await world.clock.runFor(6000);
    expect(stored(world, id).state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });

  it('shows its plan without being made', async () => {
    const { world, a } = await started();
    const answer = await world.clock.finish(a.sender.dryRun({ request: ORDER, terms: world.terms() }));
    expect(answer).toMatchObject({ kind: 'plan', plan: { parts: [{}, {}] } });
    expect(world.sends + world.db.payments.size).toBe(0);
  });

  it('can be stopped: nothing new is sent and the end waits for what is out', async () => {
    const { world, a } = await started();
    world.fate = () => ({ kind: 'hold' });
    const { id } = await pay(world, a, world.terms());
    await world.clock.runFor(100);
    expect(await world.clock.finish(a.sender.stopPayment(id))).toBe('stopping');
    await world.clock.runFor(60_000);
    expect(stored(world, id).state.phase).toBe('stopping');
    for (const key of world.htlcs.keys()) world.fail(key);
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state).toMatchObject({ phase: 'failed', stop: { code: 'asked' } });
    expect(await world.clock.finish(a.sender.stopPayment(id))).toBe('over');
    expect(await world.clock.finish(a.sender.stopPayment('0'.repeat(32)))).toBe('unknown');
    expect(world.check()).toEqual([]);
  });

  it('tells its news to those who wait', async () => {
    const { world, a } = await started();
    const { id, version } = await pay(world, a, world.terms());
    const news = await world.clock.finish(a.sender.waitForNews(id, version, 5000));
    expect(news!.version).toBeGreaterThan(version);
    await world.clock.run(ended(world, id));
    const before = world.clock.now();
    const last = await world.clock.finish(a.sender.waitForNews(id, 99, 2000));
    expect(last?.state.phase).toBe('succeeded');
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(2000);
    const b = new Process(world, 'b');
    await world.clock.finish(b.sender.start());
    const other = await pay(world, a, world.terms({}, new Uint8Array(32).fill(9)));
    expect((await world.clock.finish(b.sender.waitForNews(other.id, 1, 5000)))!.version).toBeGreaterThan(1);
  });

  it('is stopped by a process that does not drive it, also after a take-over', async () => {
    for (const isTakenOver of [false, true]) {
      const { world, a } = await started();
      const b = new Process(world, 'b');
      await world.clock.finish(b.sender.start());
      world.fate = () => ({ kind: 'fail', afterMs: 500, failure: NO_LIQUIDITY });
      const { id } = await pay(world, a, world.terms());
      if (isTakenOver) a.die();
      expect(await world.clock.finish(b.sender.stopPayment(id))).toBe('stopping');
      await world.clock.run(ended(world, id));
      expect(stored(world, id)).toMatchObject({ owner: isTakenOver ? 'b' : 'a', state: { stop: { code: 'asked' } } });
      expect(world.check()).toEqual([]);
    }
  });
});

describe('own balances', () => {
  it('are not promised twice to payments that begin at the same time', async () => {
    const { world, a } = await started();
    const orders = [1, 2, 3, 4].map((n) => ({
      request: ORDER,
      terms: world.terms({ amountMsat: 180_000n }, new Uint8Array(32).fill(20 + n)),
    }));
    const answers = await world.clock.finish(Promise.all(orders.map((order) => a.sender.pay(order))));
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['refused', 'refused', 'started', 'started']);
    await world.clock.runFor(10_000);
    expect(
      world.reports
        .filter(({ report }) => report.kind === 'progress')
        .map(({ report }) => JSON.stringify(report))
        .join(),
    ).not.toContain('part_failed');
    expect(world.check()).toEqual([]);
  });

  it('count parts that are recorded and not yet called, while the database waits', async () => {
    const { world, a } = await started({ planner: sharePlanner(1) });
    const first = a.sender.pay({ request: ORDER, terms: world.terms({ amountMsat: 180_000n }) });
    a.onPoint = (_, what) => {
      if (what === 'store.commitStep before') a.isDatabaseAway = true;
    };
    await world.clock.finish(first);
    await world.clock.runFor(500);
    a.onPoint = () => undefined;
    const plan = await world.clock.finish(
      a.sender.dryRun({ request: ORDER, terms: world.terms({ amountMsat: 180_000n }, new Uint8Array(32).fill(8)) }),
    );
    expect(plan).toMatchObject({ kind: 'plan', plan: { parts: [{ source: nodeId(2) }] } });
    const third = await world.clock.finish(
      a.sender.dryRun({ request: ORDER, terms: world.terms({ amountMsat: 350_000n }, new Uint8Array(32).fill(8)) }),
    );
    expect(third).toMatchObject({ kind: 'refused' });
    a.isDatabaseAway = false;
    await world.clock.runFor(20_000);
    expect(world.check()).toEqual([]);
  });

  it('of a node that does not answer are left out, and others do not wait for it again', async () => {
    const { world, a } = await started();
    await world.clock.runFor(100);
    world.away.add(1);
    const { id } = await pay(world, a, world.terms());
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state.parts.every(({ source }) => source[32] === 2)).toBe(true);
    const status = a.sender.status();
    expect(status.nodes.map(({ name, reachable }) => [name, reachable])).toEqual([
      ['n1', false],
      ['n2', true],
    ]);
  });

  it('of a node that hangs cost a payment the time limit once', async () => {
    const world = new World();
    const hanging = { ...world.port(1), balances: () => new Promise<never>(() => undefined) };
    const a = new Process(world, 'a', {
      nodes: [
        { name: 'n1', send: hanging },
        { name: 'n2', send: world.port(2) },
      ],
    });
    await world.clock.finish(a.sender.start());
    await world.clock.runFor(3000);
    const before = world.clock.now();
    const { id } = await pay(world, a, world.terms());
    expect(world.clock.now() - before).toBeLessThan(200);
    await world.clock.run(ended(world, id));
  });
});

describe('a modifier that throws', () => {
  const broken = (stage: keyof Modifier): Modifier => ({
    name: 'mine',
    [stage]: () => {
      throw new Error('oh');
    },
  });

  it.each(['prepare', 'plan'] as const)('at %s refuses the payment', async (stage) => {
    const { world, a } = await started();
    const answer: PayAnswer = await world.clock.finish(
      a.sender.pay({ request: ORDER, terms: world.terms(), modifiers: [...MODIFIERS, broken(stage)] }),
    );
    expect(answer).toMatchObject({ kind: 'refused' });
    expect((answer as { reason: { message: string } }).reason.message).toContain(`modifier "mine" failed at ${stage}`);
  });

  it.each(['payload', 'send'] as const)('at %s ends the payment before anything is sent', async (stage) => {
    const { world, a } = await started();
    const { id } = await pay(world, a, world.terms(), { modifiers: [...MODIFIERS, broken(stage)] });
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state.phase).toBe('failed');
    expect(stored(world, id).state.stop?.message).toContain(`modifier "mine" failed at ${stage}`);
    expect(world.sends).toBe(0);
  });

  it('at outcome ends the payment, and parts that are out still count', async () => {
    const { world, a } = await started();
    world.fate = ({ part }) => (part.id === 0 ? { kind: 'fail', afterMs: 100 } : { kind: 'hold' });
    const { id } = await pay(world, a, world.terms(), { modifiers: [...MODIFIERS, broken('outcome')] });
    await world.clock.runFor(30_000);
    expect(stored(world, id).state.phase).toBe('stopping');
    world.settle([...world.htlcs.keys()][1]!);
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });
});

describe('a planner that throws', () => {
  it('gives a refusal and a word to the operator', async () => {
    const { world, a } = await started({
      planner: {
        plan: () => {
          throw new Error('oh');
        },
      },
    });
    const answer = await world.clock.finish(a.sender.pay({ request: ORDER, terms: world.terms() }));
    expect(answer).toMatchObject({
      kind: 'refused',
      reason: { code: 'no_plan', refusal: { code: 'invalid_request' } },
    });
    expect(world.troubles.join()).toContain('the planner failed');
  });
});

describe('a payee inside the cluster', () => {
  const phantom = nodeId(77);
  const hints = [[{ from: nodeId(5), scid: 555n, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 }]];
  const payee = { nodeId: phantom, finalCltvDelta: 18, hints };

  it('is paid in one part of one hop without fee, whatever own channels hold', async () => {
    const world = new World();
    const internal = {
      name: 'internal',
      nodeId: nodeId(6),
      isOwnPayee: (id: Uint8Array) => id[32] === 77,
      send: {
        ...world.port(6),
        balances: async () => ({ nodeId: nodeId(6), height: world.height, channels: [] }),
      },
    };
    world.balances.set(6, 10_000_000n);
    const a = new Process(world, 'a', { internal });
    await world.clock.finish(a.sender.start());
    const { id } = await pay(world, a, world.terms({ amountMsat: 5_000_000n, payee }));
    await world.clock.run(ended(world, id));
    const { state } = stored(world, id);
    expect(state.phase).toBe('succeeded');
    expect(state.parts).toHaveLength(1);
    expect(state.parts[0]).toMatchObject({ source: nodeId(6), feeMsat: 0n });
    expect(state.parts[0]!.hops).toEqual([
      {
        kind: 'hint',
        scid: 555n,
        direction: 0,
        nodeId: phantom,
        amountMsat: 5_000_000n,
        expiry: world.height + 21,
        hint: { hint: 0, hop: 0 },
      },
    ]);
    expect(a.sender.nodeIds()).toEqual([nodeId(1), nodeId(2)]);
    expect(world.check()).toEqual([]);
  });
});

describe('a plan', () => {
  it('that breaks the limits sends nothing', async () => {
    const greedy = { plan: (): Plan => planOf(partOf(400_000n)) };
    const { world, a } = await started({ planner: greedy });
    const { id } = await pay(world, a, world.terms());
    await world.clock.run(ended(world, id));
    expect(stored(world, id).state).toMatchObject({ phase: 'failed', stop: { code: 'bad_plan' } });
    expect(world.sends).toBe(0);
  });
});
