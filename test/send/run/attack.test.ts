/** What breaks shells like this one: clocks that are set, stops in the middle, answers that are lost or late, bugs of others. */
import { describe, expect, it } from 'vitest';
import { LEASE_MS, type Planner, type StoredPayment } from '../../../src/send/index.js';
import { START } from '../payment/support.js';
import { nodeId } from '../support.js';
import { NO_LIQUIDITY, Process, sharePlanner, World } from './world.js';

const ORDER = { kind: 'invoice' as const };
const HOUR = 3_600_000;

async function begin(world: World, process: Process, preimage?: Uint8Array<ArrayBuffer>): Promise<string> {
  const answer = await world.clock.finish(process.sender.pay({ request: ORDER, terms: world.terms({}, preimage) }));
  if (answer.kind !== 'started') throw new Error(`not started: ${answer.kind}`);
  return answer.payment.id;
}

async function start(world: World, name: string, over?: ConstructorParameters<typeof Process>[2]): Promise<Process> {
  const process = new Process(world, name, over);
  await world.clock.finish(process.sender.start());
  return process;
}

describe('the steps of a payment', () => {
  it('are made one after the other, whatever happens at once', async () => {
    const world = new World();
    let [open, most] = [0, 0];
    const commitStep = world.db.commitStep.bind(world.db);
    world.db.commitStep = async (step) => {
      most = Math.max(most, ++open);
      await new Promise<void>((resolve) => void world.clock.after(5, resolve));
      const answer = await commitStep(step);
      open--;
      return answer;
    };
    const nodes = [1, 2].map((node) => ({ name: `n${node}`, send: world.port(node) }));
    const a = await start(world, 'a', { nodes });
    // Both are refused while the calls are still being made, and all others at one moment.
    world.balances.set(1, 50_000n);
    world.fate = () => ({ kind: 'fail', afterMs: 0, failure: NO_LIQUIDITY });
    const id = await begin(world, a);
    await world.clock.run(() => world.db.payments.get(id)!.state.isEnded);
    expect(most).toBe(1);
    expect(world.troubles).toEqual([]);
    expect(world.check()).toEqual([]);
  });
});

