/**
 * Whole clusters under random trouble: processes die and come back, freeze, lose the database or a node, payments begin
 * everywhere with the same balances. In the end everything is known and has to be the truth.
 */
import { describe, expect, it } from 'vitest';
import type { PaymentStore } from '../../../src/send/index.js';
import { NO_LIQUIDITY, Process, World } from './world.js';

const ORDER = { kind: 'invoice' as const };
const SEEDS = 60;

function generator(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function troubled(seed: number, bug?: (store: PaymentStore) => PaymentStore): Promise<World> {
  const random = generator(seed);
  const world = new World();
  world.confirms = random() < 0.5;
  world.fate = () => {
    const afterMs = Math.floor(random() * (random() < 0.2 ? 40_000 : 1500));
    const choice = random();
    if (choice < 0.5) return { kind: 'settle', afterMs };
    return choice < 0.9 ? { kind: 'fail', afterMs, failure: NO_LIQUIDITY } : { kind: 'hold' };
  };
  let made = 0;
  const make = (): Process => {
    const process = new Process(world, `p${seed}x${++made}`, bug ? { bug } : {});
    process.sender.start().catch(() => undefined);
    return process;
  };
  const processes = [make(), make()];
  for (let turn = 0; turn < 60; turn++) {
    await world.clock.runFor(Math.floor(random() * 1500));
    const at = Math.floor(random() * 2);
    const process = processes[at]!;
    const choice = random();
    if (choice < 0.25) {
      const preimage = new Uint8Array(32).fill(1 + Math.floor(random() * 6));
      const terms = world.terms({ amountMsat: BigInt(20_000 + Math.floor(random() * 150_000)) }, preimage);
      process.sender.pay({ request: ORDER, terms }).catch(() => undefined);
    } else if (choice < 0.35) {
      process.die();
      processes[at] = make();
    } else if (choice < 0.4) process.freeze();
    else if (choice < 0.55) process.thaw();
    else if (choice < 0.65) process.isDatabaseAway = !process.isDatabaseAway;
    else if (choice < 0.7) world.away.add(1 + Math.floor(random() * 2));
    else if (choice < 0.8) world.away.clear();
    else if (choice < 0.85) world.height++;
  }
  world.away.clear();
  for (const process of processes) {
    process.isDatabaseAway = false;
    process.thaw();
  }
  for (const [key, htlc] of world.htlcs) if (htlc.state === 'flying' && random() < 0.5) world.settle(key);
  await world.clock.runFor(60_000);
  for (const key of world.htlcs.keys()) world.fail(key);
  await world.clock.runFor(200_000);
  world.check();
  for (const { sender } of processes) {
    if (sender.status().inFlightMsat !== 0n) world.violations.push('a process still counts money as out');
  }
  return world;
}

describe('clusters under random trouble', () => {
  it(`keep the rules about money in ${SEEDS} schedules`, async () => {
    let sends = 0;
    let payments = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = await troubled(seed);
      expect([seed, world.violations]).toEqual([seed, []]);
      sends += world.sends;
      payments += world.db.payments.size;
    }
    expect(payments).toBeGreaterThan(SEEDS);
    expect(sends).toBeGreaterThan(SEEDS);
  }, 120_000);

  it('and do not without the fence: the planted bug is found', async () => {
    // Whoever was given up goes on as if it had not been.
    const unfenced = (real: PaymentStore): PaymentStore =>
      new Proxy(real, {
        get: (target, key) =>
          key === 'renewSender'
            ? async (...args: Parameters<PaymentStore['renewSender']>) => (await target.renewSender(...args)) || true
            : key === 'commitStep'
              ? async (step: Parameters<PaymentStore['commitStep']>[0]) => {
                  const answer = await target.commitStep(step);
                  return answer === 'fenced' ? 'committed' : answer;
                }
              : (Reflect.get(target, key) as unknown),
      });
    const found = new Set<string>();
    for (let seed = 1; seed <= SEEDS && found.size === 0; seed++) {
      for (const violation of (await troubled(seed, unfenced)).violations) found.add(violation);
    }
    expect(found.size).toBeGreaterThan(0);
  }, 120_000);
});
