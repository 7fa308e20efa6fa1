import { describe, expect, it } from 'vitest';
import { encodeInvoiceError } from '../../../src/bolt12/index.js';
import { newPayment } from '../../../src/send/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { pathTo } from '../../bolt12/support.js';
import { unwrap } from '../../../src/wire/result.js';
import { invoiceBytes, Killer, makeWorld, OFFER, PRICE, type Process, staticBytes, type World } from './world.js';

const pay = async ({ offers }: Process) => unwrap(await offers.pay({ offer: OFFER }));
const bodyOf = async ({ offers }: Process, id: string) => (await offers.read(id))!.body;
const phaseOf = async (process: Process, id: string) => (await bodyOf(process, id)).payment.phase;

/** Answers every request with an invoice, once for each path. */
const answersWithInvoices = ({ paper }: World, copies = 1): void => {
  paper.onRequest = async (request) => {
    const bytes = invoiceBytes(request);
    for (let i = 0; i < copies; i++) paper.bring('invoice', bytes).catch(() => undefined);
  };
};

describe('paying an offer', () => {
  it('asks, pays the invoice that comes, and tells how it ended', async () => {
    const world = await makeWorld();
    answersWithInvoices(world, 8);
    const process = world.start();
    const { id } = await pay(process);
    await world.advance(2_000);
    expect(world.payments.all).toHaveLength(1);
    const [begun] = world.payments.all;
    expect(begun!.state.terms).toMatchObject({ amountMsat: PRICE, payee: { isBlinded: true } });
    expect(begun!.request).toMatchObject({ kind: 'offer', offer: OFFER, offerPaymentId: id });
    expect(await bodyOf(process, id)).toMatchObject({ paymentId: begun!.id, payment: { phase: 'paying' } });
    process.offers.reported(begun!, { kind: 'succeeded', preimage: new Uint8Array(32), pending: [] } as never);
    await world.advance(1_000);
    expect(await phaseOf(process, id)).toBe('paid');
    await world.advance(100_000);
    expect(world.payments.all).toHaveLength(1);
  });

  it.each([
    ['more than the offer costs', (request: never) => invoiceBytes(request, { amountMsat: PRICE + 1n })],
    ['no invoice', () => new Uint8Array(50).fill(7)],
    ['nothing', () => new Uint8Array()],
  ])('ignores an answer with %s', async (_what, answer) => {
    const world = await makeWorld();
    world.paper.onRequest = async (request) => world.paper.bring('invoice', answer(request as never));
    const process = world.start();
    const { id } = await pay(process);
    await world.advance(70_000);
    expect(world.payments.all).toEqual([]);
    expect((await bodyOf(process, id)).payment.failure).toMatchObject({ code: 'no_answer' });
  });

  it('ignores an answer to another payment of its own', async () => {
    const world = await makeWorld();
    const process = world.start();
    const asked: Uint8Array[] = [];
    world.paper.onRequest = async (request) => void asked.push(invoiceBytes(request));
    const first = await pay(process);
    const second = await pay(process);
    await world.paper.bring('invoice', asked[0], (await bodyOf(process, second.id)).payment.id);
    expect(await phaseOf(process, second.id)).toBe('asking');
    await world.paper.bring('invoice', asked[0], (await bodyOf(process, first.id)).payment.id);
    expect(await phaseOf(process, first.id)).toBe('paying');
    await world.paper.bring('invoice', asked[1], new Uint8Array(16).fill(9));
    expect(world.payments.all).toHaveLength(1);
  });

  it('ends with the refusal of the payee, in words that can be shown', async () => {
    const world = await makeWorld();
    const refusal = encodeInvoiceError({ error: 'no\u001b[2J tea' });
    world.paper.onRequest = async () => world.paper.bring('invoice_error', refusal);
    const process = world.start();
    const { id } = await pay(process);
    await world.advance(60_000);
    const { failure } = (await bodyOf(process, id)).payment;
    expect(failure).toMatchObject({ code: 'invoice_error', message: 'the payee refuses: no?[2J tea' });
  });

  it('is not told as paid because the payee repeats the hash of another payment', async () => {
    const world = await makeWorld();
    answersWithInvoices(world);
    const process = world.start();
    const first = await pay(process);
    await world.advance(1_000);
    const second = await pay(process); // its payee takes the same preimage
    await world.advance(1_000);
    expect(world.payments.all).toHaveLength(1);
    expect((await bodyOf(process, second.id)).payment.failure).toMatchObject({ code: 'not_begun' });
    world.payments.end('succeeded');
    const third = await pay(process);
    await world.advance(15_000);
    expect(await phaseOf(process, first.id)).toBe('paid');
    expect((await bodyOf(process, third.id)).payment).toMatchObject({
      phase: 'failed',
      failure: { message: expect.stringContaining('hash of another payment') as string },
    });
    expect(world.payments.all).toHaveLength(1);
  });

  it('is recorded although nothing can be said yet', async () => {
    const world = await makeWorld();
    const killer = new Killer();
    killer.at = 3; // the document, its step, then the message
    const process = world.start({ killer });
    const { id } = await pay(process);
    expect(await phaseOf(process, id)).toBe('asking');
  });

  it('is found, not made again, when an interrupted request is repeated', async () => {
    const world = await makeWorld();
    const process = world.start();
    const origin = { identity: 'request 1', startedAt: 5 };
    const first = unwrap(await process.offers.pay({ offer: OFFER }, origin));
    const again = unwrap(await process.offers.pay({ offer: OFFER }, { ...origin, isRepeated: true }));
    expect(again.id).toBe(first.id);
    expect(unwrap(await process.offers.pay({ offer: OFFER }, { ...origin, identity: 'request 2' })).id).not.toBe(
      first.id,
    );
    expect(await process.documents.count({})).toBe(2);
  });

  it('waits for a sender that starts, and is not begun where paying is off', async () => {
    const world = await makeWorld();
    answersWithInvoices(world);
    const early = world.start({ sender: 'starting' });
    const { id } = await pay(early);
    await world.advance(20_000);
    expect(await phaseOf(early, id)).toBe('paying');
    await early.stop();
    const off = world.start({ sender: 'off' });
    await world.advance(40_000);
    expect((await bodyOf(off, id)).payment.failure).toMatchObject({ code: 'not_begun' });
    expect(world.payments.all).toEqual([]);
  });
});