describe('a clock that is set', () => {
  /** The connections break at once; the calls arrive all the same, after this. */
  const delayed = (world: World, delay: number) =>
    [1, 2].map((node) => {
      const port = world.port(node);
      const send: typeof port.send = (part, accepted) => {
        world.clock.after(delay, () => void port.send(part, accepted).catch(() => undefined));
        return Promise.reject(new Error('the connection is lost'));
      };
      return { name: `n${node}`, send: { ...port, send } };
    });

  it('forward does not make "never seen" the truth while calls may still arrive', async () => {
    const world = new World();
    const a = await start(world, 'a', { nodes: delayed(world, 4000) });
    const terms = world.terms({ deadline: world.clock.now() + 10 * HOUR });
    await world.clock.finish(a.sender.pay({ request: ORDER, terms }));
    await world.clock.runFor(500);
    a.clockOffset = HOUR;
    await world.clock.runFor(60_000);
    expect(world.sends).toBe(2);
    expect([...world.db.payments.values()][0]!.state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });

  it('back keeps nothing waiting for the time to come again', async () => {
    for (const at of [0, 300, 1500]) {
      const world = new World();
      const a = await start(world, 'a', { nodes: delayed(world, 1200) });
      const terms = world.terms({ deadline: world.clock.now() + 60_000 });
      await world.clock.finish(a.sender.pay({ request: ORDER, terms }));
      await world.clock.runFor(at);
      a.clockOffset = -HOUR;
      await world.clock.runFor(90_000);
      expect([at, [...world.db.payments.values()][0]!.state.phase]).toEqual([at, 'succeeded']);
      expect(world.check()).toEqual([]);
    }
  });

  it('back between a failure and its plan does not put the plan off', async () => {
    const world = new World();
    const a = await start(world, 'a');
    world.fate = ({ part }) => (part.id < 2 ? { kind: 'fail', afterMs: 100 } : { kind: 'settle', afterMs: 100 });
    const id = await begin(world, a);
    await world.clock.run(() => world.db.payments.get(id)!.state.planAt !== undefined);
    a.clockOffset = -HOUR;
    await world.clock.runFor(10_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.check()).toEqual([]);
  });
});

describe('a stop', () => {
  it('at any point of a start lets go of everything, and is over only then', async () => {
    for (let point = 1; point <= 12; point++) {
      const world = new World();
      const a = new Process(world, 'a');
      const stops: Promise<void>[] = [];
      a.onPoint = (at) => {
        if (at === point) stops.push(a.sender.stop(), a.sender.stop());
      };
      const started = a.sender.start();
      started.catch(() => undefined);
      await world.clock.runFor(100);
      stops.push(a.sender.stop());
      await world.clock.finish(Promise.all(stops));
      const { points } = a;
      expect(world.clock.pending).toBe(0);
      expect([...world.db.senders.values()].map(({ isGone }) => isGone)).toEqual([true]);
      await world.clock.runFor(HOUR);
      expect(a.points).toBe(points);
      await expect(a.sender.pay({ request: ORDER, terms: world.terms() })).rejects.toThrow('after the stop');
    }
  });

  it.each([true, false])('of a process that cannot begin anew leaves no rejection (asked to pay: %s)', async (pays) => {
    const world = new World();
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      const a = await start(world, 'a');
      world.db.senders.set('a', { until: 0, isGone: true });
      a.onPoint = (_, what) => {
        a.isDatabaseAway ||= what === 'store.startingKnowledge before';
      };
      await world.clock.run(() => world.troubles.some((trouble) => trouble.includes('begins anew')));
      await world.clock.runFor(20_000);
      if (pays) {
        const answer = a.sender.pay({ request: ORDER, terms: world.terms() });
        await expect(world.clock.finish(answer)).rejects.toThrow('check that the database runs');
      }
      await world.clock.finish(a.sender.stop());
      await world.clock.runFor(HOUR);
      await new Promise((resolve) => setImmediate(resolve));
      expect(world.clock.pending).toBe(0);
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
  });
});

describe('a take-over', () => {
  const HOPS = [1130n, 1230n].map((scid) => ({ scid, direction: 0 as const, amountMsat: 1n, kind: 'public' as const }));

  /** Notes what is in flight on the hops whenever a plan is made. */
  const noting = (inFlight: number[][]): Planner => ({
    plan: (request) => {
      const { knowledge, now } = request;
      inFlight.push(HOPS.map((hop) => knowledge.range(hop, now)?.inFlight ?? 0));
      return sharePlanner(2).plan(request);
    },
  });

  it('reads the log to the last before what a dead process reserved is released', async () => {
    const world = new World();
    const graph = graphOf();
    const gossip = {
      follow: async (handlers: { onNews: (news: typeof graph) => void; onLoaded: () => void }) => {
        handlers.onNews(graph);
        handlers.onLoaded();
        return { close: () => undefined };
      },
    };
    const over = { nodes: [1, 2].map((node) => ({ name: `n${node}`, send: world.port(node), graph: gossip })) };
    const inFlight: number[][] = [];
    const b = await start(world, 'b', { ...over, planner: noting(inFlight) });
    const a = await start(world, 'a', over);
    world.fate = () => ({ kind: 'settle', afterMs: 100 });
    // Sent and left between a poll of the other and its next claim, which comes before its next poll.
    await world.clock.runFor(START + 2500 - world.clock.now());
    const id = await begin(world, a);
    await world.clock.run(() => world.sends === 2);
    a.die();
    await world.db.leaveSender('a');
    await world.clock.run(() => world.db.payments.get(id)!.state.isEnded);
    expect(world.db.payments.get(id)!.owner).toBe('b');
    await world.clock.runFor(5000);
    await begin(world, b, new Uint8Array(32).fill(8));
    expect(inFlight).toEqual([[0, 0]]);
  });

  it('leaves no send to a process that wakes up and cannot ask the database', async () => {
    const world = new World();
    const a = await start(world, 'a');
    await start(world, 'b');
    world.fate = () => ({ kind: 'settle', afterMs: 60_000 });
    let commits = 0;
    a.onPoint = (_, what) => {
      if (what === 'store.commitStep after' && ++commits === 1) a.freeze();
    };
    void a.sender.pay({ request: ORDER, terms: world.terms() });
    // The other one has just replaced what the node had never seen.
    await world.clock.run(() => world.sends > 0);
    await world.clock.runFor(100);
    const { sends } = world;
    // The answer of the commit has come; from now on the database is silent for this process.
    a.onPoint = (_, what) => {
      a.isDatabaseAway ||= what === 'store.renewSender before';
    };
    a.thaw();
    await world.clock.runFor(5000);
    expect(world.sends).toBe(sends);
    await world.clock.runFor(120_000);
    expect(world.violations).toEqual([]);
  });

  it('whose answer was lost is found however many payments there are', async () => {
    const world = new World();
    const a = await start(world, 'a');
    const b = await start(world, 'b');
    world.fate = () => ({ kind: 'settle', afterMs: 15_000 });
    const id = await begin(world, a);
    await world.clock.runFor(50);
    b.onPoint = (_, what) => {
      const isTaken = what === 'store.claimPayments after' && world.db.payments.get(id)!.owner === 'b';
      if (isTaken && !b.isDatabaseAway) {
        for (let n = 0; n < 1200; n++) world.db.payments.set(`${n}`, overFrom(world.db.payments.get(id)!, `${n}`));
      }
      b.isDatabaseAway = isTaken;
    };
    a.die();
    await world.clock.runFor(60_000);
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
  });

  it('whose answer was lost does not bring back what has ended meanwhile', async () => {
    const world = new World();
    const b = await start(world, 'b');
    world.fate = () => ({ kind: 'settle', afterMs: 1000 });
    const id = await begin(world, b);
    // The next claim is answered by nobody; the list after it is read before the payment ends and answered after it.
    const claimPayments = world.db.claimPayments.bind(world.db);
    const paymentsOf = world.db.paymentsOf.bind(world.db);
    let claims = 0;
    world.db.claimPayments = async (...args) => {
      const claimed = await claimPayments(...args);
      if (++claims === 1) throw new Error('the answer is lost');
      return claimed;
    };
    world.db.paymentsOf = async (owner) => {
      const list = await paymentsOf(owner);
      await new Promise<void>((resolve) => void world.clock.after(3000, resolve));
      return [...list, id];
    };
    await world.clock.runFor(30_000);
    expect(claims).toBeGreaterThan(1);
    expect(b.sender.status().paymentsInFlight).toBe(0);
    expect(world.reports.filter(({ report }) => report.kind === 'succeeded')).toHaveLength(1);
    expect(world.troubles.filter((trouble) => trouble.includes('a step'))).toEqual([]);
    expect(world.check()).toEqual([]);
  });
});

describe('a payment of a hash that has failed before', () => {
  it('is paid as if nothing had been, and no answer of the old one reaches it', async () => {
    const world = new World();
    const a = await start(world, 'a');
    const late: (() => void)[] = [];
    world.fate = () => ({ kind: 'fail', afterMs: 50, failure: { kind: 'decoded', reporter: 3, code: 0x400f } });
    const old = await begin(world, a);
    await world.clock.run(() => world.db.payments.get(old)!.state.isEnded);
    for (const htlc of world.htlcs.values()) {
      late.push(() => {
        for (const tell of htlc.listeners) tell({ kind: 'failed', failure: NO_LIQUIDITY });
      });
    }
    world.fate = () => ({ kind: 'settle', afterMs: 500 });
    const id = await begin(world, a);
    expect(id).not.toBe(old);
    await world.clock.runFor(200);
    for (const tell of late) tell();
    await world.clock.run(() => world.db.payments.get(id)!.state.isEnded);
    expect(world.db.payments.get(id)!.state.parts.map(({ id: part, state }) => [part, state])).toEqual([
      [0, 'settled'],
      [1, 'settled'],
    ]);
    expect(world.check()).toEqual([]);
  });
});

describe('what was learnt', () => {
  it('and cannot be taken in keeps no payment from going on', async () => {
    const world = new World();
    const broken = { ...sharePlanner(2) };
    const a = await start(world, 'a', {
      planner: {
        plan: (request) => {
          request.knowledge.reserve = () => {
            throw new Error('a bug');
          };
          request.knowledge.markNode = request.knowledge.easeNode = () => {
            throw new Error('a bug');
          };
          return broken.plan(request);
        },
      },
    });
    const id = await begin(world, a);
    await world.clock.runFor(5000);
    expect(world.troubles.join()).toContain('could not be learnt');
    expect(world.db.payments.get(id)!.state.phase).toBe('succeeded');
    expect(world.sends).toBe(2);
    await world.clock.runFor(LEASE_MS);
  });
});

function graphOf() {
  return [1130n, 1230n].map((scid) => ({
    kind: 'channel' as const,
    channel: { scid, node1: nodeId(Number(scid / 100n)), node2: nodeId(30), capacityMsat: 1_000_000n },
  }));
}

function overFrom(payment: StoredPayment, id: string): StoredPayment {
  const { state } = payment;
  const terms = { ...state.terms, paymentHash: new Uint8Array(32).fill(1) };
  return { ...payment, id, owner: 'c', state: { ...state, terms, phase: 'failed', parts: [], isEnded: true } };
}
