/** A payer of offers that can die: its documents and payments stay, a payee and a sender around it are made of paper. */
import { onTestFinished } from 'vitest';
import {
  buildInvoice,
  decodeInvoiceRequest,
  encodeOfferString,
  encodeRecords,
  encodeStaticInvoice,
  type InvoiceRequest,
} from '../../../src/bolt12/index.js';
import { randomBytes, sha256 } from '../../../src/crypto/index.js';
import { createLog } from '../../../src/daemon/log.js';
import { offerPaymentSender } from '../../../src/daemon/paying/offers/begin.js';
import type { OfferPaymentBody } from '../../../src/daemon/paying/offers/document.js';
import { OfferPayments } from '../../../src/daemon/paying/offers/service.js';
import type { Messenger } from '../../../src/messages/index.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import type { Documents } from '../../../src/offline/documents.js';
import { newPayment, type StopReason } from '../../../src/send/index.js';
import type { StoredPayment } from '../../../src/send/run/store-port.js';
import type { PayAnswer, Paying, PayOrder } from '../../../src/send/run/types.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { BITCOIN, issuer, NOW, offerWith, pathTo, payInfo, staticFor } from '../../bolt12/support.js';

export const PRICE = 5_000n;
const offer = offerWith({ amount: PRICE, paths: [pathTo(21)] });
export const OFFER = encodeOfferString(offer);

/** Dies at one of the calls that it makes; nothing that it does afterwards has any effect. */
export class Killer {
  calls = 0;
  at = Infinity;
  /** Whether the fatal call has its effect. */
  isLate = false;
  get isDead(): boolean {
    return this.calls >= this.at;
  }

  async call<T>(effect: () => Promise<T>): Promise<T> {
    if (this.calls >= this.at) throw new Error('dead');
    this.calls++;
    const isFatal: boolean = this.isDead;
    if (!isFatal) return effect();
    if (this.isLate) await effect();
    throw new Error('dead');
  }
}

/** Payments as the sender records them: one for a hash, be it of several processes. */
export class Payments {
  readonly all: StoredPayment[] = [];
  refusal: StopReason | undefined;
  /** Runs while a payment is planned. */
  planning: () => Promise<void> = async () => undefined;

  ofHash(hash: Uint8Array): StoredPayment | undefined {
    return this.all.findLast(({ state }) => toHex(state.terms.paymentHash) === toHex(hash));
  }

  async pay({ terms, request }: PayOrder): Promise<PayAnswer> {
    const { refusal } = this;
    await this.planning();
    const known = this.ofHash(terms.paymentHash);
    if (known && known.state.phase !== 'failed') return { kind: 'exists', payment: known };
    if (refusal) return { kind: 'refused', reason: refusal };
    return { kind: 'started', payment: this.add({ terms, request }) };
  }

  add({ terms, request }: Pick<PayOrder, 'terms' | 'request'>): StoredPayment {
    const state = { ...newPayment(terms), phase: 'in_flight' as const };
    const id = toHex(randomBytes(16));
    const payment = { id, request, state, createdAt: this.all.length, version: 1, owner: 'x/0', epoch: 1 };
    this.all.push(payment);
    return payment;
  }

  end(phase: 'succeeded' | 'failed'): void {
    const last = this.all.pop()!;
    this.all.push({ ...last, state: { ...last.state, phase } });
  }
}

/** What comes over onion messages; answers requests as it is told to. */
export class Paper {
  readonly sent: { readonly name: string; readonly bytes?: Uint8Array }[] = [];
  readonly handlers = new Map<string, (message: unknown) => void | Promise<void>>();
  /** Of the last request. */
  paymentId: Uint8Array = new Uint8Array(16);
  onRequest: (request: InvoiceRequest) => Promise<void> = async () => undefined;

  messenger(killer: Killer): Messenger {
    const sendCopies = (content: { readonly name: string; readonly bytes?: Uint8Array }) =>
      killer.call(async () => {
        this.sent.push(content);
        if (content.name === 'invoice_request') void this.onRequest(unwrap(decodeInvoiceRequest(content.bytes!)));
        return 1;
      });
    const fake = {
      pathId: ({ paymentId }: { readonly paymentId: Uint8Array }) => {
        this.paymentId = paymentId;
        return new Uint8Array(32);
      },
      pathsToVirtual: () => [pathTo(31)],
      sendCopies,
      send: async (content: { readonly name: string }) => {
        await sendCopies(content);
        return { kind: 'sent' };
      },
      handle: (name: string, _source: string, handler: (message: unknown) => void | Promise<void>) => {
        this.handlers.set(name, handler);
        return () => undefined;
      },
    };
    return fake as unknown as Messenger;
  }

