/** The wallet's side of LSPS0 with its LSP: says hello on waking, and asks for what is wanted. */
import { randomBytes } from '../../crypto/index.js';
import type { PeerMessagePort } from '../../messages/index.js';
import {
  askLsp,
  askProtocols,
  expireLspsRequests,
  hearLsp,
  lspConnected,
  LSPS0_MESSAGE_TYPE,
  type LspsCall,
  type LspsSession,
  NEW_LSPS_SESSION,
} from '../../offline/wake/index.js';
import type { Clock } from '../../receive/clock.js';
import { equalBytes } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { ServiceError } from '../service-error.js';

type Line = Awaited<ReturnType<PeerMessagePort['open']>>;

export interface LspLinkOptions {
  /** Undefined: the node carries no messages of this sort. */
  readonly port: PeerMessagePort | undefined;
  readonly lsp: NodeId;
  readonly clock: Clock;
  readonly log: Log;
}

const ANSWER_MS: Millis = 10_000;
const RETRY_MS: Millis = 500;
const HELLO_MS: Millis = 5_000;
const LOOK_MS: Millis = 100;

const NO_ANSWER: ServiceError = {
  code: 'lsp_silent',
  message:
    'the LSP does not answer: see that the node is connected to it (`manifold wallet status`) and that it speaks LSPS0',
};

export class LspLink {
  readonly #options: LspLinkOptions;
  readonly #answers = new Map<string, (answer: Result<unknown, ServiceError>) => void>();
  #session: LspsSession = NEW_LSPS_SESSION;
  #line: Line | undefined;
  #cancel: (() => void) | undefined;
  #opening: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: LspLinkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#opening = this.#open();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#opening;
    this.#line?.close();
    for (const answer of [...this.#answers.values()]) answer(err(NO_ANSWER));
  }

  /**
   * The LSP may have handed messages over to the node before anybody listened; a sign of life makes it do so again. Resolves
   * to whether it answered. Never rejects.
   */
  async hello(): Promise<boolean> {
    this.#session = lspConnected(this.#session);
    return (await this.ask(askProtocols(), HELLO_MS)).ok;
  }

  /** Errors: `lsp_silent`, `not_connected`, or the LSP's own. Never rejects. */
  async ask(call: LspsCall, timeoutMs: Millis = ANSWER_MS): Promise<Result<unknown, ServiceError>> {
    const { clock, lsp, log } = this.#options;
    await this.#opened(timeoutMs);
    const now = clock.now();
    this.#session = expireLspsRequests(this.#session, now).session;
    const asked = askLsp(this.#session, call, { random: randomBytes(16), now, timeoutMs });
    if (asked.kind === 'refused' || !this.#line) {
      log.info(
        {
          method: call.method,
          isOpen: this.#line !== undefined,
          ...(asked.kind === 'refused' && { reason: asked.reason }),
        },
        'the LSP cannot be asked',
      );
      return err(NO_ANSWER);
    }
    this.#session = asked.session;
    const answered = new Promise<Result<unknown, ServiceError>>((resolve) => {
      const cancel = clock.after(timeoutMs, () => {
        this.#answers.delete(asked.id);
        resolve(err(NO_ANSWER));
      });
      this.#answers.set(asked.id, (answer) => {
        cancel();
        this.#answers.delete(asked.id);
        resolve(answer);
      });
    });
    const sent = await this.#line
      .send({ peer: lsp, type: LSPS0_MESSAGE_TYPE, payload: asked.bytes })
      .catch(() => 'refused');
    if (sent !== 'sent') {
      const message = 'the node is not connected to the LSP now: try again when it is';
      this.#answers.get(asked.id)?.(err({ code: 'not_connected', message }));
    }
    return answered;
  }

  /** The line to the node may open a little later than other things. */
  async #opened(waitMs: Millis): Promise<void> {
    const { clock, port } = this.#options;
    for (let waited = 0; port && !this.#line && !this.#isStopped && waited < waitMs; waited += LOOK_MS) {
      await new Promise<void>((resolve) => {
        clock.after(LOOK_MS, resolve);
      });
    }
  }

  async #open(): Promise<void> {
    const { port, lsp, log } = this.#options;
    if (!port || this.#isStopped) return;
    try {
      this.#line = await port.open({
        onMessage: ({ peer, type, payload }) => {
          if (type === LSPS0_MESSAGE_TYPE && equalBytes(peer, lsp)) this.#hear(payload);
        },
        onClosed: () => {
          this.#line = undefined;
          this.#again();
        },
      });
    } catch (error) {
      log.debug({ err: error }, 'the node does not let direct messages be heard yet');
      this.#again();
    }
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#options.clock.after(RETRY_MS, () => {
      this.#opening = this.#open();
    });
  }

  #hear(payload: Uint8Array): void {
    const { session, answer } = hearLsp(this.#session, payload, this.#options.clock.now());
    this.#session = session;
    if (answer.kind === 'result') this.#answers.get(answer.request.id)?.(ok(answer.result));
    if (answer.kind === 'error') {
      const { code, message } = answer.error;
      const said = message.replace(/[^ -~]/g, '?').slice(0, 200);
      this.#answers.get(answer.request.id)?.(err({ code: `lsp_${code}`, message: `the LSP refuses: ${said}` }));
    }
  }
}
