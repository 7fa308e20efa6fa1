/**
 * A small world around the real ledger: two nodes that hold parts, two owners that may stop at any point, streams, a clock
 * and a chain. Owners and nodes are modelled, {@link step} and the leases are the real ones.
 *
 * One assumption about time: while a lease is unexpired, its node finds fewer blocks than the margin and gives no HTLC up. Once
 * it has run out, the node may have restarted and lost HTLCs for reasons of its own. A frozen owner is one that does nothing for a while, and a crashed one does nothing until it connects again (which forgets
 * what it had in memory), so neither needs an action of its own.
 */
import { Ledger } from '../../../src/receive/ledger/ledger.js';
import { step } from '../../../src/receive/ledger/step.js';
import type { LedgerStore, LedgerView } from '../../../src/receive/ledger/store-port.js';
import type {
  Account,
  InvoiceTerms,
  Lease,
  LedgerCommand,
  LedgerPolicy,
  Part,
  PartKey,
} from '../../../src/receive/ledger/types.js';

export const OWNERS = ['A', 'B'] as const;
export const NODES = ['n1', 'n2'] as const;
export type Owner = (typeof OWNERS)[number];
export type Node = (typeof NODES)[number];

export const HASH = 'aa';
const TTL = 1;
const LAST_HEIGHT = 2;
const POLICY: LedgerPolicy = { marginBlocks: 2, mppTimeoutMs: 2, maxHeightLag: 1 };

/** A part as the payer sends it. */
export interface PartSpec {
  readonly node: Node;
  readonly amountMsat: bigint;
  readonly totalMsat: bigint;
}

/** What its node knows of a part. */
export type HtlcState = 'unsent' | 'held' | 'settled' | 'failed' | 'given-up';
/** What an owner has in memory about a part shown on its present session. */
export type Memory = 'none' | 'shown' | 'waiting' | 'settle' | 'fail';

export interface State {
  readonly now: number;
  readonly account: Account;
  readonly leases: ReadonlyMap<string, Lease>;
  readonly htlcs: readonly HtlcState[];
  readonly heights: Readonly<Record<Node, number>>;
  /** Whose stream the node serves. */
  readonly streams: Readonly<Record<Node, Owner | undefined>>;
  /** Epoch under which the owner believes to serve the node. */
  readonly sessions: Readonly<Record<Owner, Readonly<Record<Node, number | undefined>>>>;
  readonly memory: Readonly<Record<Owner, readonly Memory[]>>;
  /** Only used by a planted bug: an account that was read earlier. */
  readonly stale: Account | undefined;
}

export type StepFunction = typeof step;

/** Where bugs are planted. */
export interface Rules {
  readonly parts: readonly PartSpec[];
  /** Who may serve which node. */
  readonly owners: readonly (readonly [Owner, readonly Node[]])[];
  readonly terms?: InvoiceTerms;
  /** Nodes whose stream may die; default all. */
  readonly shaky: readonly Node[];
  readonly step: StepFunction;
  /** The lease as taken, given the one before. */
  readonly takenLease: (taken: Lease, before: Lease | undefined) => Lease;
  /** The owner fails what waits for too long, without asking. */
  readonly failsFromMemory: boolean;
  /** A review reads, and writes back later. */
  readonly staleReviews: boolean;
}

export const rulesOf = (parts: readonly PartSpec[], change: Partial<Rules> = {}): Rules => ({
  parts,
  owners: [
    ['A', NODES],
    ['B', ['n1']],
  ],
  shaky: NODES,
  step,
  takenLease: (taken) => taken,
  failsFromMemory: false,
  staleReviews: false,
  ...change,
});

export function initial({ parts, terms }: Rules): State {
  const none = parts.map((): Memory => 'none');
  return {
    now: 100,
    account: { paymentHash: HASH, terms, sets: [], parts: [] },
    leases: new Map(),
    htlcs: parts.map(() => 'unsent'),
    heights: { n1: 0, n2: 0 },
    streams: { n1: undefined, n2: undefined },
    sessions: { A: { n1: undefined, n2: undefined }, B: { n1: undefined, n2: undefined } },
    memory: { A: none, B: none },
    stale: undefined,
  };
}

