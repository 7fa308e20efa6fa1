/** One run: a random world lives for two minutes among faults, then everything is well again, then it is judged. */
import { sha256 } from '../../src/crypto/index.js';
import type { Random } from '../../src/node/sim/random.js';
import { check, type Violation } from './checker.js';
import { type IssuedInvoice, issueInvoice, type PaymentPlan, planPayments } from './payments.js';
import { openFakeStore, type Wiring, World } from './world.js';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly trace: readonly string[];
  /** What the run was worth as a test. */
  readonly settledInvoices: number;
  readonly failedPayments: number;
  readonly losses: number;
  readonly virtualMs: number;
}

const TROUBLE_MS = 120_000;
/** A lease outlives no more than half the margin. */
const BLOCK_EVERY_MS = 2_000;

export interface RunOptions {
  readonly wiring?: Wiring;
  readonly keepTrace?: boolean;
  /** One kind of trouble more, several times. */
  readonly emphasis?: Emphasis;
}

export type Emphasis = 'nodes away' | 'channels closed' | 'processes frozen' | 'nodes lost at commitment';

export async function runSeed(
  seed: number,
  { wiring = { openStore: openFakeStore }, keepTrace = false, emphasis }: RunOptions = {},
): Promise<RunResult> {
  const world = new World(seed, wiring, keepTrace);
  await world.open();
  const { random, clock } = world;
  const startedAt = clock.now();
  const processes = random.int(1, 3);
  for (let i = 0; i < processes; i++) world.startProcess();
  await planTraffic(world, random.fork('traffic'));
  planFaults(world, random.fork('trouble'), processes);
  if (emphasis) emphasise(world, random.fork('emphasis'), emphasis);
  await clock.runFor(TROUBLE_MS);
  heal(world, processes);
  const stuck = await settleDown(world);
  const evidence = await world.evidence(stuck);
  const violations = check(evidence);
  const settled = new Set(evidence.told.flatMap((event) => (event.type === 'settled' ? [event.paymentHash] : [])));
  const result = {
    seed,
    violations,
    traceHash: world.network.trace.hash,
    trace: world.network.trace.lines,
    settledInvoices: settled.size,
    failedPayments: world.payments.filter(({ record }) => record.outcome === 'failed').length,
    losses: evidence.told.filter((event) => event.type === 'alarm' && event.code === 'part-lost').length,
    virtualMs: clock.now() - startedAt,
  };
  for (const running of world.processes) running.process.kill();
  await world.close();
  return result;
}

// --- traffic

async function planTraffic(world: World, random: Random): Promise<void> {
  const { clock, keys, members } = world;
  const issuer = {
    keys,
    members: members.map(({ nodeId }) => nodeId),
    random,
    now: () => Math.floor(clock.now() / 1000),
  };
  const count = random.int(2, 5);
  for (let i = 0; i < count; i++) {
    const issued = issueInvoice(issuer, random.chance(0.2));
    await announce(world, issued);
    const { invoice } = issued;
    const startAt = random.int(500, 50_000);
    for (const plan of planPayments(random, invoice, world.network.height)) pay(world, random, plan, startAt);
    if (issued.truth.hold) planMerchant(world, random, issued, startAt);
    // The right secret under another hash pays nothing.
    if (random.chance(0.1)) payForeignHash(world, random, issued, startAt);
  }
  for (let i = random.int(0, 2); i > 0; i--) payShop(world, random);
}

async function announce(world: World, { truth }: IssuedInvoice): Promise<void> {
  world.invoices.push(truth);
  const { hold, paymentHash } = truth;
  if (!hold) return;
  const terms = { paymentHash, mode: 'hold', wish: 'none', preimage: undefined, holdMs: hold.holdMs } as const;
  await world.store.transact([paymentHash], (view) => view.putAccount({ ...view.account(paymentHash), terms }));
}

function pay(
  world: World,
  random: Random,
  { invoice, totalMsat, parts, delayMs, replayMs }: PaymentPlan,
  startAt: number,
): void {
  const payer = random.pick(world.payers);
  const totals = parts.map(({ mistakes }) => mistakes?.totalMsat ?? totalMsat);
  const leastTotalMsat = totals.reduce((least, each) => (each < least ? each : least), totalMsat);
  world.clock.after(startAt + delayMs, () => {
    const attempts = random.int(1, 4);
    const { record } = payer.start({ invoice, amountMsat: totalMsat, parts, attempts });
    world.payments.push({ payer, record, leastTotalMsat });
    if (replayMs === undefined) return;
    world.clock.after(replayMs, () => {
      const sent = record.parts.flatMap((part) => part.attempts);
      if (sent.length > 0) payer.replay(random.pick(sent));
    });
  });
}

