/** Phantom offers as merchants see them, and the answering of requests for their invoices. */
import { decodeOffer, encodeInvoiceError, encodeOfferString, offerIdOf } from '../../bolt12/index.js';
import type { Messenger } from '../../messages/index.js';
import { type BlindedPath, chainHashOf } from '../../onion/index.js';
import { answerInvoiceRequest, createPhantomOffer, type KeyRing } from '../../phantom/index.js';
import type { Cluster } from '../../receive/cluster.js';
import type { Clock } from '../../receive/clock.js';
import type { Network } from '../../receive/node-port.js';
import type { OfferRecord, Store } from '../../store/index.js';
import { fromHex, toHex } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { BlockHeight, Msat, UnixSeconds } from '../../wire/units.js';
import { requestEntropy } from '../cluster-ring.js';
import { compact } from '../compact.js';
import type { Log } from '../log.js';
import type { RequestOrigin } from '../request-origin.js';
import type { ServiceError } from '../service-error.js';

export interface CreateOffer {
  /** Per item; undefined: the payer chooses. */
  readonly amountMsat?: Msat;
  readonly description?: string;
  readonly issuer?: string;
  /** 0: any number. */
  readonly quantityMax?: bigint;
  readonly absoluteExpiry?: UnixSeconds;
  readonly reference?: string;
}

export interface OfferView {
  readonly record: OfferRecord;
  readonly state: 'open' | 'disabled' | 'expired';
}

export interface OfferServiceOptions {
  readonly store: Pick<Store, 'offers'>;
  readonly messenger: Messenger;
  readonly cluster: Cluster;
  readonly keys: () => KeyRing;
  readonly network: Network;
  /** Greatest height of the members; undefined until one is known. */
  readonly height: () => BlockHeight | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomBytes: (length: number) => Uint8Array;
  /** False if no node carries onion messages. */
  readonly isPossible: () => boolean;
}

export class OfferService {
  readonly #options: OfferServiceOptions;
  #stop: (() => void) | undefined;

  constructor(options: OfferServiceOptions) {
    this.#options = options;
  }

  /** Answers requests from now on. */
  start(): void {
    const { messenger } = this.#options;
    this.#stop = messenger.handle(
      'invoice_request',
      'invoice_request',
      ({ content, context, replyPath }) => this.#answer(content.bytes, context.nonce, replyPath),
      { dropCopies: 'content' },
    );
  }

  async stop(): Promise<void> {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** With an `origin` the same request makes the same offer again. */
  async create(request: CreateOffer, origin?: RequestOrigin): Promise<Result<OfferView, ServiceError>> {
    const { store, messenger, cluster, keys, network, clock, randomBytes, isPossible } = this.#options;
    if (!isPossible()) return err(NO_MESSAGES);
    const { current } = keys();
    const nonce = origin ? requestEntropy(keys(), `offer ${origin.identity}`).slice(0, 16) : randomBytes(16);
    const { reference, ...fields } = request;
    const made = createPhantomOffer({
      ...fields,
      epoch: current,
      nonce,
      members: cluster.hintMembers(),
      pathId: messenger.pathId({ kind: 'invoice_request', nonce }),
      entropy: origin ? requestEntropy(keys(), `offer paths ${origin.identity}`) : randomBytes(32),
      chainHash: chainHashOf(network),
    });
    if (!made.ok) return made;
    const record: OfferRecord = {
      id: toHex(made.value.offerId),
      bolt12: encodeOfferString(made.value.offer),
      nonce: toHex(nonce),
      epochId: String(made.value.epochId),
      reference,
      createdAt: origin?.startedAt ?? clock.now(),
      disabledAt: undefined,
    };
    await store.offers.insert(record);
    return ok(this.#view(record));
  }

  /** By its id (64 hex digits) or its text. */
  async show(idOrText: string): Promise<Result<OfferView, ServiceError>> {
    const id = offerIdFrom(idOrText);
    const record = id === undefined ? undefined : await this.#options.store.offers.get(id);
    return record ? ok(this.#view(record)) : err(NOT_FOUND);
  }

  async list(limit: number, before?: { createdAt: number; id: string }): Promise<readonly OfferView[]> {
    const records = await this.#options.store.offers.list({ limit, ...compact({ before }) });
    return records.map((record) => this.#view(record));
  }

  /** A disabled offer gets no answers; invoices that were given out stay payable. */
  async setDisabled(idOrText: string, disabled: boolean): Promise<Result<OfferView, ServiceError>> {
    const id = offerIdFrom(idOrText);
    const record = id === undefined ? undefined : await this.#options.store.offers.setDisabled(id, disabled);
    return record ? ok(this.#view(record)) : err(NOT_FOUND);
  }

  #view(record: OfferRecord): OfferView {
    const expiry = decodeOffer(record.bolt12);
    const end = expiry.ok ? expiry.value.absoluteExpiry : undefined;
    const isOver = end !== undefined && BigInt(Math.floor(this.#options.clock.now() / 1000)) > end;
    return { record, state: record.disabledAt !== undefined ? 'disabled' : isOver ? 'expired' : 'open' };
  }

  async #answer(request: Uint8Array, nonce: Uint8Array, replyPath: BlindedPath | undefined): Promise<void> {
    if (!replyPath) return;
    const { store, messenger, cluster, keys, network, height, clock, log, randomBytes } = this.#options;
    const best = height();
    if (best === undefined) return;
    const answered = answerInvoiceRequest({
      request,
      nonce,
      ring: keys(),
      members: cluster.hintMembers(),
      height: best,
      now: Math.floor(clock.now() / 1000),
      entropy: randomBytes(32),
      chains: [chainHashOf(network)],
    });
    if (!answered.ok) {
      const { code, tell } = answered.error;
      log.debug({ code }, 'an invoice request was refused');
      if (tell) await messenger.send({ name: 'invoice_error', bytes: encodeInvoiceError(tell) }, { path: replyPath });
      return;
    }
    const offer = await store.offers.get(toHex(answered.value.receipt.offerId));
    if (offer?.disabledAt !== undefined) return;
    const sent = await messenger.send({ name: 'invoice', bytes: answered.value.bytes }, { path: replyPath });
    log.debug({ offer: toHex(answered.value.receipt.offerId), ...sent }, 'answered an invoice request');
  }
}

const NO_MESSAGES: ServiceError = {
  code: 'no_onion_messages',
  message: 'none of the nodes carries onion messages, which offers need: LND does from 0.21 on',
};

const NOT_FOUND: ServiceError = {
  code: 'not_found',
  message: 'no such offer was made here; `manifold offer list` shows them',
};

function offerIdFrom(idOrText: string): string | undefined {
  if (/^[0-9a-f]{64}$/i.test(idOrText)) return toHex(fromHex(idOrText.toLowerCase()));
  const offer = decodeOffer(idOrText);
  return offer.ok ? toHex(offerIdOf(offer.value.records)) : undefined;
}
