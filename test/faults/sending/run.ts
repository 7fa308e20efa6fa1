/** One run: payments are made among faults for a minute, then everything is well again, then it is judged. */
import type { Random } from '../../../src/node/sim/random.js';
import { toHex } from '../../../src/wire/bytes.js';
import type { Violation } from '../checker.js';
import { NO_NODE_FAULTS } from './ports.js';
import type { Thing } from './orders.js';
import { type RunningSender, type SendingWiring, SendingWorld } from './world.js';

export interface SendingResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly trace: readonly string[];
  /** What the run was worth as a test. */
  readonly succeeded: number;
  readonly failed: number;
  readonly parts: number;
  readonly takenOver: number;
  readonly mostOut: number;
  readonly virtualMs: number;
}

export type SendingEmphasis = 'processes frozen' | 'processes killed' | 'nodes away';

export interface SendingOptions {
  readonly wiring?: SendingWiring;
  readonly keepTrace?: boolean;
  readonly emphasis?: SendingEmphasis;
}

const TROUBLE_MS = 60_000;
const BLOCK_EVERY_MS = 2_000;

export async function runSending(
  seed: number,
  { wiring = {}, keepTrace = false, emphasis }: SendingOptions = {},
): Promise<SendingResult> {
  const world = new SendingWorld(`sending ${seed}`, wiring, keepTrace);
  await world.open();
  const { random, clock, watch } = world;
  const startedAt = clock.now();
  const processes = world.isSole ? 1 : random.int(1, 2);
  for (let i = 0; i < processes; i++) world.startProcess();
  const times = planTraffic(world, random.fork('traffic'));
  planFaults(world, random.fork('trouble'), times);
  if (emphasis) emphasise(world, random.fork('emphasis'), emphasis);
  await clock.runFor(TROUBLE_MS);
  heal(world, processes);
  await settleDown(world);
  watch.finish(new Map(world.things.map(({ terms, payee }) => [toHex(terms.paymentHash), payee.name])));
  const { payments } = watch;
  const phases = payments.map(({ state }) => state.phase);
  const result = {
    seed,
    violations: watch.violations,
    traceHash: world.network.trace.hash,
    trace: world.network.trace.lines,
    succeeded: phases.filter((phase) => phase === 'succeeded').length,
    failed: phases.filter((phase) => phase === 'failed').length,
    parts: payments.reduce((sum, { state }) => sum + state.parts.length, 0),
    takenOver: payments.filter(({ state }) => state.parts.some(({ unknownSince }) => unknownSince !== undefined))
      .length,
    mostOut: watch.mostOut,
    virtualMs: clock.now() - startedAt,
  };
  for (const { process } of world.processes) process.kill();
  await world.close();
  return result;
}

// --- traffic

/** @returns when payments begin */
function planTraffic(world: SendingWorld, random: Random): number[] {
  const { clock } = world;
  const times: number[] = [];
  for (let i = random.int(1, 4); i > 0; i--) {
    const thing = world.think(random);
    const at = random.int(1_500, 35_000);
    times.push(at);
    clock.after(at, () => world.pay(thing, random));
    // Twice at the same time, or again later, whatever became of it.
    if (random.chance(0.3)) clock.after(at + random.pick([0, 1, 30, 3_000]), () => world.pay(thing, random));
    if (random.chance(0.4)) clock.after(at + random.int(5_000, 25_000), () => world.pay(thing, random));
    if (random.chance(0.1)) clock.after(at + random.int(10, 8_000), () => stopOne(world, random));
    planMerchant(world, thing, at);
  }
  return times;
}

function planMerchant({ clock, network }: SendingWorld, { merchant, payee, terms }: Thing, at: number): void {
  if (!merchant) return;
  clock.after(at + merchant.afterMs, () => {
    network.trace.note(`${payee.name} wants to ${merchant.word}`);
    if (merchant.word === 'settle') payee.till.settle(terms.paymentHash);
    else payee.till.cancel(terms.paymentHash);
  });
}

function stopOne({ processes, watch }: SendingWorld, random: Random): void {
  const running = watch.payments.filter(({ state }) => !state.isEnded);
  if (running.length === 0) return;
  const { id } = random.pick(running);
  for (const { process, sender } of processes) if (process.running) sender?.stopPayment(id).catch(() => undefined);
}

// --- trouble

type Trouble = (world: SendingWorld, random: Random) => void;