const keyOf = (rules: Rules, part: number): PartKey => ({
  nodeId: rules.parts[part]!.node,
  channelId: 1n,
  htlcId: BigInt(part),
});

export function rowOf(account: Account, part: number): Part | undefined {
  return account.parts.find(({ key }) => key.htlcId === BigInt(part));
}

export interface Move {
  readonly name: string;
  readonly to: State;
}

/** A node that never gets a part plays no role. */
export const usedNodes = ({ parts }: Rules): Node[] => NODES.filter((node) => parts.some((part) => part.node === node));

const isFresh = (state: State, node: Node): boolean => (state.leases.get(node)?.expiresAt ?? 0) > state.now;

/** Everything that can happen next. */
export function moves(rules: Rules, state: State): Move[] {
  const found: Move[] = [{ name: 'tick', to: giveUp(rules, { ...state, now: state.now + 1 }) }];
  rules.parts.forEach(({ node }, part) => {
    if (state.htlcs[part] === 'unsent') found.push({ name: `arrive ${part}`, to: withHtlc(state, part, 'held') });
    if (state.htlcs[part] === 'held' && !state.streams[node] && !isFresh(state, node)) {
      found.push({ name: `${node} restarts without ${part}`, to: withHtlc(state, part, 'given-up') });
    }
  });
  for (const node of usedNodes(rules)) {
    const block = mined(rules, state, node);
    if (block) found.push({ name: `block ${node}`, to: block });
    if (state.streams[node] && rules.shaky.includes(node))
      found.push({ name: `stream of ${node} dies`, to: dropStream(state, node) });
  }
  for (const [owner, nodes] of rules.owners) ownerMoves(rules, state, { owner, nodes, found });
  return found;
}

function ownerMoves(
  rules: Rules,
  state: State,
  { owner, nodes, found }: { owner: Owner; nodes: readonly Node[]; found: Move[] },
): void {
  const add = (name: string, to: State | undefined): void => {
    if (to && to !== state) found.push({ name: `${owner} ${name}`, to });
  };
  for (const node of nodes.filter((name) => usedNodes(rules).includes(name))) {
    add(`connects ${node}`, connect(rules, state, owner, node));
    add(`heartbeat ${node}`, heartbeat(state, owner, node));
  }
  if (rules.staleReviews) {
    if (state.stale) add('writes back', writeBack(rules, state, owner));
    else add('reads', { ...state, stale: state.account });
  }
  add('reviews', command(rules, state, owner, { type: 'review', paymentHash: HASH }));
  if (rules.terms) {
    add('settles hold', command(rules, state, owner, { type: 'settle-hold', paymentHash: HASH, preimage: 'bb' }));
    add('cancels', command(rules, state, owner, { type: 'cancel', paymentHash: HASH }));
  }
  rules.parts.forEach(({ node }, part) => {
    if (!nodes.includes(node)) return;
    add(`is shown ${part}`, show(rules, state, owner, part));
    add(`admits ${part}`, admit(rules, state, owner, part));
    add(`answers ${part}`, answer(rules, state, owner, part));
    add(`records end of ${part}`, recordFinal(rules, state, owner, part));
    if (rules.failsFromMemory) add(`gives up on ${part}`, failFromMemory(state, owner, part));
  });
}

function withHtlc(state: State, part: number, htlc: HtlcState): State {
  return { ...state, htlcs: state.htlcs.map((old, i) => (i === part ? htlc : old)) };
}

function withMemory(state: State, owner: Owner, part: number, memory: Memory): State {
  const parts = state.memory[owner].map((old, i) => (i === part ? memory : old));
  return { ...state, memory: { ...state.memory, [owner]: parts } };
}

function mined(rules: Rules, state: State, node: Node): State | undefined {
  const height = state.heights[node] + 1;
  if (height > LAST_HEIGHT) return undefined;
  const lease = state.leases.get(node);
  if (lease && isFresh(state, node) && height - lease.height >= POLICY.marginBlocks) return undefined;
  return giveUp(rules, { ...state, heights: { ...state.heights, [node]: height } });
}

/** Every node fails what it still holds at the deadline. */
function giveUp(rules: Rules, state: State): State {
  const late = (htlc: HtlcState, part: number): boolean =>
    htlc === 'held' && state.heights[rules.parts[part]!.node] >= LAST_HEIGHT;
  if (!state.htlcs.some(late)) return state;
  return { ...state, htlcs: state.htlcs.map((htlc, part) => (late(htlc, part) ? 'given-up' : htlc)) };
}

