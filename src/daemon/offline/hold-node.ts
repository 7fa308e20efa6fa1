/** The HTLCs that are held at one node: judged as they are shown, written, answered when their time has come. */
import { holdIdOf, judgeHold } from '../../offline/hold/admit.js';
import { stepHold } from '../../offline/hold/step.js';
import type { HeldHtlc, HoldContext, HoldEvent, HoldStep } from '../../offline/hold/types.js';
import { type BlindedPath, encodeFailureMessage, FailureCode } from '../../onion/index.js';
import type { ForwardStream } from '../../receive/forward-desk.js';
import type { FinalResult, HtlcKey, InterceptedHtlc } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import { ChannelBook } from './hold-channels.js';
import { type HoldNode, type HoldParts, isMarked, type Marks, marksOf } from './hold-parts.js';
import { endsOf, isAwake, isTooLate, nextPeer, questionOf, rodOf } from './hold-ends.js';
import { HoldFinals } from './hold-finals.js';
import { isFurther, isNews } from './hold-rows.js';
import { HoldWakes } from './hold-wakes.js';

/** A forward that the node waits for. */
interface Shown {
  readonly htlc: InterceptedHtlc;
  readonly marks: Marks;
  readonly since: Millis;
}

/** HTLCs that ask for nothing wait so long for our knowledge of the wallets, and none does once a stream is open for so long. */
const PATIENCE_MS: Millis = 3_000;
/** So long after its expiry nothing can come of an HTLC whose end nobody told. */
const LOST_BLOCKS = 2016;

const REFUSED = encodeFailureMessage(FailureCode.temporaryNodeFailure);
const GIVEN_UP = encodeFailureMessage(FailureCode.temporaryChannelFailure, { channelUpdate: new Uint8Array() });

export class NodeHolds {
  readonly book: ChannelBook;
  readonly #parts: HoldParts;
  readonly #node: HoldNode;
  readonly #rows = new Map<string, HeldHtlc>();
  readonly #shown = new Map<string, Shown>();
  /** Judged, being written. */
  readonly #admitting = new Map<string, HeldHtlc>();
  readonly #busy = new Set<string>();
  readonly #wakes: HoldWakes;
  #stream: ForwardStream | undefined;
  #isLoaded = false;
  #isLoading = false;
  readonly #finals: HoldFinals;
  #openedAt: Millis = 0;