function alive(world: SendingWorld, random: Random): RunningSender | undefined {
  const running = world.processes.filter(({ process }) => process.running);
  return running.length === 0 ? undefined : random.pick(running);
}

function killAndRestart(world: SendingWorld, random: Random): void {
  const victim = alive(world, random);
  if (!victim) return;
  world.killProcess(victim);
  world.clock.after(random.pick([0, 500, random.int(0, 20_000)]), () => world.startProcess());
}

/** Somewhere between two of its next writes. */
function killAtWrite(world: SendingWorld, random: Random): void {
  const victim = alive(world, random);
  if (!victim) return;
  world.atWrite.set(victim.process, { left: random.int(0, 12), strike: () => world.killProcess(victim) });
  world.clock.after(random.int(1_000, 15_000), () => {
    world.atWrite.delete(victim.process);
    if (!victim.process.alive) world.startProcess();
  });
}

/** So long that others take its payments over and look for its parts before it wakes up. */
function freezeAtWrite(world: SendingWorld, random: Random): void {
  const victim = alive(world, random);
  if (!victim || world.isSole) return;
  const duration = random.pick([9_000, 28_000, 35_000]);
  const strike = (): void => world.freezeProcess(victim, duration);
  world.atWrite.set(victim.process, { left: random.int(0, 8), strike });
  if (world.processes.filter(({ process }) => process.running).length < 2) world.startProcess();
}

function freeze(
  world: SendingWorld,
  random: Random,
  duration = random.pick([300, 3_000, 9_000, random.int(10_000, 40_000)]),
): void {
  const victim = alive(world, random);
  if (victim && !world.isSole) world.freezeProcess(victim, duration);
}

function restartNode(world: SendingWorld, random: Random): void {
  const { name } = random.pick([...world.own, ...world.own, ...world.routers, ...world.payees]);
  world.faults.crashNode(name);
  world.clock.after(random.pick([50, 2_000, random.int(1_000, 40_000)]), () => world.faults.restartNode(name));
}

function cutLine(world: SendingWorld, random: Random): void {
  const running = alive(world, random);
  if (running) random.pick(running.ports).cut();
}

/** Calls are still on their way when nobody hears of them any more. */
function cutSlowLines(world: SendingWorld, random: Random): void {
  const { nodeFaults, clock } = world;
  nodeFaults.slowMs = 5_000;
  for (let i = 0; i < 4; i++) {
    clock.after(random.int(0, 8_000), () => {
      for (const { ports } of world.processes) for (const port of ports) port.cut();
    });
  }
  clock.after(10_000, () => {
    nodeFaults.slowMs = 0;
  });
}

function cutLink(world: SendingWorld, random: Random): void {
  const { ends } = random.pick(world.network.channels);
  world.faults.cutLink(ends[0].name, ends[1].name);
  world.clock.after(random.int(500, 30_000), () => world.faults.healLink(ends[0].name, ends[1].name));
}

function badLines({ nodeFaults, clock }: SendingWorld, random: Random): void {
  nodeFaults.slowMs = random.pick([0, 50, 4_000]);
  nodeFaults.loseCall = random.pick([0, 0.1, 0.3]);
  nodeFaults.loseOutcome = random.pick([0, 0.2, 0.5]);
  nodeFaults.unavailable = random.pick([0, 0.3]);
  nodeFaults.twice = random.pick([0, 0.5]);
  nodeFaults.wrongPreimage = random.pick([0, 0, 0.2]);
  clock.after(random.int(2_000, 30_000), () => Object.assign(nodeFaults, { ...NO_NODE_FAULTS, lie: nodeFaults.lie }));
}

function lies({ nodeFaults, clock }: SendingWorld, random: Random): void {
  nodeFaults.lie = random.pick([0.3, 1]);
  clock.after(random.int(5_000, 40_000), () => {
    nodeFaults.lie = 0;
  });
}

function flakyDatabase({ database, clock }: SendingWorld, random: Random): void {
  database.refuse = random.pick([0, 0.1, 0.5]);
  database.loseReply = random.pick([0, 0.1, 0.5]);
  database.late = random.pick([0, 0.1, 0.5]);
  clock.after(random.int(1_000, 20_000), () => Object.assign(database, { refuse: 0, loseReply: 0, late: 0 }));
}

/** Clocks are set, forward and back. The processes' own timers go on as before. */
function jumpClock(world: SendingWorld, random: Random): void {
  const victim = random.chance(0.5) ? undefined : alive(world, random);
  if (victim) victim.process.skew += random.pick([-2_000, 500, 30_000, 120_000]);
  else world.databaseSkew += random.pick([-2_000, 500, 30_000, 120_000]);
}