describe('a static invoice', () => {
  const answersWithStatic = ({ paper }: World): void => {
    paper.onRequest = async () => {
      for (let i = 0; i < 3; i++) paper.bring('static_invoice', staticBytes()).catch(() => undefined);
    };
  };

  it('is paid once its payee is awake, with one preimage that nobody hears of', async () => {
    const world = await makeWorld();
    answersWithStatic(world);
    const process = world.start();
    const { id } = await pay(process);
    await world.advance(5_000);
    expect(await phaseOf(process, id)).toBe('unreleased');
    expect(world.payments.all).toEqual([]);
    expect(world.paper.sent.filter(({ name }) => name === 'held_htlc_available')).toHaveLength(1);
    await Promise.all([1, 2, 3].map(() => world.paper.bring('release_held_htlc')));
    expect(world.payments.all).toHaveLength(1);
    const { payment } = await bodyOf(process, id);
    if (payment.invoice?.kind !== 'static') throw new Error('no static invoice');
    const { preimage, paymentHash } = payment.invoice;
    expect(world.payments.all[0]!.state.terms).toMatchObject({
      paymentHash,
      records: { keysendPreimage: preimage, invoiceRequest: payment.request },
    });
    expect(world.logged()).not.toContain(toHex(preimage));
    expect(world.logged()).not.toContain(Buffer.from(preimage).toString('base64'));
  });

  it('takes the first answer, be it an ordinary invoice or a static one, of two processes that hear both', async () => {
    const world = await makeWorld();
    const answers: [string, Uint8Array][] = [];
    world.paper.onRequest = async (request) => {
      answers.push(['static_invoice', staticBytes()], ['invoice', invoiceBytes(request)]);
    };
    const first = world.start();
    const { id } = await pay(first);
    const listeners = [world.paper.handlers, new Map(world.paper.handlers)];
    world.start();
    listeners[0] = new Map(world.paper.handlers);
    const { payment } = await bodyOf(first, id);
    const message = (bytes: Uint8Array) => ({ content: { bytes }, context: { paymentId: payment.id } });
    await Promise.all(
      answers.flatMap(([name, bytes]) => listeners.map(async (handlers) => handlers.get(name)!(message(bytes)))),
    );
    const { payment: now } = await bodyOf(first, id);
    expect(now.phase).toBe(now.invoice?.kind === 'static' ? 'unreleased' : 'paying');
    for (const handlers of listeners) {
      await handlers.get('release_held_htlc')!({ context: { paymentId: payment.id } });
    }
    expect(world.payments.all).toHaveLength(1);
    expect(world.payments.all[0]!.state.terms.paymentHash).toEqual(now.invoice?.paymentHash);
  });

  it('is held by the first peers of a payer that sleeps; paths that were told to nobody are told after the next look', async () => {
    const world = await makeWorld();
    answersWithStatic(world);
    const process = world.start({ hold: true });
    const { id } = await pay(process);
    await world.advance(5_000);
    expect(await bodyOf(process, id)).toMatchObject({ payment: { phase: 'paying', isHeld: true } });
    expect(world.payments.all[0]!.state.terms).toMatchObject({ isHeld: true });
    const { state, ...rest } = world.payments.all.pop()!;
    const part = { id: 4, state: 'sent', releasePath: pathTo(41) };
    world.payments.all.push({ ...rest, state: { ...state, parts: [part as never] } });
    await world.advance(15_000);
    expect((await bodyOf(process, id)).payment.heldParts).toEqual([{ part: 4, releasePath: pathTo(41) }]);
    const before = world.paper.sent.length;
    await world.advance(12_000);
    expect(world.paper.sent.slice(before)).toEqual([]);
  });

  it('waits for its payee where no peer holds', async () => {
    const world = await makeWorld();
    answersWithStatic(world);
    world.payments.refusal = { code: 'no_holder', message: 'nobody holds' };
    const process = world.start({ hold: true });
    const { id } = await pay(process);
    await world.advance(5_000);
    expect(await bodyOf(process, id)).toMatchObject({ payment: { phase: 'unreleased', isHeld: false } });
    world.payments.refusal = undefined;
    await world.paper.bring('release_held_htlc');
    expect(world.payments.all[0]!.state.terms).not.toHaveProperty('isHeld');
  });
});

