/**
 * LightningRod for our own wallet. As payer: has the LSP hold what we are about to pay, hands the secret to the payee. As payee:
 * a notice of money that waits for an invoice of ours is answered over its release paths.
 */
import {
  decodeRodPeerMessage,
  encodeRodPeerMessage,
  type Messenger,
  Recent,
  ROD_PEER_MESSAGE_TYPE,
  type RodContent,
  type RodHoldResponse,
  rodIdOf,
  type RodNotice,
  TokenBuckets,
} from '../../messages/index.js';
import { type Documents, updateDocument } from '../../offline/documents.js';
import {
  answered,
  concluded,
  isEnded,
  newRodPayment,
  noticeDueAt,
  noticed,
  noticeOf,
  paid,
  requestOf,
  type RodPayment,
  type RodTarget,
  tagOf,
  told,
} from '../../offline/rod/payer.js';
import type { BlindedPath } from '../../onion/index.js';
import type { Clock } from '../../receive/clock.js';
import { toHex } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type { BlockDelta, BlockHeight, Millis, Msat, NodeId, PaymentHash } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { ServiceError } from '../service-error.js';

export interface RodWalletOptions {
  /** Of the kind `rod_payment`. */
  readonly documents: Documents<RodPayment>;
  readonly messenger: Pick<Messenger, 'handle' | 'send'>;
  /** A direct message to a peer; false if it is not connected. Must not reject. */
  readonly sendToPeer: (peer: NodeId, type: number, payload: Uint8Array) => Promise<boolean>;
  /** Whether an invoice of ours waits for this payment, of this amount at least. */
  readonly isOpenInvoice?: (paymentHash: PaymentHash, amountMsat: Msat) => Promise<boolean>;
  readonly height: () => BlockHeight | undefined;
  readonly random: (length: number) => Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  readonly answerMs?: Millis;
  readonly pollMs?: Millis;
}

export interface PrepareRod {
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
  /** Parts that the payment may have: all must go over the LSP. */
  readonly partCount: number;
  readonly holdBlocks: BlockDelta;
  readonly lsp: NodeId;
  readonly payee: RodTarget;
}

export interface PreparedRod {
  /** Hex; names it from now on. */
  readonly id: string;
  /** For the first hop of every part. */
  readonly firstHopRecords: readonly TlvRecord[];
  /** The payee's secret is taken over these; for a static invoice the reply path of `held_htlc_available`. */
  readonly releasePaths: readonly BlindedPath[];
  readonly holdUntil: BlockHeight;
}

const ANSWER_MS: Millis = 15_000;
const POLL_MS: Millis = 5_000;
const LEASE_MS: Millis = 30_000;
const DUE_AT_ONCE = 20;
/** Notices answered: of all payers together, each costs a look into the store and a message. */
const NOTICES = { perSecond: 2, burst: 20 } as const;
/** A notice that was answered is answered again after this time: our answer may have been lost. */
const ANSWERED_SPAN_MS: Millis = 20_000;
const MOST_RELEASE_PATHS = 3;

export class RodWallet {
  readonly #options: RodWalletOptions;
  readonly #waiting = new Map<string, (response: RodHoldResponse) => void>();
  readonly #notices = new TokenBuckets(NOTICES, 1);
  readonly #answered = new Recent(1_000, ANSWERED_SPAN_MS);
  #stops: (() => void)[] = [];
  #cancelTimer: (() => void) | undefined;
  #isStopped = true;
  #ticking: Promise<void> = Promise.resolve();

  constructor(options: RodWalletOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    const { messenger, isOpenInvoice } = this.#options;
    if (isOpenInvoice) {
      this.#stops = (['inbound_payment', 'invoice_request', 'public'] as const).map((source) =>
        messenger.handle('rod_notice', source, ({ content }) => this.#onNotice(content)),
      );
    }
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    this.#cancelTimer?.();
    await this.#ticking;
  }

  /** Message 44203 of our LSP, or of the payer. Never rejects. */
  async onPeerMessage(peer: NodeId, payload: Uint8Array): Promise<void> {
    const decoded = decodeRodPeerMessage(payload);
    if (!decoded.ok) return;
    const { value: content } = decoded;
    try {
      if (content.name === 'rod_hold_response') this.#waiting.get(keyOf(content.rodId, peer))?.(content);
      if (content.name === 'rod_status') {
        await this.#change(toHex(content.rodId), (payment) =>
          toHex(payment.lsp) === toHex(peer) ? told(payment, content) : payment,
        );
      }
      if (content.name === 'rod_notice' && this.#options.isOpenInvoice) await this.#onNotice(content);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'a rod message could not be dealt with');
    }
  }

  /**
   * Has the LSP hold what is about to be paid. Pay only on success, with its records and over the LSP only; then call {@link sent}.
   * Errors: `no_height`, `not_connected`, `no_answer`, and those of the LSP's answer. Rejects if the store is away.
   */
  async prepare(wanted: PrepareRod): Promise<Result<PreparedRod, ServiceError>> {
    const { random, height, clock, documents } = this.#options;
    const best = height();
    if (best === undefined) return err({ code: 'no_height', message: 'no node tells its height; start one' });
    const payment = newRodPayment({ ...wanted, pid: random(32), height: best, now: clock.now() });
    const id = toHex(rodIdOf(payment.pid));
    const response = await this.#ask(payment);
    const granted = response.ok ? answered(payment, response.value, height() ?? best) : response;
    if (!granted.ok) {
      // It may have granted what we do not take, or what we did not hear of.
      await this.#send(payment.lsp, { name: 'rod_cancel', rodId: rodIdOf(payment.pid), pid: payment.pid });
      return granted;
    }
    const { value } = granted;
    await documents.write(documentOf(value), 0);
    return ok({ id, firstHopRecords: [tagOf(value)], releasePaths: value.releasePaths, holdUntil: value.holdUntil });
  }