  constructor(node: HoldNode, parts: HoldParts) {
    this.#node = node;
    this.#parts = parts;
    const onRead = (): void => {
      this.review();
    };
    this.book = new ChannelBook({ node, clock: parts.clock, onRead });
    this.#wakes = new HoldWakes(parts, this.book);
    this.#finals = new HoldFinals(node.name, parts, (final) => {
      this.final(final);
    });
  }

  get nodeId(): NodeId | undefined {
    return this.#stream?.nodeId;
  }

  get height(): BlockHeight | undefined {
    return this.#stream?.height();
  }

  get held(): readonly HeldHtlc[] {
    return [...this.#rows.values(), ...this.#admitting.values()].filter(({ phase }) => phase === 'held');
  }

  opened(stream: ForwardStream): void {
    this.#forget();
    this.#stream = stream;
    this.#openedAt = this.#parts.clock.now();
    this.#finals.opened();
    void this.#load();
  }

  closed(stream: ForwardStream): void {
    if (this.#stream !== stream) return;
    this.#forget();
    this.#stream = undefined;
  }

  #forget(): void {
    this.#rows.clear();
    this.#shown.clear();
    this.#isLoaded = false;
  }

  consult(htlc: InterceptedHtlc): 'resume' | 'hold' {
    const { clients, rods } = this.#parts;
    if (this.#isLoaded && this.#rows.size === 0 && clients.isLoaded && clients.size === 0) return 'resume';
    const id = toHex(holdIdOf(htlc.key));
    const marks = marksOf(htlc);
    const known = this.#rows.get(id);
    if (known?.phase === 'resumed') return 'resume';
    if (known) return this.#keep(id, htlc, marks);
    // Nobody's HTLCs wait for our knowledge but those that ask to be held, or may be a wallet's.
    if (!clients.isLoaded) return isMarked(marks) ? this.#keep(id, htlc, marks) : 'resume';
    if (!this.book.isLoaded && clients.size > 0) {
      const isPatient = isMarked(marks) || this.#parts.clock.now() - this.#openedAt < PATIENCE_MS;
      return isPatient ? this.#keep(id, htlc, marks) : 'resume';
    }
    const incoming = this.book.peerOf(htlc.key.channelId);
    const { payer, payee } = endsOf(this.#parts, this.book, htlc);
    if (!incoming || !nextPeer(this.book, htlc)) this.book.missed();
    if (!incoming && isMarked(marks) && clients.size > 0) return this.#keep(id, htlc, marks);
    if (!payer && !payee && !marks.isFlagged) return 'resume';
    const isAsleep = payee !== undefined && !isAwake(this.book, payee, htlc);
    const isRod = payer !== undefined && rods()?.find(payer.number, htlc) !== undefined;
    const isPlain = this.#isLoaded && !isAsleep && !isRod && !(isMarked(marks) && (payer || marks.isFlagged));
    return isPlain ? 'resume' : this.#keep(id, htlc, marks);
  }

  #keep(id: string, htlc: InterceptedHtlc, marks: Marks): 'hold' {
    this.#shown.set(id, { htlc, marks, since: this.#shown.get(id)?.since ?? this.#parts.clock.now() });
    this.#parts.clock.soon(() => {
      this.#work(id);
    });
    return 'hold';
  }

  final({ key, outcome }: Pick<FinalResult, 'key' | 'outcome'>): void {
    const id = toHex(holdIdOf(key));
    this.#shown.delete(id);
    if (this.#rows.has(id)) this.#attempt(this.step(id, { kind: 'final', outcome }));
  }

  /** Looks at everything again: blocks, wallets that woke up, what other processes decided, what failed before. */
  review(): void {
    if (!this.#stream) return;
    if (!this.#isLoaded) void this.#load();
    this.#workOff();
    for (const [id, held] of [...this.#rows]) this.#reviewRow(id, held);
    if (!this.#isLoaded) return;
    const missing = [...this.#rows].flatMap(([id, { htlc }]) => (this.#shown.has(id) ? [] : [htlc.key]));
    void this.#finals.look(this.#stream, missing);
  }

  /** Takes in what other processes wrote. */
  poll(): void {
    const isWaiting = [...this.#rows.values()].some(({ phase, awaitsRelease }) => phase === 'held' && awaitsRelease);
    if (this.#isLoaded && isWaiting) void this.#load();
  }

  /** Over which a flagged HTLC will be released; undefined if it will not be held. */
  releasePath(key: HtlcKey): BlindedPath | undefined {
    const { clients, messenger, usageOf } = this.#parts;
    const peer = this.book.peerOf(key.channelId);
    const client = peer && clients.clientOf(peer);
    if (!client) {
      this.book.missed();
      return undefined;
    }
    if (usageOf(client.number).held >= client.limits.maxHeld) return undefined;
    const pathId = messenger.pathId({ kind: 'release_held_htlc', holdId: holdIdOf(key) });
    const options = { count: 1, dummyHops: 2 };
    const [own] = messenger.pathsToVirtual(pathId, { ...options, members: [this.#node.name] });
    return own ?? messenger.pathsToVirtual(pathId, options)[0];
  }

  contextOf({ payee }: HeldHtlc): HoldContext {
    const { clients, clock } = this.#parts;
    const client = payee === undefined ? undefined : clients.clientNumbered(payee);
    // A wallet that is none of ours any more is not waited for.
    const isPayeeAwake = client ? this.book.isAwake(client.nodeId) : payee !== undefined && clients.isLoaded;
    return { now: clock.now(), height: this.#stream?.height() ?? 0, isPayeeAwake };
  }

  /** Steps what is kept, then does what follows. Undefined if there is no such HTLC. Rejects if the store is away. */
  async step(id: string, event: HoldEvent): Promise<HoldStep | undefined> {
    const cached = this.#rows.get(id);
    const quick = cached && stepHold(cached, event, this.contextOf(cached));
    const isKnown = quick !== undefined && !isNews(cached!, quick.held);
    const step = isKnown ? quick : await this.#parts.rows.step(id, event, (held) => this.contextOf(held));
    if (step) this.#took(id, cached, step);
    else this.#rows.delete(id);
    return step;
  }

  #took(id: string, before: HeldHtlc | undefined, { held, commands }: HoldStep): void {
    const { count, rods } = this.#parts;
    if (held.isGone) this.#rows.delete(id);
    else if (this.#stream) this.#rows.set(id, held);
    for (const command of commands) {
      switch (command.kind) {
        case 'answer':
          this.#answer(id, command.answer === 'resume' ? undefined : GIVEN_UP);
          break;
        case 'wake_payee':
          this.#wakes.wakePayee(command.client);
          break;
        case 'tell_payer':
          this.#wakes.tellPayer(held);
          break;
      }
    }
    if (before && before.phase !== held.phase && held.phase !== 'held') count(held.phase);
    if (held.isGone && held.end === 'settled') count('settled');
    const book = held.rodId && rods();
    if (!book || (before && !isNews(before, held))) return;
    if (held.isGone && held.end === 'settled') this.#attempt(book.ended(held, 'settled'));
    else if (held.isGone || held.phase === 'failed') this.#attempt(book.ended(held, 'failed'));
  }

  #answer(id: string, failure: Uint8Array | undefined): void {
    const shown = this.#shown.get(id);
    if (!shown || !this.#stream) return;
    this.#shown.delete(id);
    const { key } = shown.htlc;
    this.#stream.answer(key, failure ? { action: 'fail-as-node', message: failure } : { action: 'resume' });
  }

  /** What is not written yet, and what was decided meanwhile. */
  #workOff(): void {
    for (const id of [...this.#shown.keys()]) if (this.#rows.get(id)?.phase !== 'held') this.#work(id);
  }

  /** One at a time for each HTLC; what fails is tried again by {@link review}. */
  #work(id: string): void {
    if (this.#busy.has(id)) return;
    const shown = this.#shown.get(id);
    if (!shown || !this.#stream) return;
    this.#busy.add(id);
    const working = this.#workOn(id, shown).finally(() => this.#busy.delete(id));
    this.#attempt(working, id);
  }

  async #workOn(id: string, shown: Shown): Promise<void> {
    if (this.#rows.has(id) || (await this.#admit(id, shown))) await this.step(id, { kind: 'shown', onChain: false });
  }

  /** True once there is a row. */
  async #admit(id: string, shown: Shown): Promise<boolean> {
    const { htlc, marks } = shown;
    const { rows, clock, count } = this.#parts;
    const stream = this.#stream!;
    if (!this.#isReady()) {
      const ends = endsOf(this.#parts, this.book, htlc);
      const isAsleep = ends.payee && !isAwake(this.book, ends.payee, htlc) && !isTooLate(htlc, stream.height(), ends);
      if (!isMarked(marks) && !isAsleep && clock.now() - shown.since >= PATIENCE_MS) this.#answer(id, undefined);
      return false;
    }
    const ends = endsOf(this.#parts, this.book, htlc);
    // A channel that was opened a moment ago: whose it is shows when the channels are read again.
    const isNew = isMarked(marks) && !this.book.peerOf(htlc.key.channelId);
    if (isNew && clock.now() - shown.since < PATIENCE_MS) return false;
    const isReleased = marks.isFlagged && (await rows.wasReleasedEarly(id));
    const rod = await rodOf(this.#parts, ends.payer, marks, htlc);
    if (this.#stream !== stream || !this.#shown.has(id)) return false;
    const canRelease = this.#node.intercept?.returnsReleasePaths === true;
    const more = { ...ends, rod, isReleased, canRelease, height: stream.height() };
    const verdict = judgeHold(questionOf(this.#parts, this.book, htlc, marks, more));
    if (verdict.kind === 'forward' || verdict.kind === 'refuse') {
      if (verdict.kind === 'refuse') count('refused');
      this.#answer(id, verdict.kind === 'refuse' ? REFUSED : undefined);
      return false;
    }
    this.#admitting.set(id, verdict.held);
    try {
      const kept = await rows.insert(verdict.held);
      if (this.#stream !== stream) return false;
      this.#rows.set(id, kept);
      this.#admitting.delete(id); // counted once
      if (kept === verdict.held && kept.phase === 'held') count('held');
      // The release may have come while this was written: whoever comes second sees the other.
      if (kept.awaitsRelease && marks.isFlagged && (await rows.wasReleasedEarly(id))) {
        await this.step(id, { kind: 'released' });
      }
      if (kept.rodId && kept.phase === 'held') await this.#parts.rods()?.part(kept);
    } finally {
      this.#admitting.delete(id);
    }
    return this.#rows.has(id);
  }

  #isReady(): boolean {
    return this.#isLoaded && this.book.isLoaded && this.#parts.clients.isLoaded;
  }

  #reviewRow(id: string, held: HeldHtlc): void {
    const context = this.contextOf(held);
    const { height } = context;
    if (held.phase === 'held') {
      const wish = held.rodId && this.#parts.rods()?.wishFor(held);
      const events: readonly HoldEvent[] = [
        ...(wish === 'release' ? [{ kind: 'released' } as const] : []),
        ...(wish === 'cancel' ? [{ kind: 'cancel' } as const] : []),
        { kind: 'payee' },
        { kind: 'height', height },
      ];
      const news = events.find((event) => isNews(held, stepHold(held, event, context).held));
      if (news) this.#attempt(this.step(id, news), id);
      else if (wish === 'tell') this.#attempt(this.#parts.rods()!.part(held));
    }
    this.#wakes.review(held, height);
    if (height > held.htlc.incomingExpiry + LOST_BLOCKS)
      this.#attempt(this.step(id, { kind: 'final', outcome: 'failed' }));
  }

  async #load(): Promise<void> {
    const stream = this.#stream;
    if (!stream || this.#isLoading) return;
    this.#isLoading = true;
    try {
      for (const held of await this.#parts.rows.openAt(stream.nodeId)) {
        const id = toHex(held.holdId);
        const cached = this.#rows.get(id);
        if (this.#stream === stream && (!cached || isFurther(held, cached))) this.#rows.set(id, held);
      }
      const isFirst = !this.#isLoaded && this.#stream === stream;
      this.#isLoaded ||= isFirst;
      if (isFirst) for (const id of [...this.#shown.keys()]) this.#work(id);
      else this.#workOff();
    } catch (error) {
      this.#parts.log.debug({ err: error, node: this.#node.name }, 'held HTLCs could not be read; trying again');
    } finally {
      this.#isLoading = false;
    }
  }

  /**
   * The store is away and the block has come from which nothing may be held. What a wallet marked and what has no row, or one that
   * says held, when all were read since the stream was opened, never went on: so it may be given up before that is written down.
   */
  #lastResort(id: string): void {
    const [shown, row, stream] = [this.#shown.get(id), this.#rows.get(id), this.#stream];
    if (!shown || !stream || !this.#isLoaded || (row && row.phase !== 'held')) return;
    const height = stream.height();
    const ends = endsOf(this.#parts, this.book, shown.htlc);
    if (row ? height < row.failAt : !isTooLate(shown.htlc, height, ends)) return;
    const mayFail = row?.isMarked ?? (ends.payer !== undefined && isMarked(shown.marks));
    this.#answer(id, mayFail ? GIVEN_UP : undefined);
  }

  /** @param id of the HTLC that waits for it, if one does */
  #attempt(work: Promise<unknown>, id?: string): void {
    work.catch((error: unknown) => {
      if (id !== undefined) this.#lastResort(id);
      this.#parts.log.debug({ err: error, node: this.#node.name }, 'a held HTLC could not be dealt with; trying again');
    });
  }
}