  /** Comes to whoever listens now. */
  async bring(name: string, bytes: Uint8Array = new Uint8Array(), paymentId = this.paymentId): Promise<void> {
    await this.handlers.get(name)!({ content: { name, bytes }, context: { paymentId } });
  }
}

export interface World {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly payments: Payments;
  readonly paper: Paper;
  readonly logged: () => string;
  /** A process. */
  start(options?: ProcessOptions): Process;
  advance(ms: number): Promise<void>;
}

export interface ProcessOptions {
  readonly hold?: boolean;
  readonly killer?: Killer;
  readonly sender?: 'off' | 'starting';
}

export interface Process {
  readonly offers: OfferPayments;
  readonly documents: Documents<OfferPaymentBody>;
  stop(): Promise<void>;
}

export async function makeWorld(): Promise<World> {
  const clock = new VirtualClock(NOW * 1000);
  const store = await openStore({ url: 'sqlite::memory:', clock, inProcess: true });
  const payments = new Payments();
  const paper = new Paper();
  const lines: string[] = [];
  const log = createLog({ level: 'debug', destination: { write: (line: string) => void lines.push(line) } });
  const running = new Set<Process>();
  onTestFinished(async () => {
    for (const one of [...running]) await one.stop();
    await store.close();
  });
  return {
    ...{ clock, store, payments, paper },
    logged: () => lines.join('\n'),
    start: ({ hold = false, killer = new Killer(), sender } = {}) => {
      const documents = killable(store.documents<OfferPaymentBody>('offer_payment'), killer);
      const paying = { nodeIds: () => [], pay: (order: PayOrder) => killer.call(() => payments.pay(order)) };
      const offers = new OfferPayments({
        ...{ documents, clock, log, randomBytes },
        messenger: paper.messenger(killer),
        chainHash: BITCOIN,
        holdAtPeers: hold,
        isOwn: async () => false,
        sender: offerPaymentSender({
          store: {
            readPayment: async (id) => payments.all.find((payment) => payment.id === id),
            paymentOfHash: async (hash) => payments.ofHash(hash),
          },
          sender: () => sender ?? (paying as unknown as Paying),
          context: () => ({ now: clock.now(), currency: 'bc', ownNodeIds: [], endOfChannel: () => undefined }),
          defaults: {},
          holdBlocks: 432,
        }),
      });
      offers.start();
      const process: Process = {
        ...{ offers, documents },
        stop: async () => {
          running.delete(process);
          await offers.stop();
        },
      };
      running.add(process);
      return process;
    },
    async advance(ms) {
      const until = clock.now() + ms;
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
      while (clock.now() < until) {
        await clock.run(Math.min(until, clock.now() + 1_000));
        for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function killable<Body>(documents: Documents<Body>, killer: Killer): Documents<Body> {
  return {
    read: (id) => documents.read(id),
    write: (document, version) => killer.call(() => documents.write(document, version)),
    claimDue: (limit, leaseMs) => killer.call(() => documents.claimDue(limit, leaseMs)),
    list: (query) => documents.list(query),
    count: (query) => documents.count(query),
    remove: (id) => documents.remove(id),
  };
}

const PREIMAGE = new Uint8Array(32).fill(0x77);

export interface InvoiceWish {
  readonly amountMsat?: bigint;
  readonly preimage?: Uint8Array;
}

export const invoiceBytes = (request: InvoiceRequest, { amountMsat, preimage = PREIMAGE }: InvoiceWish = {}) =>
  encodeRecords(
    unwrap(
      buildInvoice({
        request,
        paymentPaths: [{ path: pathTo(11), payInfo }],
        createdAt: NOW,
        paymentHash: sha256(preimage),
        signer: issuer,
        ...(amountMsat !== undefined && { amountMsat }),
      }),
    ).records,
  );

export const staticBytes = (): Uint8Array => encodeStaticInvoice(staticFor(offer));
