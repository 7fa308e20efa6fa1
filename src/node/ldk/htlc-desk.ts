/** The interceptor's side of an intercept port: which HTLCs wait for an answer, who is asked, what became of them. */
import { sha256 } from '../../crypto/index.js';
import type {
  FinalResult,
  HtlcAnswer,
  HtlcKey,
  InterceptedHtlc,
  InterceptHandlers,
  InterceptSession,
} from '../../receive/node-port.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { BlockHeight } from '../../wire/units.js';

const keyText = ({ nodeId, channelId, htlcId }: HtlcKey): string => `${toHex(nodeId)}/${channelId}/${htlcId}`;

export interface DeskOptions<Held> {
  /** Does what was answered. Called once per HTLC. */
  readonly carryOut: (held: Held, answer: HtlcAnswer) => void;
  /** @throws {Error} while the node cannot be reached */
  readonly height: () => BlockHeight;
}

export class HtlcDesk<Held extends { readonly htlc: InterceptedHtlc }> {
  readonly #options: DeskOptions<Held>;
  readonly #held = new Map<string, Held>();
  readonly #finals = new Map<string, FinalResult['outcome']>();
  #handlers: InterceptHandlers | undefined;

  constructor(options: DeskOptions<Held>) {
    this.#options = options;
  }

  /** HTLCs that wait for an answer. */
  get waiting(): number {
    return this.#held.size;
  }

  /** Takes an HTLC in and shows it, at once or to the next session. */
  hold(held: Held): void {
    this.#held.set(keyText(held.htlc.key), held);
    this.#handlers?.onHtlc(held.htlc);
  }

  /** The HTLC is gone from the node. */
  finish(result: FinalResult): void {
    this.#held.delete(keyText(result.key));
    this.#finals.set(keyText(result.key), result.outcome);
    this.#handlers?.onFinal(result);
  }

  outcome(key: HtlcKey): FinalResult['outcome'] | undefined {
    return this.#finals.get(keyText(key));
  }

  newHeight(height: BlockHeight): void {
    this.#handlers?.onHeight(height);
  }

  /** @throws {Error} while another session lives, or the node cannot be reached */
  open(handlers: InterceptHandlers): InterceptSession {
    if (this.#handlers) throw new Error('an interceptor is already connected');
    const height = this.#options.height();
    this.#handlers = handlers;
    queueMicrotask(() => {
      if (this.#handlers !== handlers) return;
      handlers.onHeight(height);
      for (const { htlc } of [...this.#held.values()]) handlers.onHtlc(htlc);
    });
    const isOpen = (): boolean => this.#handlers === handlers;
    return {
      answer: (key, answer) => (isOpen() ? this.#answer(key, answer) : 'closed'),
      heartbeat: async () => {
        if (!isOpen()) throw new Error('the session is closed');
        return this.#options.height();
      },
      close: () => {
        if (isOpen()) this.disconnect('closed by the interceptor');
      },
    };
  }

  /** Ends the session, if there is one. HTLCs without an answer stay held. */
  disconnect(reason: string): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.onClosed(reason);
  }

  #answer(key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' | 'closed' {
    const held = this.#held.get(keyText(key));
    if (!held) return 'unknown';
    const mistake = mistakeIn(answer, held.htlc);
    if (mistake) {
      this.disconnect(mistake); // as LND does; the HTLC stays held
      return 'closed';
    }
    this.#held.delete(keyText(key));
    this.#options.carryOut(held, answer);
    return 'sent';
  }
}

const RETURN_PACKET_LENGTH = 292;

function mistakeIn(answer: HtlcAnswer, { paymentHash }: InterceptedHtlc): string | undefined {
  if (answer.action === 'settle' && !equalBytes(sha256(answer.preimage), paymentHash)) {
    return 'invalid answer: the preimage does not fit the payment hash';
  }
  if (answer.action === 'fail-as-phantom' && answer.packet.length !== RETURN_PACKET_LENGTH) {
    return `invalid answer: a return packet has ${RETURN_PACKET_LENGTH} bytes`;
  }
  return undefined;
}
