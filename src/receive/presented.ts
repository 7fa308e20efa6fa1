/**
 * What happens to the HTLCs of one session: ordinary forwards are resumed in the turn they arrive (R6), phantom ones are
 * judged in short slices, put before the ledger, and answered when the ledger has decided.
 */
import { judgeHtlc, type KeyRing, recognisePhantomScid, type VerdictPolicy } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import type { Alarm, AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import { Consultation, type Serving } from './consultation.js';
import type { DeskStream } from './forward-desk.js';
import { answerTo, commandFor, type Due, dueOfPart, dueOfReply, NODE_TROUBLE, partKeyOf } from './htlc-command.js';
import type { Ledger } from './ledger/ledger.js';
import { type DecidedPart, type LedgerReply, partKeyText } from './ledger/types.js';
import type { FinalResult, HtlcAnswer, InterceptedHtlc, InterceptPort, InterceptSession } from './node-port.js';
import { type Arrived, WaitingHtlcs } from './waiting-htlcs.js';

export type { Serving } from './consultation.js';

/** For metrics and logs. Must not throw. */
export interface HtlcCallbacks {
  /** The outcome of each phantom HTLC; reason `gone` if the node had let go of it before the answer. */
  readonly onAnswered?: (answer: HtlcAnswer['action'], reason: string, waitedMs: Millis) => void;
  /** An ordinary forward was resumed; after 0 ms if in the turn in which it arrived. */
  readonly onForward?: (waitedMs: Millis) => void;
}

export interface PresentedOptions extends HtlcCallbacks {
  readonly port: InterceptPort;
  readonly nodeName: string;
  readonly height: BlockHeight;
  readonly ledger: Ledger;
  /** The machine's own: how long something took. */
  readonly clock: Clock;
  /** The time that all members agree on: whether an invoice has expired. */
  readonly time: Pick<Clock, 'now'>;
  readonly keys: () => KeyRing;
  readonly verdictPolicy: VerdictPolicy;
  readonly alarms: AlarmSink;
  /** Keeps some forwards back. */
  readonly desk?: DeskStream;
  /** The session is of no use any more: the lease was lost to another process, or the stream takes no answers. */
  readonly onUseless: (reason: string) => void;
}

/** So many verdicts (about 75 µs each) per turn of the event loop, so that forwards wait for little. */
const VERDICTS_PER_TURN = 2;
/** A commit decides about many HTLCs at once; more than these wait for the next turn with their answer. */
const ANSWERS_PER_TURN = 8;

export class PresentedHtlcs {
  height: BlockHeight;
  readonly #options: PresentedOptions;
  readonly #waiting = new WaitingHtlcs();
  readonly #consultation: Consultation;
  /** Decisions to be answered in later turns, by key. */
  readonly #due = new Map<string, Due>();
  #answersLeft = ANSWERS_PER_TURN;
  #turnPlanned = false;
  #session: InterceptSession | undefined;
  #serving: Serving | undefined;
  #only: ReadonlySet<string> | undefined;
  #closed = false;

  constructor(options: PresentedOptions) {
    this.#options = options;
    this.height = options.height;
    this.#consultation = new Consultation({
      ledger: options.ledger,
      clock: options.clock,
      isGone: (text) => this.#waiting.isGone(text),
      onReply: (text, reply) => {
        this.#replied(text, reply);
      },
      onRejected: (text, error) => {
        this.#rejected(text, error);
      },
    });
  }

  get heldCount(): number {
    return this.#waiting.count;
  }

  get heldMsat(): bigint {
    return this.#waiting.sumMsat;
  }

  /** Blocks until the nearest deadline of a held HTLC. */
  get blocksLeft(): number | undefined {
    const { nearestDeadline } = this.#waiting;
    return nearestDeadline === undefined ? undefined : nearestDeadline - this.height;
  }

  /** The stream is open: forwards are resumed from now on, phantom HTLCs wait for {@link serve}. */
  begin(session: InterceptSession): void {
    this.#session = session;
    this.#options.desk?.open(session);
    this.#takeAgain();
  }

  /**
   * The lease is held and the ledger's parts are known: phantom HTLCs are taken up. To be called before {@link begin} if the
   * ledger's parts are known by then, or one whose key epoch is retired looks like an ordinary forward.
   *
   * @param only key texts of decided parts: nothing else is taken up off chain, because the node's height may be wrong
   */
  serve(serving: Serving, only?: ReadonlySet<string>): void {
    this.#serving = serving;
    this.#only = only;
    this.#takeAgain();
  }

  #takeAgain(): void {
    const early = [...this.#waiting.inbox.values()];
    this.#waiting.inbox.clear();
    for (const { htlc, since } of early) this.#take(htlc, since);
  }

  end(): void {
    this.#closed = true;
    this.#options.desk?.close();
    this.#serving = undefined;
    this.#consultation.close();
    this.#due.clear();
    this.#waiting.clear();
  }

  /** Called by the adapter for every HTLC it shows. Never throws, never waits. */
  present(htlc: InterceptedHtlc): void {
    if (!this.#closed) this.#take(htlc, undefined);
  }

  /** @param since when it arrived, if not in this turn */
  #take(htlc: InterceptedHtlc, since: Millis | undefined): void {
    const key = partKeyOf(htlc.key);
    const text = partKeyText(key);
    const recognised = recognisePhantomScid(this.#options.keys(), htlc.key.nodeId, htlc.outgoingScid);
    const isOurs = recognised !== undefined || this.#serving?.recorded.has(text) === true;
    if (this.#session && !isOurs && !htlc.onChain) {
      // R6, whatever state the rest is in
      if (!this.#options.desk?.holds(htlc)) this.#forward(htlc, since);
      return;
    }
    // On chain there is no hurry: one that nobody knows waits for the ledger's parts. It is a forward if it is not among them.
    if (!isOurs && htlc.onChain) this.#options.desk?.wentOnChain(htlc.key);
    if (this.#serving && !isOurs && htlc.onChain) return;
    if (this.#waiting.isGone(text)) return;
    const arrived = { key, htlc, recognised, since: since ?? this.#options.clock.now() };
    this.#waiting.inbox.set(text, arrived);
    if (this.#mayJudge(text, arrived)) this.#planTurn();
  }

  #forward(htlc: InterceptedHtlc, since: Millis | undefined): void {
    this.#send(htlc, { action: 'resume' });
    this.#options.onForward?.(since === undefined ? 0 : this.#since(since));
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    this.#options.clock.soon(() => {
      this.#turn();
    });
  }

  #turn(): void {
    this.#turnPlanned = false;
    this.#answersLeft = ANSWERS_PER_TURN;
    for (const [text, due] of this.#due) {
      if (this.#answersLeft === 0) break;
      this.#due.delete(text);
      this.#carryOut(text, due);
    }
    let verdictsLeft = VERDICTS_PER_TURN;
    let isMore = false;
    for (const [text, arrived] of this.#waiting.inbox) {
      if (!this.#serving) break;
      if (!this.#mayJudge(text, arrived)) continue;
      isMore = verdictsLeft-- === 0;
      if (isMore) break;
      this.#waiting.inbox.delete(text);
      this.#judgeSafely(text, arrived, this.#serving);
    }
    if (this.#due.size > 0 || isMore) this.#planTurn();
  }

  #mayJudge(text: string, { htlc }: Arrived): boolean {
    if (!this.#serving || !this.#session) return false;
    return !this.#only || this.#only.has(text) || htlc.onChain; // on chain nothing new counts anyway
  }

  #since(then: Millis): Millis {
    return Math.max(0, this.#options.clock.now() - then);
  }

  /**
   * A bug must not stop the others. The HTLC is given back rather than held without a decision; but what is recorded may be
   * decided to be settled (R3), and on chain nothing but a settle may be said: such an HTLC waits for its row to be read.
   */
  #judgeSafely(text: string, arrived: Arrived, serving: Serving): void {
    try {
      this.#judge(text, arrived, serving);
    } catch (error) {
      const { htlc } = arrived;
      const mayBeDecided = serving.recorded.has(text) || htlc.onChain;
      const outcome = mayBeDecided ? 'only what the ledger has decided about it is answered' : 'it was given back';
      this.#alarm(htlc, 'htlc-unrecordable', `judging this HTLC failed (${String(error)}); ${outcome}`);
      if (mayBeDecided) this.#waiting.held.set(text, { ...arrived, sharedSecret: undefined });
      else this.#send(htlc, NODE_TROUBLE);
    }
  }

  #judge(text: string, { key, htlc, recognised, since }: Arrived, { epoch, recorded }: Serving): void {
    const { keys, verdictPolicy, time } = this.#options;
    const now = Math.floor(time.now() / 1000);
    const context = { keys: keys(), nodeId: htlc.key.nodeId, height: this.height, now, policy: verdictPolicy };
    const verdict = judgeHtlc(htlc, context, recognised);
    const sharedSecret = verdict.type === 'resume' ? undefined : verdict.sharedSecret;
    const held = { key, htlc, since, sharedSecret };
    this.#waiting.held.set(text, held);
    if (verdict.type === 'fail' && verdict.stable && !recorded.has(text) && !htlc.onChain) {
      this.#carryOut(text, { type: 'fail', failure: verdict.failure, reason: verdict.reason });
      return;
    }
    const isOpen = (): boolean => this.#waiting.held.get(text) === held;
    void this.#consultation.ask(text, commandFor({ key, htlc, verdict, epoch }), recorded, isOpen);
  }

  #replied(text: string, reply: LedgerReply): void {
    switch (reply.type) {
      case 'settle':
      case 'fail':
        this.#decide(text, dueOfReply(reply));
        return;
      case 'unknown':
        this.#unknownToLedger(text);
        return;
      case 'fenced':
        this.#options.onUseless('another process serves this node now');
        return;
      case 'hold':
      case 'overtaken':
      case 'done':
      case 'refused':
        return;
    }
  }

  #rejected(text: string, error: unknown): void {
    const held = this.#waiting.held.get(text);
    if (!held) return;
    const message = `the ledger does not take this HTLC (${String(error)}); it stays with the node until its deadline. Was a node restored from an old backup?`;
    this.#alarm(held.htlc, 'htlc-unrecordable', message);
  }

  #unknownToLedger(text: string): void {
    const held = this.#waiting.takeHeld(text);
    if (!held) return;
    if (held.htlc.onChain) {
      const message =
        'an HTLC of a closed channel was never accepted by Manifold; it times out to the sender, nothing is to be done';
      this.#alarm(held.htlc, 'on-chain-unknown', message);
    } else {
      this.#forward(held.htlc, held.since);
    }
  }

  /** Decisions of a commit anywhere in the cluster; those of HTLCs held here are answered. */
  decided(parts: readonly DecidedPart[]): void {
    for (const part of parts) this.#decide(partKeyText(part.key), dueOfPart(part));
  }

  /** Answers now, or in a later turn if this one has given its answers. What was decided stays decided (R3). */
  #decide(text: string, due: Due | undefined): void {
    if (!due || !this.#waiting.isHeld(text)) return;
    if (this.#answersLeft > 0) this.#carryOut(text, due);
    else this.#due.set(text, due);
    this.#planTurn();
  }

  #carryOut(text: string, due: Due): void {
    const held = this.#waiting.takeHeld(text);
    if (!held) return;
    if (due.type === 'fail' && held.htlc.onChain) return; // settle or silence
    const { port, onAnswered } = this.#options;
    const answer = answerTo(due, held.sharedSecret, port);
    this.#answersLeft--;
    const sent = this.#send(held.htlc, answer);
    if (sent === 'closed') return; // shown again on the next stream
    const reason = due.type === 'settle' ? 'settled' : due.reason;
    onAnswered?.(answer.action, sent === 'unknown' ? 'gone' : reason, this.#since(held.since));
  }

  /** True if something waits longer than `ms`: then decisions of other processes may have been missed. */
  waitsLongerThan(ms: Millis): boolean {
    return this.#waiting.holdsFor(ms, this.#options.clock.now());
  }

  /** Raises an alarm for what is held past the margin: the store or the other members were away for too long. */
  alarmOverdue(marginBlocks: number): void {
    for (const htlc of this.#waiting.all()) {
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
    const held = this.#waiting.forget(text);
    const recorded = this.#serving?.recorded;
    const paymentHash = recorded?.get(text)?.paymentHash ?? (held && toHex(held.htlc.paymentHash));
    if (!recorded || paymentHash === undefined) return;
    this.#consultation.report(text, { type: 'final', key: partKey, paymentHash, outcome, onChain }, recorded);
  }

  #send({ key }: InterceptedHtlc, answer: HtlcAnswer): ReturnType<InterceptSession['answer']> {
    try {
      return this.#session?.answer(key, answer) ?? 'closed';
    } catch (error) {
      this.#options.onUseless(`the stream does not take answers: ${String(error)}`); // all is shown again on the next
      return 'closed';
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
