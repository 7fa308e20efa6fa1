/** Visits every state that the small world can reach and checks what must never be (docs/ledger.md, "What to check"). */
import { command, HASH, initial, type Move, moves, nameOf, rowOf, type Rules, type State, usedNodes } from './world.js';

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** States from which a fair run was tried. */
  readonly fairRuns: number;
  /** Commitments seen among the transitions. */
  readonly commits: number;
  /** Parts that were given up by their node after the commitment: the loss that remains. */
  readonly losses: number;
  readonly violation: { readonly rule: string; readonly path: readonly string[] } | undefined;
  /** False if the limit was reached first. */
  readonly complete: boolean;
}

interface Visited {
  readonly state: State;
  readonly move: string;
  readonly from: Visited | undefined;
}

export interface ExploreOptions {
  readonly maxStates?: number;
  /** Try a fair run from every n-th state; 0: never. */
  readonly fairEvery?: number;
}

export async function explore(
  rules: Rules,
  { maxStates = 2_000_000, fairEvery = 0 }: ExploreOptions = {},
): Promise<Exploration> {
  const start: Visited = { state: initial(rules), move: 'start', from: undefined };
  const seen = new Set([nameOf(start.state)]);
  let frontier: Visited[] = [start];
  const counts = { transitions: 0, fairRuns: 0, commits: 0, losses: 0 };
  const result = (violation?: Exploration['violation'], complete = true): Exploration => ({
    states: seen.size,
    ...counts,
    violation,
    complete,
  });
  while (frontier.length > 0) {
    const next: Visited[] = [];
    for (const visited of frontier) {
      for (const move of moves(rules, visited.state)) {
        counts.transitions += 1;
        const rule = violated(rules, visited.state, move, counts);
        const reached: Visited = { state: move.to, move: move.name, from: visited };
        if (rule !== undefined) return result({ rule, path: pathTo(reached) });
        const name = nameOf(move.to);
        if (seen.has(name)) continue;
        seen.add(name);
        next.push(reached);
        if (fairEvery > 0 && seen.size % fairEvery === 0) {
          counts.fairRuns += 1;
          const stuck = fairRun(rules, move.to);
          if (stuck !== undefined) return result({ rule: stuck, path: pathTo(reached) });
        }
        if (seen.size >= maxStates) return result(undefined, false);
      }
    }
    frontier = next;
    await Promise.resolve();
  }
  return result();
}

function pathTo(visited: Visited): string[] {
  const path: string[] = [];
  for (let at: Visited | undefined = visited; at; at = at.from) path.unshift(at.move);
  return path;
}

/** The rule that a transition breaks. */
function violated(
  rules: Rules,
  before: State,
  { to }: Move,
  counts: { commits: number; losses: number },
): string | undefined {
  const problem = to.account === before.account ? undefined : accountProblem(rules, before, to, counts);
  return problem ?? (to.htlcs === before.htlcs ? undefined : nodeProblem(rules, before, to, counts));
}

function accountProblem(rules: Rules, before: State, to: State, counts: { commits: number }): string | undefined {
  for (let part = 0; part < rules.parts.length; part++) {
    const old = rowOf(before.account, part)?.decision.type ?? 'none';
    const now = rowOf(to.account, part)?.decision.type ?? 'none';
    if (old !== 'none' && now !== old) return `the decision on part ${part} changed from ${old} to ${now}`;
  }
  const committed = to.account.sets.filter(({ state }) => state === 'settling' || state === 'settled');
  if (committed.length > 1) return 'two sets of one hash are committed';
  for (const set of committed) {
    const old = before.account.sets.find(({ id }) => id === set.id);
    if (old && old.state !== 'open') continue;
    counts.commits += 1;
    let sum = 0n;
    for (let part = 0; part < rules.parts.length; part++) {
      const row = rowOf(to.account, part);
      if (row?.decision.type !== 'settle') continue;
      if (to.htlcs[part] !== 'held') return `part ${part} was committed but its node does not hold it`;
      if (row.setId === set.id) sum += rules.parts[part]!.amountMsat;
      else return `part ${part} of another set was committed`;
    }
    if (sum < set.totalMsat) return 'a set was committed below its total';
  }
  return undefined;
}

function nodeProblem(rules: Rules, before: State, to: State, counts: { losses: number }): string | undefined {
  for (let part = 0; part < rules.parts.length; part++) {
    if (to.htlcs[part] === before.htlcs[part]) continue;
    const decision = rowOf(to.account, part)?.decision.type ?? 'none';
    if (to.htlcs[part] === 'given-up' && decision === 'settle') counts.losses += 1;
    if (to.htlcs[part] === 'settled' && decision !== 'settle') return `part ${part} was settled without a decision`;
    if (to.htlcs[part] === 'failed' && decision !== 'fail') return `part ${part} was failed without a decision`;
  }
  const totals = new Set(
    rules.parts.filter((_, part) => to.htlcs[part] === 'settled').map(({ totalMsat }) => totalMsat),
  );
  return totals.size > 1 ? 'parts of two payments were settled' : undefined;
}

/** From here on nothing breaks and everybody does his work: does every part get its answer? */
function fairRun(rules: Rules, from: State): string | undefined {
  let state = from;
  const take = (wanted: (name: string) => boolean): void => {
    for (let i = 0; i < 50; i++) {
      const move = moves(rules, state).find(({ name }) => wanted(name));
      if (!move) return;
      state = move.to;
    }
  };
  const owner = rules.owners[0]![0];
  const verbs = ['is shown', 'admits', 'answers', 'records'];
  for (let round = 0; round < 14; round++) {
    for (const node of usedNodes(rules)) {
      const served = state.streams[node] === owner && state.sessions[owner][node] === state.leases.get(node)?.epoch;
      if (!served) takeOnce(`${owner} connects ${node}`);
      else takeOnce(`${owner} heartbeat ${node}`);
    }
    take((name) => verbs.some((verb) => name.startsWith(`${owner} ${verb}`)));
    state = command(rules, state, owner, { type: 'review', paymentHash: HASH });
    if (rules.terms && round === 8) state = command(rules, state, owner, { type: 'cancel', paymentHash: HASH });
    // A settlement that was asked for waits for the parts that went away, up to the margin before the deadline.
    if (rules.terms && round === 10) for (const node of usedNodes(rules)) takeOnce(`block ${node}`);
    take((name) => verbs.some((verb) => name.startsWith(`${owner} ${verb}`)));
    takeOnce('tick');
  }
  const waiting = state.htlcs.indexOf('held');
  return waiting < 0 ? undefined : `part ${waiting} is never answered`;

  function takeOnce(wanted: string): void {
    const move = moves(rules, state).find(({ name }) => name === wanted);
    if (move) state = move.to;
  }
}