function payForeignHash(world: World, random: Random, { invoice }: IssuedInvoice, startAt: number): void {
  const paymentHash = sha256(random.bytes(32));
  const foreign = { ...invoice, paymentHash };
  world.invoices.push({ paymentHash: Buffer.from(paymentHash).toString('hex'), leastMsat: undefined, hold: undefined });
  const totalMsat = invoice.amountMsat ?? 50_000n;
  const plan = { invoice: foreign, totalMsat, parts: [{ amountMsat: totalMsat }], delayMs: 0, replayMs: undefined };
  pay(world, random, plan, startAt);
}

function planMerchant(world: World, random: Random, { truth }: IssuedInvoice, startAt: number): void {
  const { paymentHash, hold } = truth;
  const words = random.int(0, 3);
  for (let i = 0; i < words; i++) {
    const type = random.chance(0.7) ? 'settle-hold' : 'cancel';
    world.clock.after(startAt + random.int(100, 60_000), () => {
      const running = world.processes.filter(({ process }) => process.running);
      if (running.length === 0) return;
      const { ledger } = random.pick(running);
      const command =
        type === 'cancel'
          ? ({ type, paymentHash } as const)
          : ({ type, paymentHash, preimage: hold!.preimage } as const);
      ledger.submit(command).catch(() => undefined);
    });
  }
}

function payShop(world: World, random: Random): void {
  const shop = world.network.node('shop');
  const preimage = random.bytes(32);
  const invoice = {
    paymentHash: sha256(preimage),
    paymentSecret: random.bytes(32),
    amountMsat: BigInt(random.int(1_000, 50_000)) * 10n,
  };
  shop.till.add({ ...invoice, preimage });
  const payable = { ...invoice, payee: shop.nodeId, routeHints: [], minFinalCltvExpiryDelta: 20 };
  const { amountMsat } = invoice;
  const plan = { invoice: payable, totalMsat: amountMsat, parts: [{ amountMsat }], delayMs: 0, replayMs: undefined };
  pay(world, random, plan, random.int(500, 80_000));
}

// --- trouble

type Trouble = (world: World, random: Random) => void;

const memberName = (world: World, random: Random): string => random.pick(world.members).name;
const neighbour = (random: Random): string => random.pick(['carol', 'hub', 'shop']);

function aliveProcess(world: World, random: Random): World['processes'][number] | undefined {
  const alive = world.processes.filter(({ process }) => process.alive);
  return alive.length === 0 ? undefined : random.pick(alive);
}

function killAndRestart(world: World, random: Random): void {
  const victim = aliveProcess(world, random);
  if (!victim) return;
  world.killProcess(victim);
  const restart = (): void => void world.startProcess();
  world.clock.after(random.pick([0, 500, random.int(0, 30_000)]), restart);
}

function freezeProcess(
  world: World,
  random: Random,
  duration = random.pick([300, 3_000, 12_000, random.int(10_000, 70_000)]),
): void {
  const victim = aliveProcess(world, random);
  if (victim?.process.running) world.freezeProcess(victim, duration);
}

function restartNode(world: World, random: Random): void {
  const node = memberName(world, random);
  world.faults.crashNode(node);
  world.clock.after(random.pick([50, 2_000, random.int(1_000, 60_000), 200_000]), () => world.faults.restartNode(node));
}

function storm(world: World, random: Random): void {
  const blocks = random.pick([3, 20, 60, 80]);
  if (world.clock.now() < world.stormUntil) return;
  world.stormUntil = world.clock.now() + blocks * BLOCK_EVERY_MS;
  for (let i = 0; i < blocks; i++) world.clock.quietly(i * BLOCK_EVERY_MS, () => world.faults.mineBlocks(1));
}

function cutLink(world: World, random: Random): void {
  const [a, b] = [neighbour(random), memberName(world, random)];
  world.faults.cutLink(a, b);
  world.clock.after(random.int(500, 30_000), () => world.faults.healLink(a, b));
}

function lag(world: World, random: Random): void {
  const node = memberName(world, random);
  world.faults.lagHeight(node, random.int(1, 20));
  world.clock.after(random.int(1_000, 60_000), () => world.faults.lagHeight(node, 0));
}

function flakyDatabase({ database, clock }: World, random: Random): void {
  database.refuse = random.pick([0, 0.1, 0.5]);
  database.loseReply = random.pick([0, 0.1, 0.5]);
  database.late = random.pick([0, 0.1, 0.5]);
  clock.after(random.int(1_000, 30_000), () => Object.assign(database, { refuse: 0, loseReply: 0, late: 0 }));
}

function jumpClock(world: World, random: Random): void {
  const jump = random.pick([-2_000, 500, 30_000, 120_000]);
  if (random.chance(0.5)) {
    world.databaseSkew += jump;
    return;
  }
  const victim = aliveProcess(world, random);
  if (victim) victim.process.skew += jump;
}

