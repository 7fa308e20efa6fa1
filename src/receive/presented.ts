/**
 * What happens to the HTLCs of one session: ordinary forwards are resumed in the turn they arrive (R6), phantom ones are
 * judged in short slices, put before the ledger, and answered when the ledger has decided.
 */
import { originateFailure } from '../onion/index.js';
import {
  judgeHtlc,
  type KeyRing,
  mayBePhantomScid,
  type Verdict,
  type VerdictFailure,
  type VerdictPolicy,
} from '../phantom/index.js';
import { fromHex, toHex } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import type { BlockHeight } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import { isRetryable } from './ledger/store-port.js';
import { type DecidedPart, type LedgerCommand, type LedgerReply, type PartKey, partKeyText } from './ledger/types.js';
import type {
  FinalResult,
  HtlcAnswer,
  HtlcKey,
  InterceptedHtlc,
  InterceptPort,
  InterceptSession,
} from './node-port.js';

/** An HTLC that waits for its decision. */
interface Held {
  readonly htlc: InterceptedHtlc;
  readonly since: number;
  /** Shared with the sender through the inner onion; undefined where that cannot be opened any more. */
  sharedSecret: Uint8Array | undefined;
}

export interface PresentedOptions {
  readonly port: InterceptPort;
  readonly nodeName: string;
  readonly height: BlockHeight;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly keys: () => KeyRing;
  readonly verdictPolicy: VerdictPolicy;
  readonly alarms: AlarmSink;
  /** The lease was lost to another process. */
  readonly onFenced: () => void;
  /** For metrics and logs: the outcome of each phantom HTLC. */
  readonly onAnswered?: (answer: HtlcAnswer['action'], reason: string, waitedMs: number) => void;
}

/** So many verdicts (about 60 µs each) per turn of the event loop: forwards never wait for more. */
const SLICE = 8;
const RETRY_MS = 500;

/** What a session needs of the ledger before phantom HTLCs can be put to it. */
export interface Serving {
  /** Of the lease under which the stream is served. */
  readonly epoch: number;
  /** Parts of this node that the ledger knows and that are not final: key text → payment hash. */
  readonly recorded: Map<string, string>;
}

export class PresentedHtlcs {
  height: BlockHeight;
  readonly #options: PresentedOptions;
  readonly #held = new Map<string, Held>();
  #inbox: InterceptedHtlc[] = [];
  #working = false;
  #session: InterceptSession | undefined;
  #serving: Serving | undefined;
  #closed = false;

  constructor(options: PresentedOptions) {
    this.#options = options;
    this.height = options.height;
  }

  get heldCount(): number {
    return this.#held.size + this.#inbox.length;
  }

  get heldMsat(): bigint {
    return this.#waiting().reduce((sum, { incomingAmountMsat }) => sum + incomingAmountMsat, 0n);
  }

  /** Blocks until the nearest deadline of a held HTLC. */
  get blocksLeft(): number | undefined {
    const deadlines = this.#waiting().map(({ deadline }) => deadline);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines) - this.height;
  }

