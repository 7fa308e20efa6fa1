/** Payments and routes for the machine's tests. */
import { sha256 } from '../../../src/crypto/index.js';
import {
  newPayment,
  type PaymentEvent,
  type PaymentPart,
  type PaymentState,
  type PaymentTerms,
  type Plan,
  type PlannedPart,
  type ReportedFailure,
  type RouteHop,
  step,
  type Step,
  type StepContext,
  waitHeight,
  retryLimit,
  type Report,
  type SignedUpdate,
  type PaymentCommand,
} from '../../../src/send/index.js';
import { concat, equalBytes } from '../../../src/wire/bytes.js';
import { u16, u32, u64 } from '../../../src/wire/integers.js';
import { nodeId } from '../support.js';

export const PREIMAGE = new Uint8Array(32).fill(7);
export const HEIGHT = 800_000;
export const START = 1_700_000_000_000;

export function termsOf(over: Partial<PaymentTerms> = {}): PaymentTerms {
  return {
    paymentHash: sha256(PREIMAGE),
    amountMsat: 100_000n,
    budgetMsat: 10_000n,
    maxParts: 10,
    maxBlocks: 1000,
    payee: { nodeId: nodeId(99), finalCltvDelta: 18, hints: [] },
    supportsMpp: true,
    records: {},
    offsetBlocks: 0,
    startedAt: START,
    deadline: START + 60_000,
    ...over,
  };
}

export interface RouteOptions {
  readonly source?: number;
  /** Nodes between; the channel to node n has scid 100 * previous + n. */
  readonly via?: readonly number[];
  readonly payee?: number;
  readonly feeMsat?: bigint;
  readonly lastKind?: 'public' | 'hint';
  readonly finalBlocks?: number;
}

/** A route whose fee goes to the first node between. */
export function partOf(amountMsat: bigint, options: RouteOptions = {}): PlannedPart {
  const { source = 1, via = [2, 3], payee = 99, lastKind = 'public', finalBlocks = 18 } = options;
  const feeMsat = via.length === 0 ? 0n : (options.feeMsat ?? 10n);
  const nodes = [...via, payee];
  const hops = nodes.map((node, i): RouteHop => {
    const from = i === 0 ? source : nodes[i - 1]!;
    return {
      kind: i === 0 ? 'own' : i === nodes.length - 1 ? lastKind : 'public',
      scid: BigInt(100 * from + node),
      direction: from < node ? 0 : 1,
      nodeId: nodeId(node),
      amountMsat: i === 0 ? amountMsat + feeMsat : amountMsat,
      expiry: HEIGHT + finalBlocks + 40 * (nodes.length - 1 - i),
    };
  });
  return { source: nodeId(source), amountMsat, feeMsat, hops, successProbability: 0.9 };
}

export function planOf(...parts: readonly PlannedPart[]): Plan {
  const feeMsat = parts.reduce((sum, part) => sum + part.feeMsat, 0n);
  return { kind: 'plan', parts, feeMsat, successProbability: 0.9, cost: 0 };
}

export const refusal = { kind: 'refusal', code: 'unreachable', message: 'no route' } as const;

/** A payment driven by hand; keeps the commands of the last event. */
export class Driven {
  state: PaymentState;
  commands: readonly PaymentCommand[] = [];
  now = START;
  height = HEIGHT;
  readonly #context: Partial<StepContext>;

  constructor(over: Partial<PaymentTerms> = {}, context: Partial<StepContext> = {}) {
    this.state = newPayment(termsOf(over));
    this.#context = context;
  }

  tell(event: PaymentEvent): Step {
    const context: StepContext = {
      now: this.now,
      height: this.height,
      modifiers: [waitHeight, retryLimit()],
      timing: { collectMs: 0, slowMs: 10_000, graceMs: 10_000, firstLookUpMs: 1000, longestLookUpMs: 30_000 },
      ...this.#context,
    };
    const made = step(this.state, event, context);
    this.state = made.state;
    this.commands = made.commands;
    return made;
  }

  /** Starts it and carries the plan out. */
  send(...parts: readonly PlannedPart[]): this {
    if (this.state.phase === 'prepared') this.tell({ type: 'start' });
    this.tell({ type: 'planned', ticket: this.state.plans, answer: planOf(...parts) });
    return this;
  }

  fail(part: number, failure: ReportedFailure): Step {
    return this.tell({ type: 'outcome', part, outcome: { kind: 'failed', failure } });
  }

  failWith(part: number, reporter: number, code: number, fields = {}): Step {
    return this.fail(part, { kind: 'decoded', reporter, code, fields });
  }

  settle(part: number, preimage: Uint8Array = PREIMAGE): Step {
    return this.tell({ type: 'outcome', part, outcome: { kind: 'settled', preimage } });
  }

  after(ms: number): Step {
    this.now += ms;
    return this.tell({ type: 'tick' });
  }

  part(id: number): PaymentPart {
    return this.state.parts[id]!;
  }

  types(): string[] {
    return this.commands.map(({ type }) => type);
  }

  reports(): Report[] {
    return this.commands.flatMap((command) => (command.type === 'report' ? [command.report] : []));
  }

  reportKinds(): string[] {
    return this.reports().map(({ kind }) => kind);
  }

  lessons(): string[] {
    return this.commands.flatMap((command) =>
      command.type === 'learn' ? command.lessons.map(({ kind }) => kind) : [],
    );
  }
}

const SIGNATURE = new Uint8Array(64).fill(1);

/** A signature is good here if it is this one and the update says it is node 2's. */
export function verifyUpdate({ signature, nodeId: signer, chainHash, signed }: SignedUpdate): boolean {
  return (
    equalBytes(signature, SIGNATURE) && equalBytes(signer, nodeId(2)) && chainHash[0] === 6 && signed.length === 72
  );
}

export interface UpdateFields {
  readonly scid?: bigint;
  readonly timestamp?: number;
  readonly flags?: number;
  readonly cltv?: number;
  readonly minimum?: bigint;
  readonly maximum?: bigint;
  readonly base?: number;
  readonly ppm?: number;
  readonly signature?: Uint8Array;
}

/** A channel_update; its terms ask for more than the routes here pay. */
export function updateOf(fields: UpdateFields = {}): Uint8Array {
  const { scid = 203n, timestamp = START / 1000, flags = 0, cltv = 50, minimum = 1n, maximum = 10n ** 9n } = fields;
  const { base = 2000, ppm = 300, signature = SIGNATURE } = fields;
  const head = concat(signature, new Uint8Array(32).fill(6), u64(scid), u32(timestamp), new Uint8Array([1, flags]));
  return concat(head, u16(cltv), u64(minimum), u32(base), u32(ppm), u64(maximum));
}
