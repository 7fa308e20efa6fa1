/** Own nodes as they stand now: asked for every plan, all at once, without waiting for those that do not answer. */
import { toHex } from '../../wire/bytes.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import type { NodeBalances, SendPort } from './ports.js';
import type { Scope } from './scope.js';
import type { SenderNodeStatus } from './types.js';

/** What is asked for its balances: an own node, or the node that takes payments to the cluster itself. */
export interface AskedNode {
  readonly name: string;
  readonly send: SendPort;
  readonly biasPpm?: number;
  readonly isInternal?: true;
}

export interface Answer {
  readonly node: AskedNode;
  readonly balances: NodeBalances;
  /** Before the node was asked. */
  readonly askedAt: Millis;
}

/** A node that answered the last time is waited for this long, any other hardly. */
const TIME_LIMIT_MS = 2000;
const TIME_LIMIT_AWAY_MS = 100;
/** Plans that begin within this use the same answer, if no part has ended meanwhile. */
const SHARED_FOR_MS = 50;
/** A question without an answer is put again after this. */
const ASK_AGAIN_MS = 30_000;

interface Asking {
  readonly at: Millis;
  readonly endings: number;
  readonly answer: Promise<Answer | undefined>;
  isOpen: boolean;
}

interface Known {
  last?: Answer;
  asking?: Asking;
  isReachable: boolean;
}

export class Balances {
  readonly #nodes: readonly AskedNode[];
  readonly #scope: Scope;
  readonly #known = new Map<AskedNode, Known>();
  readonly #onTrouble: (what: string, error: unknown) => void;
  readonly #onHeight: () => void;
  #endings = 0;
  #height: BlockHeight = 0;

  /** @param onHeight a new block came */
  constructor(
    nodes: readonly AskedNode[],
    scope: Scope,
    onTrouble: (what: string, error: unknown) => void,
    onHeight: () => void,
  ) {
    this.#nodes = nodes;
    this.#scope = scope;
    this.#onTrouble = onTrouble;
    this.#onHeight = onHeight;
    for (const node of nodes) this.#known.set(node, { isReachable: true });
  }

  /** The greatest height that a node has told; 0 before any did. */
  get height(): BlockHeight {
    return this.#height;
  }

  /** A part has ended: what was read before does not show that. */
  partEnded(): void {
    this.#endings++;
  }

  /** Answers of those that answer in time. A key that two nodes claim counts once. */
  async read(wanted: (node: AskedNode) => boolean): Promise<readonly Answer[]> {
    const answers = await Promise.all(this.#nodes.filter(wanted).map((node) => this.#ask(node)));
    const seen = new Set<string>();
    return answers.filter((answer): answer is Answer => {
      const key = answer && toHex(answer.balances.nodeId);
      if (key === undefined || seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }

  portOf(nodeId: NodeId): SendPort | undefined {
    const key = toHex(nodeId);
    for (const [node, { last }] of this.#known) {
      if (last && toHex(last.balances.nodeId) === key) return node.send;
    }
    return undefined;
  }

  nodeIds(): readonly NodeId[] {
    return [...this.#known].flatMap(([node, { last }]) => (last && !node.isInternal ? [last.balances.nodeId] : []));
  }

  status(): readonly SenderNodeStatus[] {
    return [...this.#known]
      .filter(([node]) => !node.isInternal)
      .map(([{ name }, { last, isReachable }]) => ({
        name,
        ...(last ? { nodeId: toHex(last.balances.nodeId) } : {}),
        spendableMsat: last?.balances.channels.reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n) ?? 0n,
        reachable: isReachable && last !== undefined,
      }));
  }

  async #ask(node: AskedNode): Promise<Answer | undefined> {
    const known = this.#known.get(node)!;
    const limit = known.isReachable ? TIME_LIMIT_MS : TIME_LIMIT_AWAY_MS;
    const answer = await this.#scope.within(limit, this.#question(node, known));
    if (!answer && known.isReachable && !this.#scope.isClosed) {
      known.isReachable = false;
      this.#onTrouble(`node ${node.name} does not tell its balances: payments go on without it`, undefined);
    }
    return answer;
  }

  #question(node: AskedNode, known: Known): Promise<Answer | undefined> {
    const now = this.#scope.now();
    const { asking } = known;
    if (asking) {
      const age = now - asking.at;
      if (age >= 0 && age <= SHARED_FOR_MS && asking.endings === this.#endings) return asking.answer;
      // Its answer would be too old, and more questions would only pile up.
      if (asking.isOpen && age > TIME_LIMIT_MS && age < ASK_AGAIN_MS) return Promise.resolve(undefined);
    }
    const made: Asking = { at: now, endings: this.#endings, answer: this.#answer(node, known, now), isOpen: true };
    known.asking = made;
    const close = (): void => {
      made.isOpen = false;
    };
    made.answer.then(close, close);
    return made.answer;
  }

  async #answer(node: AskedNode, known: Known, askedAt: Millis): Promise<Answer | undefined> {
    try {
      const answer = { node, balances: await node.send.balances(), askedAt };
      // An older question may be answered later.
      if (!known.last || known.last.askedAt <= askedAt) known.last = answer;
      known.isReachable = true;
      this.#noteHeight();
      return answer;
    } catch (error) {
      if (known.isReachable && !this.#scope.isClosed) {
        this.#onTrouble(`node ${node.name} does not tell its balances: payments go on without it`, error);
      }
      known.isReachable = false;
      return undefined;
    }
  }

  #noteHeight(): void {
    const height = Math.max(...[...this.#known.values()].map(({ last }) => last?.balances.height ?? 0));
    if (height === this.#height) return;
    this.#height = height;
    this.#onHeight();
  }
}
