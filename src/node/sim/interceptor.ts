/**
 * The HTLC interceptor of a simulated node, after LND's with `requireinterceptor`: it shows every HTLC that would be
 * forwarded, its own channels included, and holds it until it is answered. What is held lives in memory only; after a crash
 * the node shows the HTLC again.
 */
import { sha256 } from '../../crypto/index.js';
import { FailureCode } from '../../onion/failure-codes.js';
import { FIRST_CUSTOM_RECORD } from '../../onion/payload.js';
import { encodeFailureMessage } from '../../onion/failure-message.js';
import type { BlindedPath } from '../../onion/blinded-path.js';
import type { FinalResult, HtlcAnswer, HtlcKey, InterceptHandlers, InterceptSession } from '../../receive/node-port.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { BlockHeight, Preimage } from '../../wire/units.js';
import type { SimHtlc } from './htlc.js';
import type { InterceptorConfig } from './interceptor-config.js';
import type { IncomingForward } from './incoming.js';
import { askForPath, type SimInterceptHandlers } from './holding.js';
import { SimSession } from './session.js';
import { draw, quietly, type AnswerObservation, type Range, type World } from './types.js';

export type { HeldSetModel } from './interceptor-config.js';

/** How unreliable the node's presentation is; set by fault verbs. */
export interface PresentationFaults {
  /** Probability that an HTLC is shown twice. */
  twice: number;
  /** Drawn per HTLC, so that unequal delays reorder, ms. */
  delayMs: Range;
  loseFinals: boolean;
}

/** What the interceptor has its node do. */
export interface InterceptorHost {
  readonly name: string;
  readonly nodeId: Uint8Array;
  readonly online: boolean;
  readonly height: BlockHeight;
  resume(incoming: IncomingForward): void;
  settle(incoming: IncomingForward, preimage: Preimage): void;
  failAsPhantom(incoming: IncomingForward, packet: Uint8Array): void;
  failAsNode(incoming: IncomingForward, message: Uint8Array): void;
}

const PHANTOM_PACKET_LENGTH = 292;
const keyText = (channelId: bigint, htlcId: bigint): string => `${channelId}/${htlcId}`;

export class Interceptor {
  config: InterceptorConfig;
  readonly faults: PresentationFaults = { twice: 0.2, delayMs: [0, 0], loseFinals: false };
  readonly #world: World;
  readonly #host: InterceptorHost;
  readonly #record: (answer: AnswerObservation) => void;
  readonly #held = new Map<string, IncomingForward>();
  /** Held HTLCs that went on chain unnoticed: what is answered for them goes nowhere. */
  readonly #astray = new Set<string>();
  readonly #finals = new Map<string, FinalResult['outcome']>();
  #session: SimSession | undefined;
  #slotFreeAt = 0;

  constructor(
    world: World,
    host: InterceptorHost,
    config: InterceptorConfig,
    record: (answer: AnswerObservation) => void,
  ) {
    this.#world = world;
    this.#host = host;
    this.config = config;
    this.#record = record;
  }

  /** HTLCs that wait for an answer. */
  get heldCount(): number {
    return this.#held.size;
  }

  get session(): SimSession | undefined {
    return this.#session;
  }