const TROUBLES: readonly (readonly [weight: number, trouble: Trouble])[] = [
  [6, killAndRestart],
  [5, freezeProcess],
  [4, restartNode],
  [4, (world, random) => world.faults.dropStream(memberName(world, random))],
  [3, (world, random) => world.freezeStream(memberName(world, random), random.pick([500, 8_000, 25_000]))],
  [2, (world, random) => world.faults.duplicatePresentation(memberName(world, random), random.fraction())],
  [
    2,
    (world, random) => world.faults.delayPresentation(memberName(world, random), [0, random.pick([50, 5_000, 20_000])]),
  ],
  [2, (world, random) => world.faults.loseFinals(memberName(world, random), random.chance(0.7))],
  [3, cutLink],
  [2, lag],
  [4, storm],
  [3, (world) => world.faults.mineBlocks(1)],
  [1, (world, random) => world.faults.forceClose(neighbour(random), memberName(world, random))],
  [
    1,
    (world, random) =>
      world.faults.cheat('hub', random.pick([undefined, { skimMsat: 1n }, { skimBlocks: 10 }, { garbleByte: 40 }])),
  ],
  [
    5,
    (world, random) =>
      (world.database.stalledUntil = world.clock.now() + random.pick([1_000, 10_000, random.int(500, 40_000)])),
  ],
  [4, flakyDatabase],
  [3, jumpClock],
];

function planFaults(world: World, random: Random, processes: number): void {
  const deck = TROUBLES.flatMap(([weight, trouble]) => Array.from({ length: weight }, () => trouble));
  const count = random.int(0, 9 + processes);
  for (let i = 0; i < count; i++) {
    const trouble = random.pick(deck);
    world.clock.after(random.int(200, 100_000), () => trouble(world, random));
  }
}

/** One node dies in the moment of the commitment and stays away past the deadlines: the loss that nothing can prevent. */
function crashAtCommitment(world: World, random: Random): void {
  world.onSettled = (nodeIds) => {
    const node = world.nameOf(random.pick(nodeIds));
    world.clock.soon(() => {
      world.faults.crashNode(node);
      world.lost.add(node);
      for (let i = 0; i < 80; i++) world.clock.quietly(i * BLOCK_EVERY_MS, () => world.faults.mineBlocks(1));
      world.clock.after(80 * BLOCK_EVERY_MS, () => world.faults.restartNode(node));
    });
    world.onSettled = () => undefined;
  };
}

function emphasise(world: World, random: Random, emphasis: Emphasis): void {
  if (emphasis === 'nodes lost at commitment') {
    crashAtCommitment(world, random);
    return;
  }
  const trouble = {
    'nodes away': () => {
      const node = memberName(world, random);
      world.faults.crashNode(node);
      world.clock.after(40_000, () => world.faults.restartNode(node));
    },
    'channels closed': () => world.faults.forceClose(neighbour(random), memberName(world, random)),
    // Nodes give up streams that do not answer, and another process takes over before this one thaws.
    'processes frozen': () => {
      freezeProcess(world, random, random.int(20_000, 70_000));
      world.clock.after(random.int(1_000, 15_000), () => {
        for (const { name } of world.members) world.faults.dropStream(name);
      });
    },
  };
  const times = emphasis === 'processes frozen' ? 16 : 4;
  for (let i = 0; i < times; i++) world.clock.after(random.int(1_000, 60_000), trouble[emphasis]);
}

// --- peace

function heal(world: World, processes: number): void {
  const { faults, members, network, database } = world;
  network.trace.note('peace');
  Object.assign(database, { stalledUntil: 0, refuse: 0, loseReply: 0, late: 0 });
  faults.cheat('hub', undefined);
  for (const { name } of members) {
    faults.duplicatePresentation(name, 0);
    faults.delayPresentation(name, [0, 0]);
    if (!world.lost.has(name)) faults.restartNode(name);
    faults.lagHeight(name, 0);
    for (const other of ['carol', 'hub', 'shop']) faults.healLink(other, name);
  }
  // Processes that are still frozen have been replaced by their operators.
  for (const running of world.processes)
    if (running.process.alive && !running.process.running) world.killProcess(running);
  for (let i = world.processes.filter(({ process }) => process.alive).length; i < processes; i++) world.startProcess();
}

/** Until nothing is under way, or far longer than it may take. Returns what is stuck. */
async function settleDown(world: World): Promise<string[]> {
  const { clock, network } = world;
  const busy = (): string[] => [
    ...network
      .liveHtlcs()
      .filter(({ channel }) => !channel.closed)
      .map(({ label }) => label),
    ...world.payments.filter(({ record }) => record.outcome === 'pending').map(({ record }) => record.paymentHash),
  ];
  for (let i = 0; i < 40 && (i < 3 || busy().length > 0); i++) await clock.runFor(5_000);
  // What is on chain ends with blocks.
  for (let i = 0; i < 400 && network.liveHtlcs().length > 0; i++) {
    network.mine(1);
    await clock.runFor(BLOCK_EVERY_MS);
  }
  await clock.runFor(20_000);
  // A replay may have come at the last moment.
  for (let i = 0; i < 14 && busy().length > 0; i++) await clock.runFor(5_000);
  return [...network.liveHtlcs().map(({ label }) => label), ...busy()];
}