  /** The HTLCs are out: the payee gets the secret now, and again until the LSP has let them go. @param notify false: asks otherwise */
  async sent(id: string, notify = true): Promise<void> {
    const changed = await this.#change(id, paid);
    if (changed && notify) await this.#notify(id);
  }

  /** Takes it back, as far as it is not released. The payment itself then fails. */
  async cancel(id: string): Promise<boolean> {
    const stored = await this.#options.documents.read(id);
    if (!stored || isEnded(stored.body)) return false;
    const { pid, lsp } = stored.body;
    return this.#send(lsp, { name: 'rod_cancel', rodId: rodIdOf(pid), pid });
  }

  /** How the payment ended, by the Sender. */
  async ended(id: string, state: 'settled' | 'failed', why?: string): Promise<void> {
    await this.#change(id, (payment) => concluded(payment, state, why));
  }

  /** What is known of it. */
  async read(id: string): Promise<RodPayment | undefined> {
    return (await this.#options.documents.read(id))?.body;
  }

  async #ask(payment: RodPayment): Promise<Result<RodHoldResponse, ServiceError>> {
    const { clock, answerMs = ANSWER_MS } = this.#options;
    const request = { name: 'rod_hold_request', ...requestOf(payment) } as const;
    const key = keyOf(request.rodId, payment.lsp);
    const response = new Promise<RodHoldResponse | undefined>((resolve) => {
      const cancel = clock.after(answerMs, () => {
        resolve(undefined);
      });
      this.#waiting.set(key, (answer) => {
        cancel();
        resolve(answer);
      });
    });
    try {
      if (!(await this.#send(payment.lsp, request))) {
        return err({ code: 'not_connected', message: 'the LSP is not connected; connect to it and ask again' });
      }
      const answer = await response;
      if (answer) return ok(answer);
      return err({ code: 'no_answer', message: 'the LSP does not answer: it may know nothing of rods; pay without' });
    } finally {
      this.#waiting.delete(key);
    }
  }

  #send(peer: NodeId, content: RodContent): Promise<boolean> {
    return this.#options.sendToPeer(peer, ROD_PEER_MESSAGE_TYPE, encodeRodPeerMessage(content));
  }

  async #notify(id: string): Promise<void> {
    const { messenger, clock } = this.#options;
    const payment = await this.read(id);
    if (!payment || noticeDueAt(payment) === undefined) return;
    const sent = await messenger.send({ name: 'rod_notice', ...noticeOf(payment) }, payment.payee);
    this.#options.log.debug({ sent: sent.kind }, 'told a payee that money waits');
    await this.#change(id, (one) => noticed(one, clock.now()));
  }

  async #onNotice({ pid, paymentHash, amountMsat, releasePaths }: RodNotice): Promise<void> {
    const { isOpenInvoice, messenger, clock, log } = this.#options;
    const now = clock.now();
    const key = toHex(pid);
    if (!isOpenInvoice || this.#answered.has(key, now) || !this.#notices.take('', now)) return;
    // Money that nobody asked for is none of our business: whoever asks only learns that we are silent.
    if (!(await isOpenInvoice(paymentHash, amountMsat))) return;
    if (!this.#answered.add(key, now)) return;
    for (const [attempt, path] of releasePaths.slice(0, MOST_RELEASE_PATHS).entries()) {
      const outcome = await messenger.send({ name: 'rod_unblock', pid, paymentHash }, { path });
      log.debug({ outcome: outcome.kind, attempt }, 'asked for money that is held for us');
    }
  }

  /** Undefined if there is none, or nothing changes. */
  async #change(id: string, change: (payment: RodPayment) => RodPayment): Promise<RodPayment | undefined> {
    const changed = await updateDocument(this.#options.documents, id, (stored) => {
      const next = stored && change(stored.body);
      return stored && next && next !== stored.body ? { document: documentOf(next), next } : undefined;
    });
    return changed?.next;
  }

  #tick(): void {
    this.#ticking = this.#look()
      .catch((error: unknown) => {
        this.#options.log.debug({ err: error }, 'rods could not be looked at; trying again');
      })
      .finally(() => {
        if (this.#isStopped) return;
        this.#cancelTimer = this.#options.clock.after(this.#options.pollMs ?? POLL_MS, () => {
          this.#tick();
        });
      });
  }

  async #look(): Promise<void> {
    for (const { id, body } of await this.#options.documents.claimDue(DUE_AT_ONCE, LEASE_MS)) {
      const due = noticeDueAt(body);
      if (due !== undefined && due <= this.#options.clock.now()) await this.#notify(id);
    }
  }
}

const keyOf = (rodId: Uint8Array, peer: NodeId): string => `${toHex(rodId)} ${toHex(peer)}`;

function documentOf(body: RodPayment) {
  const dueAt = noticeDueAt(body);
  return {
    id: toHex(rodIdOf(body.pid)),
    scope: toHex(body.lsp),
    isOpen: !isEnded(body),
    ...(dueAt !== undefined && { dueAt }),
    body,
  };
}
