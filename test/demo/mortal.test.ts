/** A killed process: what it had begun stays begun, it learns of nothing any more, and another one takes over. */
import { describe, expect, it } from 'vitest';
import { Life, mortalClock, mortalNode } from '../../src/demo/mortal.js';
import { DemoWorld, MEMBERS } from '../../src/demo/world.js';
import { presetWorld } from '../../src/node/sim/preset.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import type { InterceptHandlers } from '../../src/receive/node-port.js';

function inWorld<T>(body: (world: DemoWorld, clock: VirtualClock) => Promise<T>): Promise<T> {
  const clock = new VirtualClock();
  const run = async (): Promise<T> => {
    const world = await DemoWorld.create({ seed: 'mortal', clock });
    try {
      return await body(world, clock);
    } finally {
      await world.close();
    }
  };
  return clock.finish(run());
}

describe('a life', () => {
  it('gates calls: those that end after it neither resolve nor reject', async () => {
    const life = new Life();
    let release = (): void => undefined;
    let fail = (): void => undefined;
    const seen: string[] = [];
    const first = life.gate(() => new Promise<void>((resolve) => (release = resolve)));
    const second = life.gate(() => new Promise<void>((_, reject) => (fail = () => reject(new Error('late')))));
    void first.then(() => seen.push('resolved'));
    second.catch(() => seen.push('rejected'));
    await expect(life.gate(async () => 5)).resolves.toBe(5);
    await expect(life.gate(() => Promise.reject(new Error('in time')))).rejects.toThrow('in time');
    life.end();
    release();
    fail();
    let called = false;
    void life.gate(async () => {
      called = true;
    });
    await new Promise(setImmediate);
    expect({ seen, called }).toEqual({ seen: [], called: false });
  });

  it('silences timers that were set before', async () => {
    const clock = new VirtualClock();
    const life = new Life();
    const fired: string[] = [];
    const mortal = mortalClock(life, clock);
    mortal.after(10, () => fired.push('early'));
    mortal.after(30, () => fired.push('late'));
    mortal.soon(() => fired.push('soon'));
    await clock.runFor(20);
    life.end();
    mortal.soon(() => fired.push('too late'));
    await clock.runFor(20);
    expect(fired).toEqual(['soon', 'early']);
    expect(mortal.now()).toBe(clock.now());
  });

  it('breaks its sessions at its end, without being told, and frees the node for the next one', async () => {
    const clock = new VirtualClock();
    const { ports } = presetWorld({ seed: 1, clock });
    const life = new Life();
    const closed: string[] = [];
    const handlers: InterceptHandlers = {
      onHtlc: () => undefined,
      onFinal: () => undefined,
      onHeight: () => undefined,
      onClosed: (reason) => closed.push(reason),
    };
    const session = await mortalNode(life, ports[0]!).intercept!.open(handlers);
    await expect(ports[0]!.intercept!.open(handlers)).rejects.toThrow();
    life.end();
    expect(closed).toEqual([]);
    const key = { nodeId: new Uint8Array(33), channelId: 1n, htlcId: 1n };
    expect(session.answer(key, { action: 'resume' })).toBe('closed');
    const next = await ports[0]!.intercept!.open(handlers);
    next.close();
    expect(closed).toHaveLength(1);
  });
});

describe('a killed process', () => {
  it('keeps its leases until they run out; then the next one serves all members', () =>
    inWorld(async (world) => {
      world.process.kill();
      const killedAt = world.now;
      const successor = await world.startProcess();
      await world.sleep(5_000);
      expect(successor.live).toEqual([]);
      await world.untilServed(MEMBERS);
      expect(successor.live).toEqual([...MEMBERS]);
      expect(world.now - killedAt).toBeGreaterThan(7_000);
    }));

  it('is stopped in good order otherwise: the next one serves at once', () =>
    inWorld(async (world) => {
      await world.process.stop();
      const stoppedAt = world.now;
      await world.startProcess();
      await world.untilServed(MEMBERS);
      expect(world.now - stoppedAt).toBeLessThan(1_000);
    }));

  it('has committed when it is killed after the commit, and has answered nothing', () =>
    inWorld(async (world) => {
      const { process } = world;
      const { invoice, paymentHash } = await world.issue(90_000_000n);
      process.killAfter(({ type }) => type === 'invoice.settled');
      const { record } = world.payer('carol').start({ invoice });
      await world.until(() => !process.alive, 'the kill');
      await world.sleep(120_000);
      expect((await world.account(paymentHash)).sets).toMatchObject([{ state: 'settling' }]);
      expect(world.sim.network.observations().answers).toEqual([]);
      expect(record.outcome).toBe('pending');
      await world.startProcess();
      await world.untilServed(MEMBERS);
      await world.until(() => record.endedAt !== undefined, 'the end');
      expect(record.outcome).toBe('settled');
    }));
});