function newTerms({ network }: SendingWorld, random: Random): void {
  const channel = random.pick(network.channels);
  const from = network.node(random.pick(channel.ends).name);
  const change = { feeBaseMsat: random.int(0, 5_000), cltvExpiryDelta: random.pick([20, 40, 80, 144]) };
  network.changePolicy(channel, from, change);
}

const TROUBLES: readonly (readonly [weight: number, trouble: Trouble])[] = [
  [4, killAndRestart],
  [6, killAtWrite],
  [3, (world, random) => freeze(world, random)],
  [5, freezeAtWrite],
  [5, restartNode],
  [3, cutLine],
  [3, cutSlowLines],
  [3, cutLink],
  [5, badLines],
  [3, lies],
  [3, flakyDatabase],
  [3, newTerms],
  [2, jumpClock],
  [2, (world) => world.faults.mineBlocks(1)],
  [1, (world) => world.faults.mineBlocks(30)],
  [1, (world, random) => world.faults.lagHeight(random.pick([...world.own, ...world.routers]).name, random.int(0, 5))],
  [
    1,
    (world, random) => {
      const cheat = random.pick([undefined, { skimMsat: 1n }, { skimBlocks: 10 }, { garbleByte: 40 }]);
      world.faults.cheat(random.pick(world.routers).name, cheat);
    },
  ],
  [
    3,
    (world, random) =>
      (world.database.stalledUntil = world.clock.now() + random.pick([1_000, 10_000, random.int(500, 20_000)])),
  ],
];

/** Most trouble comes while parts are out. */
function planFaults(world: SendingWorld, random: Random, times: readonly number[]): void {
  const deck = TROUBLES.flatMap(([weight, trouble]) => Array.from({ length: weight }, () => trouble));
  for (let i = random.int(0, 8); i > 0; i--) {
    const trouble = random.pick(deck);
    const at = random.chance(0.7) ? random.pick(times) + random.int(-500, 5_000) : random.int(200, 50_000);
    world.clock.after(at, () => trouble(world, random));
  }
}

function emphasise(world: SendingWorld, random: Random, emphasis: SendingEmphasis): void {
  const trouble: Trouble = {
    'processes frozen': random.chance(0.5)
      ? (each: SendingWorld) => freeze(each, random, random.int(11_000, 30_000))
      : freezeAtWrite,
    'processes killed': killAndRestart,
    'nodes away': restartNode,
  }[emphasis];
  for (let i = 0; i < 6; i++) world.clock.after(random.int(2_000, 40_000), () => trouble(world, random));
}

// --- peace

function heal(world: SendingWorld, processes: number): void {
  const { faults, network, database, nodeFaults, things } = world;
  network.trace.note('peace');
  Object.assign(database, { stalledUntil: 0, refuse: 0, loseReply: 0, late: 0 });
  Object.assign(nodeFaults, NO_NODE_FAULTS);
  world.atWrite.clear();
  for (const { name } of network.nodes) {
    faults.restartNode(name);
    faults.lagHeight(name, 0);
    faults.cheat(name, undefined);
  }
  for (const { ends } of network.channels) faults.healLink(ends[0].name, ends[1].name);
  // Merchants make up their minds.
  for (const { merchant, payee, terms } of things) if (merchant) payee.till.cancel(terms.paymentHash);
  for (const running of world.processes)
    if (running.process.alive && !running.process.running) world.killProcess(running);
  for (let i = world.processes.filter(({ process }) => process.alive).length; i < processes; i++) world.startProcess();
}

/** Until all payments have ended, or far longer than it may take. */
async function settleDown({ clock, network, watch }: SendingWorld): Promise<void> {
  const isBusy = (): boolean =>
    watch.payments.some(({ state }) => !state.isEnded) || network.liveHtlcs().some(({ channel }) => !channel.closed);
  for (let i = 0; i < 40 && (i < 2 || isBusy()); i++) await clock.runFor(5_000);
  // What is on chain ends with blocks.
  for (let i = 0; i < 400 && network.liveHtlcs().length > 0; i++) {
    network.mine(1);
    await clock.runFor(BLOCK_EVERY_MS);
  }
  for (let i = 0; i < 40 && (i < 2 || isBusy()); i++) await clock.runFor(5_000);
}
