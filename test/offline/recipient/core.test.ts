import { describe, expect, it } from 'vitest';
import { decodeOffer, offerIdOf } from '../../../src/bolt12/index.js';
import type { Content, Received } from '../../../src/messages/index.js';
import type { DocumentFields, Documents, StoredDocument } from '../../../src/offline/documents.js';
import { RecipientCore, type RecipientPorts } from '../../../src/offline/recipient/core.js';
import type { OfferCache } from '../../../src/offline/recipient/types.js';
import { type BlindedPath, buildBlindedPath, chainHashOf, encodeEncryptedData } from '../../../src/onion/index.js';
import { ec } from '../../../src/crypto/index.js';
import { err, ok } from '../../../src/wire/result.js';

const T0 = 1_700_000_000_000;
const YEAR = 365 * 86_400;

function pathNumber(n: number): BlindedPath {
  const secret = new Uint8Array(32).fill(n);
  const pathId = new Uint8Array(32).fill(n);
  return buildBlindedPath(secret, [{ nodeId: ec.publicKey(secret), data: encodeEncryptedData({ pathId }) }]);
}

/** One document that outlives the wallet. */
class Memory implements Documents<OfferCache> {
  #stored: StoredDocument<OfferCache> | undefined;
  read = async () => this.#stored;
  async write(document: DocumentFields<OfferCache>, version: number) {
    if ((this.#stored?.version ?? 0) !== version) return undefined;
    this.#stored = { ...document, version: version + 1, createdAt: T0 };
    return this.#stored;
  }
  claimDue = async () => [];
  list = async () => [];
  count = async () => 1;
  remove = async () => undefined;
}

type Handler = (message: Received<never>) => Promise<void>;

class Lab {
  now = T0;
  canReceive = true;
  hasPeer = true;
  canMake = true;
  readonly sent: Content[] = [];
  readonly handlers = new Map<string, Handler>();
  readonly documents = new Memory();
  core = this.wake();

  /** Another process over the same document. */
  wake(): RecipientCore {
    const messenger = {
      handle: (name: string, _source: string, handler: Handler) => {
        this.handlers.set(name, handler);
        return () => this.handlers.delete(name);
      },
      send: async (content: Content) => {
        if (!this.hasPeer) return { kind: 'not_sent', reason: 'no peer' };
        this.sent.push(content);
        return { kind: 'sent', by: 'direct' };
      },
      sendCopies: async (content: Content) => this.sent.push(content),
      pathId: () => new Uint8Array(32),
      pathsToVirtual: () => (this.hasPeer ? [pathNumber(40)] : []),
    } as unknown as RecipientPorts['messenger'];
    return (this.core = new RecipientCore({
      documents: this.documents,
      messenger,
      now: () => this.now,
      random: (length) => new Uint8Array(length).fill(this.sent.length + 1),
      offersKey: new Uint8Array(32).fill(5),
      chainHash: chainHashOf('regtest'),
      makeInvoice: () => (this.canMake ? ok(new Uint8Array([1])) : err({ message: 'no channel' })),
      canReceive: () => this.canReceive,
    }));
  }

  hear(name: string, message: object): Promise<void> {
    return this.handlers.get(name)!(message as Received<never>);
  }

  givePaths(slot: number, n = slot + 1, lasts = YEAR): Promise<void> {
    const seconds = Math.floor(this.now / 1000);
    return this.hear('offer_paths', {
      content: { name: 'offer_paths', paths: [pathNumber(n)], absoluteExpiry: seconds + lasts },
      context: { kind: 'offer_paths', slot, expiry: seconds + 7200 },
      replyPath: pathNumber(50),
    });
  }

  async confirm(slot: number, offerId?: Uint8Array): Promise<void> {
    const there = (await this.core.cache()).offers.find((one) => one.slot === slot);
    const decoded = there && decodeOffer(there.offer);
    const id = offerId ?? (decoded?.ok ? offerIdOf(decoded.value.records).slice(0, 8) : new Uint8Array(8));
    const createdAt = Math.floor(this.now / 1000);
    await this.hear('static_invoice_persisted', { context: { slot, createdAt, offerId: id } });
  }

  moneyWaits(reply = 60): Promise<void> {
    const expiry = Math.floor(this.now / 1000) + 100;
    const context = { kind: 'inbound_payment', reference: new Uint8Array(8).fill(3), expiry };
    return this.hear('held_htlc_available', { context, replyPath: pathNumber(reply) });
  }

  count(name: string): number {
    return this.sent.filter((content) => content.name === name).length;
  }
}

describe('the wallet that is mostly off, carried out', () => {
  it('hands out an offer once the server has confirmed it, also after a restart between any two steps', async () => {
    const lab = new Lab();
    const restart = async (): Promise<void> => {
      await lab.core.stop();
      await lab.wake().start([pathNumber(9)]);
    };
    await lab.core.start([pathNumber(9)]);
    expect(lab.count('offer_paths_request')).toBe(1);
    await restart();
    await lab.givePaths(0);
    expect(lab.count('serve_static_invoice')).toBe(1);
    expect(await lab.core.offer()).toBeUndefined();
    await restart();
    // Nobody knows whether the first one arrived.
    expect(lab.count('serve_static_invoice')).toBe(2);
    await lab.confirm(0, new Uint8Array(8));
    expect(await lab.core.offer()).toBeUndefined();
    await lab.confirm(0);
    await restart();
    const offer = await lab.core.offer();
    expect(offer?.text).toMatch(/^lno1/);
    expect(offer?.expiresAt).toBe(T0 + YEAR * 1000);
    await restart();
    expect((await lab.core.offer())?.text).toBe(offer?.text);
    const decoded = decodeOffer(offer!.text);
    expect(decoded.ok && (await lab.core.isOwn(offerIdOf(decoded.value.records)))).toBe(true);
    expect(await lab.core.isOwn(new Uint8Array(32))).toBe(false);
  });

  it('makes no offer of paths that end too soon, come twice, or come without a way back', async () => {
    const lab = new Lab();
    await lab.core.start([pathNumber(9)]);
    await lab.givePaths(0, 1, 89 * 86_400);
    const seconds = Math.floor(T0 / 1000);
    const content = { name: 'offer_paths', paths: [pathNumber(1)], absoluteExpiry: seconds + YEAR };
    await lab.hear('offer_paths', { content, context: { slot: 0, expiry: seconds + 1 } });
    expect((await lab.core.cache()).offers).toEqual([]);
    await lab.givePaths(0, 1);
    await lab.givePaths(1, 1);
    expect((await lab.core.cache()).offers).toHaveLength(1);
  });

  it('serves again what it could not serve', async () => {
    const lab = new Lab();
    await lab.core.start([pathNumber(9)]);
    await lab.givePaths(0);
    await lab.confirm(0);
    await lab.core.offer();
    const before = lab.count('serve_static_invoice');
    lab.canMake = false;
    await lab.core.termsChanged();
    lab.canMake = true;
    lab.hasPeer = false;
    await lab.core.tick();
    expect(lab.count('serve_static_invoice')).toBe(before);
    lab.hasPeer = true;
    await lab.core.tick();
    expect(lab.count('serve_static_invoice')).toBe(before + 1);
    await lab.core.tick();
    expect(lab.count('serve_static_invoice')).toBe(before + 1);
  });

  it('tells payers as soon as it can receive, and not more often than is good', async () => {
    const lab = new Lab();
    await lab.core.start([pathNumber(9)]);
    lab.canReceive = false;
    await lab.moneyWaits();
    expect([lab.count('release_held_htlc'), lab.core.waiting]).toEqual([0, 1]);
    lab.canReceive = true;
    lab.hasPeer = false;
    await lab.core.releaseWaiting();
    expect([lab.count('release_held_htlc'), lab.core.waiting]).toEqual([0, 1]);
    lab.hasPeer = true;
    await lab.core.releaseWaiting();
    expect([lab.count('release_held_htlc'), lab.core.waiting]).toEqual([1, 0]);
    for (let i = 0; i < 100; i++) await lab.moneyWaits();
    expect(lab.count('release_held_htlc')).toBe(30);
    lab.now += 60_000;
    await lab.moneyWaits();
    expect(lab.count('release_held_htlc')).toBe(31);
  });

  it('forgets a payer that waited for too long', async () => {
    const lab = new Lab();
    await lab.core.start([pathNumber(9)]);
    lab.canReceive = false;
    await lab.moneyWaits();
    lab.canReceive = true;
    lab.now += 101_000;
    await lab.core.releaseWaiting();
    expect([lab.count('release_held_htlc'), lab.core.waiting]).toEqual([0, 0]);
  });
});
