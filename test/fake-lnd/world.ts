/** A simulated network on the wall clock whose members are fake LNDs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Faults } from '../../src/node/sim/faults.js';
import type { AddNodeOptions, SimNetwork } from '../../src/node/sim/network.js';
import { FakePayer } from '../../src/node/sim/payer.js';
import { wallClock } from '../../src/receive/clock.js';
import { conformanceNetwork, MEMBERS } from '../node/sim-harness.js';
import { type FakeLnd, type FakeLndOptions, serveFakeLnd } from './server.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;

let seed = 20_000;

export interface FakeLndWorld {
  readonly network: SimNetwork;
  readonly payer: FakePayer;
  readonly sim: Faults;
  /** `alpha` and `beta`. */
  readonly lnds: readonly [FakeLnd, FakeLnd];
  close(): Promise<void>;
}

export interface FakeLndWorldOptions extends FakeLndOptions {
  readonly interceptor?: AddNodeOptions['interceptor'];
}

/** Two members that share a channel, and a payer that is the outside peer of both. */
export async function fakeLndWorld({
  interceptor = true,
  ...options
}: FakeLndWorldOptions = {}): Promise<FakeLndWorld> {
  const network = conformanceNetwork(++seed, wallClock, interceptor, FAST);
  const lnds = await Promise.all([
    serveFakeLnd(network, MEMBERS[0], options),
    serveFakeLnd(network, MEMBERS[1], options),
  ]);
  return {
    network,
    payer: new FakePayer(network, network.node('payer')),
    sim: new Faults(network),
    lnds,
    close: async () => {
      await Promise.all(lnds.map((lnd) => lnd.close()));
    },
  };
}

/** Waits for a condition. Rejects if it does not come true in time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'it',
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what} never happened`);
    await sleep(3);
  }
}