describe('processes that are slow or die', () => {
  it.each([
    ['no_plan', false],
    ['no_holder', true],
  ] as const)('do not deny what another has begun meanwhile (%s)', async (code, hold) => {
    const world = await makeWorld();
    const process = world.start({ hold });
    world.paper.onRequest = async (request) =>
      hold ? world.paper.bring('static_invoice', staticBytes()) : world.paper.bring('invoice', invoiceBytes(request));
    world.payments.refusal = { code, message: 'all balance is in use' };
    world.payments.planning = async () => {
      // The other one: it has recorded its payment while this one plans.
      const [stored] = await process.documents.list({ limit: 1 });
      const { paymentHash } = stored!.body.payment.invoice!;
      const terms = { paymentHash } as never;
      if (world.payments.all.length > 0) return;
      world.payments.all.push({
        id: 'ab'.repeat(16),
        request: { kind: 'offer', offerPaymentId: stored!.id },
        state: { ...newPayment(terms), phase: 'in_flight' },
        createdAt: 0,
        version: 1,
        owner: 'other',
        epoch: 1,
      });
      // What pay() saw was older.
      world.payments.planning = async () => undefined;
      const ofHash = world.payments.ofHash.bind(world.payments);
      world.payments.ofHash = () => {
        world.payments.ofHash = ofHash;
        return undefined;
      };
    };
    const { id } = await pay(process);
    await world.advance(3_000);
    expect(await bodyOf(process, id)).toMatchObject({ paymentId: 'ab'.repeat(16), payment: { phase: 'paying' } });
  });

  it('ask the sender once, however long it plans', async () => {
    const world = await makeWorld();
    answersWithInvoices(world);
    let [planned, over] = [0, (): void => undefined];
    world.payments.planning = () => {
      planned++;
      return new Promise((resolve) => (over = resolve));
    };
    const process = world.start();
    void pay(process);
    await world.advance(120_000);
    expect(planned).toBe(1);
    over();
    await world.advance(1_000);
    const [stored] = await process.offers.list(1);
    expect(stored!.body.paymentId).toBe(world.payments.all[0]!.id);
  });

  it.each([false, true])('pay once and tell the truth, wherever they die (after the effect: %s)', async (isLate) => {
    for (let at = 1; at < 14; at++) {
      const world = await makeWorld();
      answersWithInvoices(world, 2);
      const killer = new Killer();
      Object.assign(killer, { at, isLate });
      const first = world.start({ killer });
      const origin = { identity: `request ${at}`, startedAt: 1 };
      await first.offers.pay({ offer: OFFER }, origin).catch(() => undefined);
      await world.advance(5_000);
      await first.stop();
      const second = world.start();
      const { id } = unwrap(await second.offers.pay({ offer: OFFER }, { ...origin, isRepeated: true }));
      await world.advance(45_000);
      expect(world.payments.all, `killed at call ${at}`).toHaveLength(1);
      const [begun] = world.payments.all;
      expect(await bodyOf(second, id), `killed at call ${at}`).toMatchObject({
        paymentId: begun!.id,
        payment: { phase: 'paying' },
      });
      world.payments.end('succeeded');
      await world.advance(15_000);
      expect(await phaseOf(second, id)).toBe('paid');
      expect(await second.documents.count({})).toBe(1);
    }
  });

  it('does not say that nothing was sent, where paying was switched off after it had begun', async () => {
    const world = await makeWorld();
    answersWithInvoices(world);
    const killer = new Killer();
    const first = world.start({ killer });
    world.payments.planning = async () => {
      killer.at = killer.calls; // dies with the payment recorded and its id not written
    };
    killer.isLate = true;
    const { id } = await pay(first);
    await world.advance(2_000);
    await first.stop();
    const off = world.start({ sender: 'off' });
    await world.advance(40_000);
    expect(await bodyOf(off, id)).toMatchObject({
      paymentId: world.payments.all[0]!.id,
      payment: { phase: 'paying' },
    });
  });
});