  #waiting(): InterceptedHtlc[] {
    return [...[...this.#held.values()].map(({ htlc }) => htlc), ...this.#inbox];
  }

  /** The stream is open: forwards are resumed from now on, phantom HTLCs wait for {@link serve}. */
  begin(session: InterceptSession): void {
    this.#session = session;
    const early = this.#inbox;
    this.#inbox = [];
    for (const htlc of early) this.present(htlc);
  }

  /** The lease is held and the ledger's parts are known: phantom HTLCs are taken up. */
  serve(serving: Serving): void {
    this.#serving = serving;
    if (this.#inbox.length > 0) this.#startWork();
  }

  get isServing(): boolean {
    return this.#serving !== undefined;
  }

  end(): void {
    this.#closed = true;
    this.#serving = undefined;
    this.#inbox = [];
    this.#held.clear();
  }

  /** Called by the adapter for every HTLC it shows. Never throws, never waits. */
  present(htlc: InterceptedHtlc): void {
    if (this.#closed) return;
    if (this.#session && !mayBePhantomScid(htlc.outgoingScid)) {
      this.#resume(this.#session, htlc); // R6, whatever state the rest is in
      return;
    }
    this.#inbox.push(htlc);
    if (this.#serving) this.#startWork();
  }

  #resume(session: InterceptSession, htlc: InterceptedHtlc): void {
    if (!htlc.onChain) session.answer(htlc.key, { action: 'resume' });
  }

  #startWork(): void {
    if (this.#working) return;
    this.#working = true;
    this.#options.clock.soon(() => {
      this.#workSlice();
    });
  }

  #workSlice(): void {
    this.#working = false;
    if (!this.#serving) return;
    for (const htlc of this.#inbox.splice(0, SLICE)) this.#judge(htlc, this.#serving);
    if (this.#inbox.length > 0) this.#startWork();
  }

  #judge(htlc: InterceptedHtlc, { epoch, recorded }: Serving): void {
    const { keys, verdictPolicy, clock } = this.#options;
    const text = partKeyText(partKey(htlc.key));
    const verdict = judgeHtlc(htlc, {
      keys: keys(),
      nodeId: htlc.key.nodeId,
      height: this.height,
      now: Math.floor(clock.now() / 1000),
      policy: verdictPolicy,
    });
    if (verdict.type === 'resume' && !recorded.has(text)) {
      this.#resume(this.#session!, htlc);
      return;
    }
    const sharedSecret = verdict.type === 'resume' ? undefined : verdict.sharedSecret;
    this.#held.set(text, { htlc, since: clock.now(), sharedSecret });
    if (verdict.type === 'fail' && verdict.stable && !recorded.has(text) && !htlc.onChain) {
      this.#fail(text, verdict.failure, verdict.reason);
      return;
    }
    void this.#consult(text, commandFor(htlc, verdict, epoch), recorded);
  }

  async #consult(text: string, command: LedgerCommand, recorded: Map<string, string>): Promise<void> {
    let reply: LedgerReply;
    try {
      reply = await this.#options.ledger.submit(command);
    } catch (error) {
      this.#storeFailed(text, command, recorded, error);
      return;
    }
    if (this.#closed) return;
    const held = this.#held.get(text);
    switch (reply.type) {
      case 'hold':
      case 'done':
        recorded.set(text, paymentHashOf(command));
        return;
      case 'settle':
        recorded.set(text, paymentHashOf(command));
        this.#settle(text, reply.preimage);
        return;
      case 'fail':
        recorded.set(text, paymentHashOf(command));
        this.#fail(text, { asPhantom: reply.message }, reply.reason);
        return;
      case 'unknown':
        this.#held.delete(text);
        if (held) this.#unknownToLedger(held);
        return;
      case 'fenced':
        this.#options.onFenced();
        return;
      case 'refused':
        return;
    }
  }

  /** The store is away: the HTLC stays held and is put before it again. The node fails it at its deadline at the latest. */
  #storeFailed(text: string, command: LedgerCommand, recorded: Map<string, string>, error: unknown): void {
    const held = this.#held.get(text);
    if (this.#closed || !held) return;
    if (!isRetryable(error)) {
      this.#held.delete(text);
      this.#options.alarms.raise({
        code: 'htlc-unrecordable',
        node: this.#options.nodeName,
        paymentHash: paymentHashOf(command),
        channelId: held.htlc.key.channelId,
        htlcId: held.htlc.key.htlcId,
        message: `the ledger refuses this HTLC (${String(error)}); it stays with the node until its deadline. Was a node restored from an old backup?`,
      });
      return;
    }
    this.#options.clock.after(RETRY_MS, () => {
      if (!this.#closed && this.#held.has(text)) void this.#consult(text, command, recorded);
    });
  }

  #unknownToLedger({ htlc }: Held): void {
    if (!htlc.onChain) {
      this.#resume(this.#session!, htlc);
      return;
    }
    this.#options.alarms.raise({
      code: 'on-chain-unknown',
      node: this.#options.nodeName,
      paymentHash: toHex(htlc.paymentHash),
      channelId: htlc.key.channelId,
      htlcId: htlc.key.htlcId,
      message:
        'an HTLC of a closed channel was never accepted by Manifold; it times out to the sender, nothing is to be done',
    });
  }

  /** Decisions of a commit anywhere in the cluster; those of HTLCs held here are answered. */
  decided(parts: readonly DecidedPart[]): void {
    for (const { key, decision, preimage } of parts) {
      const text = partKeyText(key);
      if (!this.#held.has(text)) continue;
      if (decision.type === 'settle' && preimage !== undefined) this.#settle(text, preimage);
      else if (decision.type === 'fail') this.#fail(text, { asPhantom: decision.message }, decision.reason);
    }
  }

  /** True if something waits longer than `ms`: then decisions of other processes may have been missed. */
  waitsLongerThan(ms: number): boolean {
    const limit = this.#options.clock.now() - ms;
    for (const { since } of this.#held.values()) if (since <= limit) return true;
    return false;
  }

  /** Raises an alarm for what is held past the margin: the store or the other members were away for too long. */
  alarmOverdue(marginBlocks: number): void {
    for (const htlc of this.#waiting()) {
      if (htlc.deadline - this.height >= marginBlocks || htlc.onChain) continue;
      this.#options.alarms.raise({
        code: 'answer-overdue',
        node: this.#options.nodeName,
        paymentHash: toHex(htlc.paymentHash),
        channelId: htlc.key.channelId,
        htlcId: htlc.key.htlcId,
        message: `an HTLC is undecided ${htlc.deadline - this.height} blocks before its deadline; check the database and the other members`,
      });
    }
  }

  final({ key, outcome, onChain }: FinalResult): void {
    const text = partKeyText(partKey(key));
    const recorded = this.#serving?.recorded;
    const paymentHash = recorded?.get(text);
    this.#held.delete(text);
    if (!recorded || paymentHash === undefined) return;
    this.#recordFinal(text, { type: 'final', key: partKey(key), paymentHash, outcome, onChain }, recorded);
  }

  #recordFinal(text: string, command: LedgerCommand, recorded: Map<string, string>): void {
    this.#options.ledger.submit(command).then(
      () => recorded.delete(text),
      () => {
        if (this.#closed) return; // found again by lookup when the stream is next opened
        this.#options.clock.after(RETRY_MS, () => {
          this.#recordFinal(text, command, recorded);
        });
      },
    );
  }

  #settle(text: string, preimage: string): void {
    this.#answer(text, { action: 'settle', preimage: fromHex(preimage) }, 'settled');
  }

  #fail(text: string, failure: VerdictFailure, reason: string): void {
    const held = this.#held.get(text);
    if (!held) return;
    if (held.htlc.onChain) {
      this.#held.delete(text); // settle or silence
      return;
    }
    this.#answer(text, failureAnswer(failure, held.sharedSecret, this.#options.port), reason);
  }

  #answer(text: string, answer: HtlcAnswer, reason: string): void {
    const held = this.#held.get(text);
    if (!held || !this.#session) return;
    this.#held.delete(text);
    this.#session.answer(held.htlc.key, answer);
    this.#options.onAnswered?.(answer.action, reason, this.#options.clock.now() - held.since);
  }
}