function dropStream(state: State, node: Node): State {
  return { ...state, streams: { ...state.streams, [node]: undefined } };
}

function forget(rules: Rules, state: State, owner: Owner, node: Node, epoch: number | undefined): State {
  const memory = state.memory[owner].map((old, part) => (rules.parts[part]!.node === node ? 'none' : old));
  return {
    ...state,
    memory: { ...state.memory, [owner]: memory },
    sessions: { ...state.sessions, [owner]: { ...state.sessions[owner], [node]: epoch } },
  };
}

/** Runs lease transactions of the real ledger on a state, at once. */
class LeaseDesk implements Pick<LedgerStore, 'transact'> {
  readonly leases: Map<string, Lease>;
  readonly #now: number;

  constructor({ leases, now }: State) {
    this.leases = new Map(leases);
    this.#now = now;
  }

  transact<T>(_: readonly string[], body: (view: LedgerView) => T): Promise<T> {
    const refuse = (): never => {
      throw new Error('not a lease');
    };
    const putLease = (lease: Lease): void => {
      this.leases.set(lease.nodeId, lease);
    };
    const view = { now: this.#now, leases: this.leases, putLease, account: refuse, putAccount: refuse, emit: refuse };
    return Promise.resolve(body(view));
  }
}

function ledgerOn(desk: LeaseDesk, owner: Owner): Ledger {
  return new Ledger({ store: desk as unknown as LedgerStore, owner, policy: POLICY });
}

/** Lease and stream together: the node closes the stream it served before. */
function connect(rules: Rules, state: State, owner: Owner, node: Node): State | undefined {
  const before = state.leases.get(node);
  // An owner whose stream is alive does not connect again; one that believes so is covered by `stream dies` and `crash`.
  if (state.streams[node] === owner && state.sessions[owner][node] === before?.epoch) return undefined;
  const desk = new LeaseDesk(state);
  void ledgerOn(desk, owner).acquireLease(node, state.heights[node], TTL);
  const taken = desk.leases.get(node);
  if (!taken || taken === before) return undefined;
  const lease = rules.takenLease(taken, before);
  desk.leases.set(node, lease);
  const connected = { ...state, leases: desk.leases, streams: { ...state.streams, [node]: owner } };
  return forget(rules, connected, owner, node, lease.epoch);
}

function heartbeat(state: State, owner: Owner, node: Node): State | undefined {
  const epoch = state.sessions[owner][node];
  if (epoch === undefined || state.streams[node] !== owner) return undefined;
  const desk = new LeaseDesk(state);
  void ledgerOn(desk, owner).renewLease(node, epoch, state.heights[node], state.now + TTL);
  return { ...state, leases: desk.leases };
}

export function command(rules: Rules, state: State, owner: Owner, wanted: LedgerCommand): State {
  return commandWithReply(rules, state, owner, wanted).state;
}

function commandWithReply(rules: Rules, state: State, owner: Owner, wanted: LedgerCommand) {
  const { account, reply } = rules.step(state.account, wanted, {
    now: state.now,
    leases: state.leases,
    policy: POLICY,
    owner,
  });
  return { state: account === state.account ? state : { ...state, account }, reply };
}

function writeBack(rules: Rules, state: State, owner: Owner): State {
  const review = { type: 'review', paymentHash: HASH } as const;
  return { ...command(rules, { ...state, account: state.stale! }, owner, review), stale: undefined };
}

function show(rules: Rules, state: State, owner: Owner, part: number): State | undefined {
  const { node } = rules.parts[part]!;
  if (state.streams[node] !== owner || state.sessions[owner][node] === undefined) return undefined;
  if (state.htlcs[part] !== 'held' || state.memory[owner][part] !== 'none') return undefined;
  return withMemory(state, owner, part, 'shown');
}

function admit(rules: Rules, state: State, owner: Owner, part: number): State | undefined {
  const spec = rules.parts[part]!;
  const epoch = state.sessions[owner][spec.node];
  if (state.memory[owner][part] !== 'shown' || epoch === undefined) return undefined;
  const { state: after, reply } = commandWithReply(rules, state, owner, {
    type: 'admit',
    part: {
      key: keyOf(rules, part),
      epoch,
      paymentHash: HASH,
      paymentSecret: '5e',
      totalMsat: spec.totalMsat,
      amountMsat: spec.amountMsat,
      incomingAmountMsat: spec.amountMsat,
      expiry: LAST_HEIGHT + 1,
      deadline: LAST_HEIGHT,
      preimage: rules.terms ? undefined : 'bb',
    },
  });
  switch (reply.type) {
    case 'settle':
    case 'fail':
      return withMemory(after, owner, part, reply.type);
    case 'fenced':
      return forget(rules, after, owner, spec.node, undefined);
    default:
      return withMemory(after, owner, part, 'waiting');
  }
}

/** What waits is answered from its row. On a dead stream the answer is lost, and the owner does not notice. */
function answer(rules: Rules, state: State, owner: Owner, part: number): State | undefined {
  const held = state.memory[owner][part]!;
  const memory = held === 'waiting' ? (rowOf(state.account, part)?.decision.type ?? 'none') : held;
  if (memory !== 'settle' && memory !== 'fail') return undefined;
  const { node } = rules.parts[part]!;
  const arrives = state.streams[node] === owner && state.htlcs[part] === 'held';
  const told = withMemory(state, owner, part, 'none');
  return arrives ? withHtlc(told, part, memory === 'settle' ? 'settled' : 'failed') : told;
}

function failFromMemory(state: State, owner: Owner, part: number): State | undefined {
  const row = rowOf(state.account, part);
  const waited = row !== undefined && state.now - row.firstSeenAt >= POLICY.mppTimeoutMs;
  return waited && state.memory[owner][part] === 'waiting' ? withMemory(state, owner, part, 'fail') : undefined;
}

function recordFinal(rules: Rules, state: State, owner: Owner, part: number): State | undefined {
  const htlc = state.htlcs[part]!;
  const row = rowOf(state.account, part);
  if (htlc === 'held' || htlc === 'unsent' || !row || row.final !== 'none') return undefined;
  const outcome = htlc === 'settled' ? 'settled' : 'failed';
  return command(rules, state, owner, {
    type: 'final',
    key: keyOf(rules, part),
    paymentHash: HASH,
    outcome,
    onChain: false,
  });
}

/** Names a state; states of the same name behave alike. Times count from now, epochs only as current or not. */
export function nameOf(state: State): string {
  const { now, leases, sessions, streams, heights } = state;
  let name = accountName(state, state.account);
  for (const node of NODES) {
    const lease = leases.get(node);
    name += ';';
    if (lease) name += lease.owner + String(Math.max(0, lease.expiresAt - now)) + String(lease.height);
    for (const owner of OWNERS) {
      const epoch = sessions[owner][node];
      name += epoch === undefined ? '-' : epoch === lease?.epoch ? 'c' : 'o';
    }
    name += (streams[node] ?? '-') + String(heights[node]);
  }
  name += ';';
  for (const htlc of state.htlcs) name += htlc[0]! + htlc[1]!;
  for (const owner of OWNERS) for (const memory of state.memory[owner]) name += memory[0]! + memory[1]!;
  return state.stale ? `${name};${accountName(state, state.stale)}` : name;
}

function accountName({ now, leases }: State, { sets, parts, terms }: Account): string {
  let name = terms?.wish ?? '';
  for (const set of sets) {
    name += set.id + set.state.slice(0, 4);
    if (set.state === 'open') name += String(Math.min(now - set.openedAt, POLICY.mppTimeoutMs));
    if (set.acceptedAt !== undefined) name += `a${Math.min(now - set.acceptedAt, POLICY.mppTimeoutMs)}`;
  }
  for (const { key, setId = '-', decision, final, presentedEpoch } of [...parts].sort(byHtlc)) {
    const current = decision.type === 'none' && presentedEpoch === leases.get(key.nodeId)?.epoch;
    name += `|${key.htlcId}${setId}${decision.type.slice(0, 1)}${final.slice(0, 1)}${current ? 'c' : ''}`;
  }
  return name;
}

const byHtlc = (a: Part, b: Part): number => Number(a.key.htlcId - b.key.htlcId);
