/** A node as one process sees it: over a connection that breaks, is slow, says things twice, and brings lies of the network. */
import type { Clock } from '../../../src/receive/clock.js';
import type { Random } from '../../../src/node/sim/random.js';
import { FAILURE_TABLE, type PartOutcome, type ReportedFailure } from '../../../src/send/index.js';
import type { GraphPort } from '../../../src/send/graph/port.js';
import type { LookUp, OutgoingPart, SendPort } from '../../../src/send/run/ports.js';
import type { Millis } from '../../../src/wire/units.js';
import type { FakeProcess } from '../../support/fake-process.js';

/** How bad the connections to the nodes are now; probabilities per call. */
export interface NodeFaults {
  /** Calls take up to this long to reach the node. */
  slowMs: Millis;
  /** The call never reaches the node, which nobody is told. */
  loseCall: number;
  /** The end of a part is not told: the connection is lost instead. */
  loseOutcome: number;
  /** The node cannot be asked. */
  unavailable: number;
  /** What the failure says is not true. */
  lie: number;
  /** A preimage that proves nothing is told while the HTLC is still out. */
  wrongPreimage: number;
  /** The acceptance is told again, late. */
  twice: number;
}

export const NO_NODE_FAULTS: NodeFaults = {
  slowMs: 0,
  loseCall: 0,
  loseOutcome: 0,
  unavailable: 0,
  lie: 0,
  wrongPreimage: 0,
  twice: 0,
};

export interface NodeLine {
  readonly process: FakeProcess;
  readonly world: Clock;
  readonly random: Random;
  readonly faults: NodeFaults;
  /** A call has reached the node. */
  readonly onCall: (part: OutgoingPart) => void;
}

/** Questions go over another line than calls: they overtake them. */
const LOOK_UP_MS = 50;

const CODES = [...FAILURE_TABLE.keys(), 0x1234, 0x7fff, 0x2fff];

/** Ends with its process, or when it is cut: then every call under way is lost from sight. */
export class GatedSendPort implements SendPort {
  readonly #inner: SendPort;
  readonly #line: NodeLine;
  readonly #underWay = new Set<(reason: Error) => void>();

  constructor(inner: SendPort, line: NodeLine) {
    this.#inner = inner;
    this.#line = line;
  }

  cut(): void {
    const { process } = this.#line;
    for (const reject of this.#underWay) process.run(() => reject(new Error('the connection to the node was lost')));
    this.#underWay.clear();
  }

  balances(): ReturnType<SendPort['balances']> {
    const { process, faults, random } = this.#line;
    if (random.chance(faults.unavailable)) return process.gate(Promise.reject(new Error('the node does not answer')));
    return process.gate(this.#inner.balances());
  }

  send(part: OutgoingPart, accepted: () => void): Promise<PartOutcome> {
    const { process, world, random, faults, onCall } = this.#line;
    const inner = new Promise<PartOutcome>((resolve, reject) => {
      const lost = random.chance(faults.loseCall);
      world.after(random.int(0, faults.slowMs), () => {
        // What a killed process had sent may arrive all the same.
        if (lost || (!process.alive && random.chance(0.5))) {
          reject(new Error('the call was lost'));
          return;
        }
        onCall(part);
        if (random.chance(faults.wrongPreimage)) resolve({ kind: 'settled', preimage: random.bytes(32) });
        this.#inner.send(part, () => process.run(accepted)).then(resolve, reject);
      });
    });
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      process.gate(inner).then((outcome) => {
        this.#underWay.delete(reject);
        if (random.chance(faults.twice)) world.after(random.int(0, 5_000), () => process.run(accepted));
        if (random.chance(faults.loseOutcome)) reject(new Error('the connection to the node was lost'));
        else resolve(this.#asTold(outcome, part));
      }, reject);
    });
  }

  async lookUp(question: LookUp): ReturnType<SendPort['lookUp']> {
    const { process, world, random, faults } = this.#line;
    await process.gate(new Promise<void>((resolve) => world.after(random.int(0, LOOK_UP_MS), resolve)));
    if (random.chance(faults.unavailable)) return { kind: 'unavailable' };
    const answer = await process.gate(this.#inner.lookUp(question));
    return answer.kind === 'failed' ? this.#asTold(answer, question) : answer;
  }

  /** What a failure says is the word of strangers; that it failed is the node's own. */
  #asTold(outcome: PartOutcome, { part }: OutgoingPart): PartOutcome {
    const { random, faults } = this.#line;
    if (outcome.kind === 'settled' || outcome.failure.kind === 'local' || !random.chance(faults.lie)) return outcome;
    return { kind: 'failed', failure: anyFailure(random, part.hops.length) };
  }
}

function anyFailure(random: Random, hops: number): ReportedFailure {
  if (random.chance(0.15)) return { kind: 'unreadable', brokenAt: random.int(-1, hops + 2) };
  const height = random.int(0, 2_000_000);
  const reporter = random.chance(0.1) ? random.int(-5, 40) : random.int(0, hops);
  return { kind: 'decoded', reporter, code: random.pick(CODES), fields: { height } };
}

/** Gossip through the gate of a process. */
export function gatedGraph(process: FakeProcess, inner: GraphPort): GraphPort {
  return {
    follow: (handlers) =>
      process.gate(
        inner.follow({
          onNews: (news) => process.run(() => handlers.onNews(news)),
          onLoaded: () => process.run(() => handlers.onLoaded()),
          onClosed: (reason) => process.run(() => handlers.onClosed(reason)),
        }),
      ),
  };
}
