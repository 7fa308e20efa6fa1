/**
 * What happens to the HTLCs of one session: ordinary forwards are resumed in the turn they arrive (R6), phantom ones are
 * judged in short slices, put before the ledger, and answered when the ledger has decided.
 */
import {
  judgeHtlc,
  type KeyRing,
  type RecognisedScid,
  recognisePhantomScid,
  type VerdictFailure,
  type VerdictPolicy,
} from '../phantom/index.js';
import { fromHex, toHex } from '../wire/bytes.js';
import type { BlockHeight } from '../wire/units.js';
import type { Alarm, AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import { commandFor, failureAnswer, NODE_TROUBLE, partKeyOf } from './htlc-command.js';
import { type Ledger, paymentHashOf } from './ledger/ledger.js';
import { isRetryable, refusesRows } from './ledger/store-port.js';
import { type DecidedPart, type LedgerCommand, type LedgerReply, type PartKey, partKeyText } from './ledger/types.js';
import type { FinalResult, HtlcAnswer, InterceptedHtlc, InterceptPort, InterceptSession } from './node-port.js';
import { RecentKeys } from './recent-keys.js';

/** An HTLC that waits for its decision. */
interface Held {
  readonly htlc: InterceptedHtlc;
  readonly since: number;
  /** Shared with the sender through the inner onion; undefined where that cannot be opened any more. */
  readonly sharedSecret: Uint8Array | undefined;
}

/** An HTLC that is not judged yet. */
interface Arrived {
  readonly htlc: InterceptedHtlc;
  /** Undefined for one that only the ledger knows, from the time of a key epoch that is retired. */
  readonly recognised: RecognisedScid | undefined;
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
  /** The session is of no use any more: the lease was lost to another process, or the stream takes no answers. */
  readonly onUseless: (reason: string) => void;
  /** For metrics and logs: the outcome of each phantom HTLC. */
  readonly onAnswered?: (answer: HtlcAnswer['action'], reason: string, waitedMs: number) => void;
}

/** So many verdicts (about 60 µs each) per turn of the event loop: forwards never wait for more. */
const SLICE = 8;
const RETRY_MS = 500;
/** For errors that nobody expects: slowly, so that a log stays readable. */
const SLOW_RETRY_MS = 5_000;
/** HTLCs remembered as gone, for finals that overtake what they are about. */
const GONE_LIMIT = 20_000;

export interface RecordedPart {
  readonly key: PartKey;
  readonly paymentHash: string;
}

/** What a session needs of the ledger before phantom HTLCs can be put to it. */
export interface Serving {
  /** Of the lease under which the stream is served. */
  readonly epoch: number;
  /** Parts of this node that the ledger knows and that are not final, by key text. */
  readonly recorded: Map<string, RecordedPart>;
}

export class PresentedHtlcs {
  height: BlockHeight;
  readonly #options: PresentedOptions;
  readonly #held = new Map<string, Held>();
  /** Not judged yet, by key: showing one twice costs nothing. */
  readonly #inbox = new Map<string, Arrived>();
  readonly #gone = new RecentKeys(GONE_LIMIT);
  #working = false;
  #session: InterceptSession | undefined;
  #serving: Serving | undefined;
  #closed = false;

  constructor(options: PresentedOptions) {
    this.#options = options;
    this.height = options.height;
  }

  get heldCount(): number {
    return this.#held.size + this.#inbox.size;
  }

  get heldMsat(): bigint {
    return this.#waiting().reduce((sum, { incomingAmountMsat }) => sum + incomingAmountMsat, 0n);
  }

  /** Blocks until the nearest deadline of a held HTLC. */
  get blocksLeft(): number | undefined {
    const nearest = this.#waiting().reduce((least, { deadline }) => Math.min(least, deadline), Infinity);
    return nearest === Infinity ? undefined : nearest - this.height;
  }

  get isServing(): boolean {
    return this.#serving !== undefined;
  }

  #waiting(): InterceptedHtlc[] {
    return [...this.#held.values(), ...this.#inbox.values()].map(({ htlc }) => htlc);
  }

  /** The stream is open: forwards are resumed from now on, phantom HTLCs wait for {@link serve}. */
  begin(session: InterceptSession): void {
    this.#session = session;
    const early = [...this.#inbox.values()];
    this.#inbox.clear();
    for (const { htlc } of early) this.present(htlc);
  }

  /** The lease is held and the ledger's parts are known: phantom HTLCs are taken up. */
  serve(serving: Serving): void {
    this.#serving = serving;
    if (this.#inbox.size > 0) this.#startWork();
  }

  end(): void {
    this.#closed = true;
    this.#serving = undefined;
    this.#inbox.clear();
    this.#held.clear();
  }

  /** Called by the adapter for every HTLC it shows. Never throws, never waits. */
  present(htlc: InterceptedHtlc): void {
    if (this.#closed) return;
    const text = partKeyText(partKeyOf(htlc.key));
    const recognised = recognisePhantomScid(this.#options.keys(), htlc.key.nodeId, htlc.outgoingScid);
    const isOurs = recognised !== undefined || this.#serving?.recorded.has(text) === true;
    if (this.#session && !isOurs) {
      if (!htlc.onChain) this.#send(htlc, { action: 'resume' }); // R6, whatever state the rest is in
      return;
    }
    if (this.#gone.has(text)) return;
    this.#inbox.set(text, { htlc, recognised });
    if (this.#serving) this.#startWork();
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
    let room = SLICE;
    for (const [text, arrived] of this.#inbox) {
      if (!this.#serving || room-- === 0) break;
      this.#inbox.delete(text);
      try {
        this.#judge(text, arrived, this.#serving);
      } catch (error) {
        // A bug must not stop the others; the HTLC is given back rather than held without a decision.
        this.#alarm(
          arrived.htlc,
          'htlc-unrecordable',
          `judging this HTLC failed (${String(error)}); it was given back`,
        );
        this.#send(arrived.htlc, NODE_TROUBLE);
      }
    }
    if (this.#inbox.size > 0 && this.#serving) this.#startWork();
  }

  #judge(text: string, { htlc, recognised }: Arrived, { epoch, recorded }: Serving): void {
    const { keys, verdictPolicy, clock } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    const context = { keys: keys(), nodeId: htlc.key.nodeId, height: this.height, now, policy: verdictPolicy };
    const verdict = judgeHtlc(htlc, context, recognised);
    const sharedSecret = verdict.type === 'resume' ? undefined : verdict.sharedSecret;
    this.#held.set(text, { htlc, since: clock.now(), sharedSecret });
    if (verdict.type === 'fail' && verdict.stable && !recorded.has(text) && !htlc.onChain) {
      this.#fail(text, verdict.failure, verdict.reason);
      return;
    }
    void this.#consult(text, commandFor(htlc, verdict, epoch), recorded);
  }

  async #consult(text: string, command: LedgerCommand, recorded: Serving['recorded']): Promise<void> {
    let reply: LedgerReply;
    try {
      reply = await this.#options.ledger.submit(command, () => !this.#closed && !this.#gone.has(text));
    } catch (error) {
      this.#storeFailed(text, command, recorded, error);
      return;
    }
    if (this.#closed || reply.type === 'overtaken') return;
    if (reply.type === 'hold' || reply.type === 'settle' || reply.type === 'fail') {
      const { key } =
        command.type === 'admit' || command.type === 'refuse' ? command.part : (command as { key: PartKey });
      if (!this.#gone.has(text)) recorded.set(text, { key, paymentHash: paymentHashOf(command) });
    }
    switch (reply.type) {
      case 'settle':
        this.#settle(text, reply.preimage);
        return;
      case 'fail':
        this.#fail(text, { asPhantom: reply.message }, reply.reason);
        return;
      case 'unknown':
        this.#unknownToLedger(text);
        return;
      case 'fenced':
        this.#options.onUseless('another process serves this node now');
        return;
      case 'hold':
      case 'done':
      case 'refused':
        return;
    }
  }

  /** The store is away: the HTLC stays held and is put before it again. The node fails it at its deadline at the latest. */
  #storeFailed(text: string, command: LedgerCommand, recorded: Serving['recorded'], error: unknown): void {
    const held = this.#held.get(text);
    if (this.#closed || !held) return;
    if (!isRetryable(error)) {
      this.#alarm(
        held.htlc,
        'htlc-unrecordable',
        `the ledger does not take this HTLC (${String(error)}); it stays with the node until its deadline. Was a node restored from an old backup?`,
      );
    }
    if (refusesRows(error)) return;
    this.#options.clock.after(isRetryable(error) ? RETRY_MS : SLOW_RETRY_MS, () => {
      if (!this.#closed && this.#held.has(text)) void this.#consult(text, command, recorded);
    });
  }

  #unknownToLedger(text: string): void {
    const held = this.#held.get(text);
    this.#held.delete(text);
    if (!held) return;
    if (held.htlc.onChain) {
      this.#alarm(
        held.htlc,
        'on-chain-unknown',
        'an HTLC of a closed channel was never accepted by Manifold; it times out to the sender, nothing is to be done',
      );
    } else {
      this.#send(held.htlc, { action: 'resume' });
    }
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
      const left = htlc.deadline - this.height;
      if (left >= marginBlocks || htlc.onChain) continue;
      const message = `an HTLC is undecided ${left} blocks before its deadline; check the database and the other members`;
      this.#alarm(htlc, 'answer-overdue', message);
    }
  }

  /** The node has let go of an HTLC for good. It may say so while the HTLC is still on its way through the ledger. */
  final({ key, outcome, onChain }: FinalResult): void {
    const partKey = partKeyOf(key);
    const text = partKeyText(partKey);
    this.#gone.add(text);
    this.#inbox.delete(text);
    const held = this.#held.get(text);
    this.#held.delete(text);
    const recorded = this.#serving?.recorded;
    const paymentHash = recorded?.get(text)?.paymentHash ?? (held && toHex(held.htlc.paymentHash));
    if (!recorded || paymentHash === undefined) return;
    this.#recordFinal(text, { type: 'final', key: partKey, paymentHash, outcome, onChain }, recorded);
  }

  #recordFinal(text: string, command: LedgerCommand, recorded: Serving['recorded']): void {
    this.#options.ledger.submit(command).then(
      () => recorded.delete(text),
      (error: unknown) => {
        if (this.#closed || refusesRows(error)) return; // found again by lookup
        this.#options.clock.after(RETRY_MS, () => {
          if (!this.#closed) this.#recordFinal(text, command, recorded);
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
    if (held.htlc.onChain)
      this.#held.delete(text); // settle or silence
    else this.#answer(text, failureAnswer(failure, held.sharedSecret, this.#options.port), reason);
  }

  #answer(text: string, answer: HtlcAnswer, reason: string): void {
    const held = this.#held.get(text);
    if (!held) return;
    this.#held.delete(text);
    this.#send(held.htlc, answer);
    this.#options.onAnswered?.(answer.action, reason, this.#options.clock.now() - held.since);
  }

  #send({ key }: InterceptedHtlc, answer: HtlcAnswer): void {
    try {
      this.#session?.answer(key, answer);
    } catch (error) {
      this.#options.onUseless(`the stream does not take answers: ${String(error)}`); // all is shown again on the next
    }
  }

  #alarm({ key, paymentHash }: InterceptedHtlc, code: Alarm['code'], message: string): void {
    const { channelId, htlcId } = key;
    this.#options.alarms.raise({
      code,
      node: this.#options.nodeName,
      paymentHash: toHex(paymentHash),
      channelId,
      htlcId,
      message,
    });
  }
}