/** What to ask the ledger about an HTLC, given its verdict. On chain nothing new is taken up: settle or silence (R5). */
function commandFor(htlc: InterceptedHtlc, verdict: Verdict, epoch: number): LedgerCommand {
  const key = partKey(htlc.key);
  const paymentHash = toHex(htlc.paymentHash);
  const recall = { type: 'recall', key, epoch, paymentHash } as const;
  if (verdict.type === 'resume' || htlc.onChain) return recall;
  const part = {
    key,
    epoch,
    paymentHash,
    amountMsat: verdict.amountMsat,
    incomingAmountMsat: htlc.incomingAmountMsat,
    expiry: htlc.incomingExpiry,
    deadline: htlc.deadline,
  };
  if (verdict.type === 'fail') {
    const message = verdict.failure.asPhantom;
    return message ? { type: 'refuse', part, reason: verdict.reason, message } : recall;
  }
  return {
    type: 'admit',
    part: {
      ...part,
      paymentSecret: toHex(verdict.paymentSecret),
      totalMsat: verdict.totalMsat,
      preimage: verdict.preimage && toHex(verdict.preimage),
    },
  };
}

function partKey({ nodeId, channelId, htlcId }: HtlcKey): PartKey {
  return { nodeId: toHex(nodeId), channelId, htlcId };
}

function paymentHashOf(command: LedgerCommand): string {
  return command.type === 'admit' || command.type === 'refuse' ? command.part.paymentHash : command.paymentHash;
}

const TEMPORARY_NODE_FAILURE = Uint8Array.of(0x20, 0x02);

/** In the node's name where the node can say it, else in the phantom's, which needs the secret shared with the sender. */
function failureAnswer(
  { asNode, asPhantom }: VerdictFailure,
  sharedSecret: Uint8Array | undefined,
  port: InterceptPort,
): HtlcAnswer {
  const canSay = asNode && (port.nodeFailureCodes === 'any' || port.nodeFailureCodes.has(codeOf(asNode)));
  if (asPhantom && sharedSecret && !canSay) {
    return { action: 'fail-as-phantom', packet: originateFailure(sharedSecret, asPhantom) };
  }
  return { action: 'fail-as-node', message: asNode ?? TEMPORARY_NODE_FAILURE };
}

function codeOf(message: Uint8Array): number {
  return Number(uintOf(message.subarray(0, 2)));
}