  /**
   * Shows an HTLC that was committed, replayed after a restart, or went on chain.
   * @param fresh never seen before
   */
  hold(incoming: IncomingForward, fresh: boolean): void {
    const { htlc } = incoming;
    const { withoutSession } = this.config;
    if (!this.#session && fresh && withoutSession === 'fail') {
      this.#host.failAsNode(incoming, TEMPORARY_CHANNEL_FAILURE);
      return;
    }
    if (!this.#session && !htlc.onChain && withoutSession === 'resume') {
      this.#host.resume(incoming);
      return;
    }
    const key = keyText(htlc.channel.scid, htlc.id);
    if (htlc.onChain && !this.#takesOnChain(key, incoming)) return;
    this.#held.set(key, incoming);
    this.#session?.answered.delete(key);
    if (this.#session) this.#present(this.#session, key, incoming);
  }

  #takesOnChain(key: string, { htlc }: IncomingForward): boolean {
    const { heldSet } = this.config;
    if (heldSet !== 'plain' && htlc.add.cltvExpiry <= this.#host.height) return false;
    if (heldSet !== 'lnd-before-0.20.2' || !this.#held.has(key)) return true;
    this.#astray.add(key);
    return false;
  }

  deadline(htlc: SimHtlc): BlockHeight {
    const { autoFailBlocks } = this.config;
    return htlc.onChain || autoFailBlocks === undefined ? htlc.add.cltvExpiry : htlc.add.cltvExpiry - autoFailBlocks;
  }

  /** @throws {Error} when the node is down or somebody else listens */
  open(handlers: SimInterceptHandlers): InterceptSession {
    const { clock, random, trace } = this.#world;
    if (!this.#host.online) throw new Error(`${this.#host.name} cannot be reached`);
    if (this.#session || clock.now() < this.#slotFreeAt) throw new Error('interceptor already exists');
    const session = new SimSession(this.#world, handlers, {
      height: () => this.#host.height,
      holds: (key) => this.#holds(key),
      apply: (key, answer) => this.#apply(session, key, answer),
      lost: (key, answer) => this.#observe(key, answer, 'lost'),
      ended: () => {
        if (this.#session === session) this.#session = undefined;
        trace.note(`${this.#host.name} session ended`);
        if (this.config.withoutSession === 'resume') this.#release();
      },
    });
    this.#session = session;
    trace.note(`${this.#host.name} session opened, ${this.#held.size} held`);
    const { height } = this.#host;
    session.toClient(() => handlers.onHeight(height));
    for (const [key, incoming] of random.shuffle([...this.#held])) this.#present(session, key, incoming);
    return session;
  }

  /** The connection breaks; the node may take a while to notice. */
  drop(reason: string): void {
    if (!this.#session) return;
    this.#slotFreeAt = this.#world.clock.now() + this.config.slotLingerMs;
    this.#session.end(reason);
  }

  /** What can be forwarded is, as if nobody had ever listened. */
  #release(): void {
    for (const [key, incoming] of [...this.#held]) {
      if (incoming.htlc.onChain) continue;
      this.#held.delete(key);
      this.#host.resume(incoming);
    }
  }

  /** The node lost its memory. */
  crash(): void {
    this.#held.clear();
    this.#astray.clear();
    this.#session?.end('connection lost');
    this.#slotFreeAt = 0;
  }

  heightSeen(height: BlockHeight): void {
    const session = this.#session;
    session?.toClient(() => session.handlers.onHeight(height));
    for (const [key, incoming] of [...this.#held]) {
      if (incoming.htlc.onChain && !this.#astray.has(key)) {
        if (this.#forgetsOnChain(incoming, height)) this.#held.delete(key);
        continue;
      }
      if (this.config.autoFailBlocks === undefined) continue;
      if (this.deadline(incoming.htlc) > height) continue;
      this.#held.delete(key);
      this.#astray.delete(key);
      this.#world.trace.note(`${this.#host.name} auto-fails ${key}`);
      this.#host.failAsNode(incoming, TEMPORARY_CHANNEL_FAILURE);
    }
  }

  #forgetsOnChain({ htlc }: IncomingForward, height: BlockHeight): boolean {
    const { heldSet } = this.config;
    return heldSet === 'lnd-before-0.20.2' || (heldSet === 'lnd' && htlc.add.cltvExpiry <= height);
  }

  final(htlc: SimHtlc, outcome: FinalResult['outcome'], onChain: boolean): void {
    const key = keyText(htlc.channel.scid, htlc.id);
    this.#held.delete(key);
    this.#astray.delete(key);
    this.#finals.set(key, outcome);
    const session = this.#session;
    if (!session || this.faults.loseFinals) return;
    session.toClient(() => session.handlers.onFinal({ key: this.#keyOf(htlc), outcome, onChain }));
  }

  /** Asks whoever listens how an HTLC is going to be released. */
  askForPath(htlc: SimHtlc, answer: (path: BlindedPath | undefined) => void): void {
    const session = this.#session;
    if (session?.isLive) askForPath(this.#world, session.handlers, this.#keyOf(htlc), answer);
    else answer(undefined);
  }

  lookupFinal({ channelId, htlcId }: HtlcKey): FinalResult['outcome'] | undefined {
    return this.#finals.get(keyText(channelId, htlcId));
  }

  #keyOf(htlc: SimHtlc): HtlcKey {
    return { nodeId: this.#host.nodeId, channelId: htlc.channel.scid, htlcId: htlc.id };
  }

  #present(session: SimSession, key: string, incoming: IncomingForward): void {
    const { random, clock } = this.#world;
    const show = (): void => {
      session.toClient(() => {
        if (this.#held.get(key) !== incoming) return;
        this.#world.trace.note(`${this.#host.name} shows ${key}`);
        session.handlers.onHtlc(this.#describe(incoming));
      });
    };
    const times = random.chance(this.faults.twice) ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const delay = draw(random, this.faults.delayMs);
      if (delay === 0) show();
      else quietly(clock, delay, show);
    }
  }

  #describe(incoming: IncomingForward): Parameters<InterceptHandlers['onHtlc']>[0] {
    const { htlc, amtToForward, outgoingCltvValue, outgoingScid, outgoingNodeId, nextOnion } = incoming;
    const wireRecords = htlc.add.unknownRecords?.filter(({ type }) => type >= FIRST_CUSTOM_RECORD) ?? [];
    return {
      key: this.#keyOf(htlc),
      paymentHash: htlc.add.paymentHash.slice(),
      incomingAmountMsat: htlc.add.amountMsat,
      incomingExpiry: htlc.add.cltvExpiry,
      outgoingAmountMsat: amtToForward,
      outgoingExpiry: outgoingCltvValue,
      outgoingScid,
      onion: nextOnion.slice(),
      deadline: this.deadline(htlc),
      onChain: htlc.onChain,
      ...(wireRecords.length > 0 && { wireRecords }),
      ...(outgoingNodeId && { outgoingNodeId: outgoingNodeId.slice() }),
    };
  }

  /** The text under which an HTLC is held here, if it is. */
  #holds({ nodeId, channelId, htlcId }: HtlcKey): string | undefined {
    const key = keyText(channelId, htlcId);
    return equalBytes(nodeId, this.#host.nodeId) && this.#held.has(key) ? key : undefined;
  }

  #apply(session: SimSession, key: HtlcKey, answer: HtlcAnswer): void {
    const held = this.#holds(key);
    const incoming = held === undefined ? undefined : this.#held.get(held);
    if (held === undefined || !incoming) {
      this.#observe(key, answer, 'late');
      if (this.config.heldSet !== 'plain') session.end(NOT_HELD);
      return;
    }
    const astray = this.#astray.has(held);
    const problem = objection(incoming, answer, incoming.htlc.onChain && !astray);
    if (problem) {
      // LND ends the stream on every answer it may not carry out.
      this.#observe(key, answer, 'refused', incoming);
      if (this.config.heldSet === 'lnd-before-0.20.2') this.#held.delete(held);
      session.end(problem);
      return;
    }
    this.#observe(key, answer, astray ? 'late' : 'applied', incoming);
    this.#held.delete(held);
    this.#astray.delete(held);
    if (!astray) this.#carryOut(incoming, answer);
  }

  #carryOut(incoming: IncomingForward, answer: HtlcAnswer): void {
    switch (answer.action) {
      case 'settle':
        this.#host.settle(incoming, answer.preimage);
        break;
      case 'fail-as-phantom':
        this.#host.failAsPhantom(incoming, answer.packet);
        break;
      case 'fail-as-node':
        this.#host.failAsNode(incoming, this.#sendable(answer.message));
        break;
      case 'resume':
        this.#host.resume(incoming);
        break;
    }
  }

  #sendable(message: Uint8Array): Uint8Array {
    const { nodeFailureCodes } = this.config;
    const code = (message[0]! << 8) | message[1]!;
    return nodeFailureCodes === 'any' || nodeFailureCodes.has(code) ? message : TEMPORARY_CHANNEL_FAILURE;
  }

  #observe(
    { channelId, htlcId }: HtlcKey,
    { action }: HtlcAnswer,
    fate: AnswerObservation['fate'],
    incoming?: IncomingForward,
  ): void {
    const node = this.#host.name;
    const { trace, clock } = this.#world;
    trace.note(`${node} answer ${keyText(channelId, htlcId)} ${action} ${fate}`);
    const paymentHash = incoming ? toHex(incoming.htlc.add.paymentHash) : undefined;
    const onChain = incoming?.htlc.onChain ?? false;
    this.#record({ node, channelId, htlcId, paymentHash, action, onChain, at: clock.now(), fate });
  }
}

const TEMPORARY_CHANNEL_FAILURE = encodeFailureMessage(FailureCode.temporaryChannelFailure, {
  channelUpdate: new Uint8Array(),
});

/** LND's words for an answer that comes too late. */
export const NOT_HELD = 'forward does not exist';

/** Why the node may not do what it is told; undefined if it may. */
function objection({ htlc }: IncomingForward, answer: HtlcAnswer, onChain: boolean): string | undefined {
  if (answer.action === 'settle') {
    return equalBytes(sha256(answer.preimage), htlc.add.paymentHash) ? undefined : 'preimage does not fit the hash';
  }
  if (onChain) return `${answer.action} of an HTLC that is on chain`;
  if (answer.action === 'fail-as-phantom' && answer.packet.length !== PHANTOM_PACKET_LENGTH) {
    return `a failure packet has ${PHANTOM_PACKET_LENGTH} bytes`;
  }
  return answer.action === 'fail-as-node' && answer.message.length < 2 ? 'a failure has a code' : undefined;
}
