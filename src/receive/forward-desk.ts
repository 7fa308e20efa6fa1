/**
 * Whoever keeps ordinary forwards back for a while: for a payee that sleeps, or until the payer's release comes. Without one every
 * forward is resumed in the turn in which it arrives (R6), and with one every forward that it does not claim.
 */
import type { BlindedPath } from '../onion/index.js';
import { toHex } from '../wire/bytes.js';
import type { BlockHeight, NodeId } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type {
  FinalResult,
  HtlcAnswer,
  HtlcKey,
  InterceptedHtlc,
  InterceptPort,
  InterceptSession,
} from './node-port.js';
import { RecentKeys } from './recent-keys.js';

/** What a forward can be answered. Failing one that an earlier session has resumed can cost the node its amount. */
export type ForwardAnswer = Extract<HtlcAnswer, { readonly action: 'resume' | 'fail-as-node' }>;

/** The stream of one member while it is open. */
export interface ForwardStream {
  readonly nodeId: NodeId;
  /** As the operator calls it. */
  readonly name: string;
  height(): BlockHeight;
  /**
   * Answers a forward that was held on this stream. `unknown`: it was not, it is answered, it is gone, or it went on chain where
   * nothing can be said; `closed`: it will be shown again on the next stream, maybe to another process.
   */
  answer(key: HtlcKey, answer: ForwardAnswer): 'sent' | 'unknown' | 'closed';
  /** How an HTLC of this node ended, by its own record; undefined while it has not. Rejects if the node does not answer. */
  lookUpFinal(key: HtlcKey): Promise<FinalResult['outcome'] | undefined>;
}

/** All verbs are called in the turn of what they are about. They only put into memory and never wait. */
export interface ForwardDesk {
  /** Before anything else of the stream. */
  opened(stream: ForwardStream): void;
  /**
   * `hold`: it is answered over the stream later. Called again when the HTLC is shown again, on this stream or the next one: what
   * was decided is decided, so one that was to be failed is held once more and failed at once. A throw counts as `resume`.
   */
  consult(htlc: InterceptedHtlc, stream: ForwardStream): 'resume' | 'hold';
  /** One that was held on the stream is irrevocably gone. Best effort: see {@link ForwardStream.lookUpFinal}. */
  final(result: FinalResult): void;
  height(stream: ForwardStream, height: BlockHeight): void;
  /** Nothing follows of the stream. */
  closed(stream: ForwardStream): void;
  /** See {@link InterceptHandlers.releasePath}. */
  releasePath?(key: HtlcKey): BlindedPath | undefined;
}

export interface DeskStreamOptions {
  readonly desk: ForwardDesk;
  readonly port: Pick<InterceptPort, 'lookupFinal'>;
  readonly nodeId: NodeId;
  readonly name: string;
  readonly height: () => BlockHeight;
  readonly alarms: AlarmSink;
}

/** Ends are told of so many HTLCs that were held on one stream. */
const HELD_LIMIT = 20_000;

const textOf = ({ nodeId, channelId, htlcId }: HtlcKey): string => `${toHex(nodeId)}/${channelId}/${htlcId}`;

/** The desk as one session of a member sees it. Nothing that the desk does reaches an HTLC that is not its own. */
export class DeskStream implements ForwardStream {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly #options: DeskStreamOptions;
  /** Not answered yet. */
  readonly #held = new Set<string>();
  /** Held at some time, their ends not told. */
  readonly #known = new RecentKeys(HELD_LIMIT);
  #session: InterceptSession | undefined;
  #isOpen = false;

  constructor(options: DeskStreamOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.name = options.name;
  }

  open(session: InterceptSession): void {
    if (this.#isOpen) return;
    this.#session = session;
    this.#isOpen = true;
    this.#safely((desk) => desk.opened(this));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#session = undefined;
    this.#isOpen = false;
    this.#held.clear();
    this.#safely((desk) => desk.closed(this));
  }

  /** True if the desk keeps the forward back. */
  holds(htlc: InterceptedHtlc): boolean {
    if (!this.#isOpen) return false;
    const text = textOf(htlc.key);
    this.#held.add(text); // the desk may answer while it is being asked
    const wish = this.#safely((desk) => desk.consult(htlc, this), htlc);
    if (wish === 'hold') {
      this.#known.add(text);
      return true;
    }
    return !this.#held.delete(text);
  }

  /** The node shows it as on chain, where it must not be answered. */
  wentOnChain(key: HtlcKey): void {
    this.#held.delete(textOf(key));
  }

  final(result: FinalResult): void {
    const text = textOf(result.key);
    this.#held.delete(text);
    if (this.#isOpen && this.#known.delete(text)) this.#safely((desk) => desk.final(result));
  }

  heightSeen(height: BlockHeight): void {
    if (this.#isOpen) this.#safely((desk) => desk.height(this, height));
  }

  releasePath(key: HtlcKey): BlindedPath | undefined {
    return this.#safely((desk) => desk.releasePath?.(key));
  }

  height(): BlockHeight {
    return this.#options.height();
  }

  answer(key: HtlcKey, answer: ForwardAnswer): 'sent' | 'unknown' | 'closed' {
    const session = this.#session;
    if (!session) return 'closed';
    if (!this.#held.delete(textOf(key))) return 'unknown';
    return session.answer(key, answer);
  }

  lookUpFinal(key: HtlcKey): Promise<FinalResult['outcome'] | undefined> {
    return this.#options.port.lookupFinal(key);
  }

  /** A bug of the desk must not stop anybody. */
  #safely<T>(call: (desk: ForwardDesk) => T, htlc?: InterceptedHtlc): T | undefined {
    try {
      return call(this.#options.desk);
    } catch (error) {
      this.#alarm(error, htlc?.key);
      return undefined;
    }
  }

  #alarm(error: unknown, key: HtlcKey | undefined): void {
    this.#options.alarms.raise({
      code: 'desk-failed',
      node: this.name,
      ...(key && { channelId: key.channelId, htlcId: key.htlcId }),
      message: `what keeps forwards back failed (${String(error)}); forwards go on without it: report this bug`,
    });
  }
}
