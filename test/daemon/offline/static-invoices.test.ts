import { describe, expect, it } from 'vitest';
import { type LspWorld, lspWorld, Wallet } from './lsp-world.js';
import { decodeStaticInvoice } from '../../../src/bolt12/index.js';
import { messagePath } from '../../../src/messages/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { filled } from '../../bolt12/support.js';
import { testRandom } from '../../messages/network.js';

const DAY = 86_400;
const drops = ({ lsp }: LspWorld): Record<string, number> => Object.fromEntries(lsp.invoices.dropped);

describe('a wallet and its static invoice server', () => {
  it('agree on an offer, and payers get its invoice while the wallet sleeps', async () => {
    const world = await lspWorld();
    const { made, invoice, answer } = await world.wallet.setUp(world.paths);
    expect(answer.content).toMatchObject({ absoluteExpiry: expect.any(Number) as number });
    const [path] = made.offer.paths!;
    expect(path!.firstNode).toEqual({ nodeId: world.network.node('lsp').nodeId });
    expect(path!.hops).toHaveLength(1);
    await world.sleep();
    const answers = await world.payer.ask(path!, world.payer.request(made));
    expect(answers).toEqual([{ name: 'static_invoice', bytes: invoice }]);
    expect(decodeStaticInvoice(invoice).ok).toBe(true);
    expect(drops(world)).toEqual({});
    expect([...world.party.faults, ...world.payer.party.faults]).toEqual([]);
    // The request waits for the wallet as well, which is woken.
    expect(world.lsp.woken).toEqual([1]);
    await world.wake();
    expect(world.wallet.requests).toMatchObject([{ content: { name: 'invoice_request' } }]);
  });

  it('let the wallet answer itself while it is awake, over the path of the payer', async () => {
    const world = await lspWorld();
    const { made } = await world.wallet.setUp(world.paths);
    await world.payer.ask(made.offer.paths![0]!, world.payer.request(made));
    const [request] = world.wallet.requests;
    const { messenger } = world.wallet.party;
    void messenger.send({ name: 'invoice', bytes: filled(1, 40) }, { path: request!.replyPath! });
    await world.run();
    expect(world.payer.answers.map(({ name }) => name)).toEqual(['static_invoice', 'invoice']);
    expect(world.lsp.woken).toEqual([]);
  });

  it('tell the wallet of an invoice that is kept, again when it comes again', async () => {
    const world = await lspWorld();
    const { made, invoice, updates } = await world.wallet.setUp(world.paths);
    expect(await world.wallet.serve(updates, invoice)).toBe(true);
    await world.run(10_000);
    const newer = world.wallet.invoiceFor(made);
    expect(await world.wallet.serve(updates, newer)).toBe(true);
    // A copy of the older one, replayed later: the newer one stays.
    expect(await world.wallet.serve(updates, invoice)).toBe(false);
    expect(drops(world)).toEqual({ older: 1 });
    const answers = await world.payer.ask(made.offer.paths![0]!, world.payer.request(made));
    expect(answers).toEqual([{ name: 'static_invoice', bytes: newer }]);
  });

  it('serve after a restart of the server', async () => {
    const world = await lspWorld();
    const { made, invoice, updates } = await world.wallet.setUp(world.paths);
    await world.restartLsp();
    const answers = await world.payer.ask(made.offer.paths![0]!, world.payer.request(made));
    expect(answers).toEqual([{ name: 'static_invoice', bytes: invoice }]);
    await world.run(5_000);
    expect(await world.wallet.serve(updates, world.wallet.invoiceFor(made))).toBe(true);
  });

  it('keep slots apart, and replace what was in one', async () => {
    const world = await lspWorld();
    const first = await world.wallet.setUp(world.paths, 0);
    const other = await world.wallet.setUp(world.paths, 9);
    await world.run(120_000);
    const second = await world.wallet.setUp(world.paths, 0);
    const ask = async ({ made }: typeof first) =>
      world.payer.ask(made.offer.paths![0]!, world.payer.request(made)).then((all) => all.map(({ name }) => name));
    expect(await ask(second)).toEqual(['static_invoice']);
    expect(await ask(other)).toEqual(['static_invoice']);
    // Its payers could not use an invoice for another offer.
    expect(await ask(first)).toEqual([]);
    expect(drops(world)).toEqual({ other_offer: 1 });
    expect((await world.lsp.invoices.slotsOf(1)).map(({ slot }) => slot)).toEqual([0, 9]);
  });

  it('need no channel between them', async () => {
    const world = await lspWorld();
    const node = world.network.addNode('far', { private: true });
    world.network.openChannel(world.network.node('hub'), node, { balances: [1_000_000n, 1_000_000n] });
    const far = new Wallet(world, 'far', 60);
    await far.party.open();
    await world.run();
    const client = unwrap(await world.clock.finish(world.lsp.clients.enrol({ nodeId: node.nodeId, name: 'far' })));
    const { made, invoice } = await far.setUp(world.lsp.clients.pathsFor(client, 'offer_paths_request'));
    expect(far.forwardPath().firstNode).toEqual({ nodeId: world.network.node('hub').nodeId });
    const answers = await world.payer.ask(made.offer.paths![0]!, world.payer.request(made));
    expect(answers).toEqual([{ name: 'static_invoice', bytes: invoice }]);
    expect(far.requests).toHaveLength(1);
  });
});

describe('what comes too late', () => {
  it('is ignored: a request for paths over an expired enrolment', async () => {
    const world = await lspWorld();
    const expiry = world.wallet.seconds + 100;
    const paths = world.lsp.clients.pathsFor(world.client, 'offer_paths_request', expiry);
    expect(await world.wallet.ask(paths, 0)).toBeDefined();
    await world.run(150_000);
    expect(await world.wallet.ask(paths, 1)).toBeUndefined();
    expect(Object.fromEntries(world.party.messenger.dropped)).toEqual({ expired_path: 1 });
  });

  it('is ignored: an invoice that has expired, handed in or asked for', async () => {
    const world = await lspWorld();
    const { made, updates } = await world.wallet.setUp(world.paths);
    const old = world.wallet.invoiceFor(made, { createdAt: world.wallet.seconds - 100, relativeExpirySeconds: 50 });
    expect(await world.wallet.serve(updates, old)).toBe(false);
    await world.run(10_000);
    const short = world.wallet.invoiceFor(made, { relativeExpirySeconds: 60 });
    expect(await world.wallet.serve(updates, short)).toBe(true);
    await world.run(120_000);
    expect(await world.payer.ask(made.offer.paths![0]!, world.payer.request(made))).toEqual([]);
    expect(world.wallet.requests).toEqual([]);
    expect(drops(world)).toEqual({ expired: 2 });
  });

  it('is ignored: everything about an offer after its paths have expired', async () => {
    const world = await lspWorld();
    const { made, updates } = await world.wallet.setUp(world.paths);
    const late = world.wallet.invoiceFor(made, { relativeExpirySeconds: 800 * DAY });
    await world.run(10_000);
    expect(await world.wallet.serve(updates, late)).toBe(true);
    const bytes = world.payer.request(made);
    await world.clock.finish(world.lsp.stop());
    await world.run(366 * DAY * 1000);
    await world.restartLsp();
    expect(await world.payer.ask(made.offer.paths![0]!, bytes)).toEqual([]);
    expect(await world.wallet.serve(updates, late)).toBe(false);
    expect(Object.fromEntries(world.party.messenger.dropped)).toEqual({ expired_path: 2 });
  });
});

describe('what a hostile wallet or payer sends', () => {
  it('is not kept: an offer over paths of its own, of another slot, of another wallet', async () => {
    const world = await lspWorld();
    const { wallet } = world;
    const node = world.network.addNode('thief', { private: true });
    world.network.openChannel(world.network.node('lsp'), node, { balances: [1_000_000n, 1_000_000n] });
    const thief = new Wallet(world, 'thief', 61);
    await thief.party.open();
    await world.run();
    const client = unwrap(await world.clock.finish(world.lsp.clients.enrol({ nodeId: node.nodeId, name: 'thief' })));
    const victim = await wallet.setUp(world.paths, 0);
    const own = await thief.ask(world.lsp.clients.pathsFor(client, 'offer_paths_request'), 0);
    const updates = own!.replyPath!;
    const serve = (paths: typeof victim.made.offer.paths) =>
      thief.serve(updates, thief.invoiceFor(thief.offerOver(paths!)));
    expect(await serve(victim.made.offer.paths)).toBe(false);
    expect(await serve([thief.forwardPath()])).toBe(false);
    const otherSlot = await thief.ask(world.lsp.clients.pathsFor(client, 'offer_paths_request'), 1);
    expect(await serve(otherSlot!.content.paths)).toBe(false);
    expect(await serve([...own!.content.paths, thief.forwardPath()])).toBe(false);
    expect(drops(world)).toEqual({ foreign_paths: 4 });
    expect(await serve(own!.content.paths)).toBe(true);
    const answers = await world.payer.ask(victim.made.offer.paths![0]!, world.payer.request(victim.made));
    expect(answers).toEqual([{ name: 'static_invoice', bytes: victim.invoice }]);
  });

  it('is not kept: an invoice that is cut, changed, or too long', async () => {
    const world = await lspWorld();
    const { made, invoice, updates } = await world.wallet.setUp(world.paths);
    for (const length of [1, 50, invoice.length - 70, invoice.length - 1]) {
      expect(await world.wallet.serve(updates, invoice.slice(0, length))).toBe(false);
    }
    const changed = invoice.slice();
    changed[invoice.length - 3]! ^= 1;
    expect(await world.wallet.serve(updates, changed)).toBe(false);
    await world.run();
    expect(await world.wallet.serve(updates, world.wallet.invoiceFor(made, { extra: 5_000 }))).toBe(false);
    await world.run(5_000);
    expect(await world.wallet.serve(updates, world.wallet.invoiceFor(made, { extra: 3_000 }))).toBe(true);
    expect(drops(world)).toEqual({ bad_invoice: 5, too_long: 1 });
  });

  it('is not kept: an invoice whose way to the wallet begins at a stranger', async () => {
    const world = await lspWorld();
    const { invoice, updates } = await world.wallet.setUp(world.paths);
    const stranger = messagePath({ nodes: [world.network.node('payer').nodeId] }, testRandom(5));
    expect(await world.wallet.serve(updates, invoice, { forwardPath: stranger })).toBe(false);
    const channel = { ...stranger, firstNode: { shortChannelId: 77n, direction: 0 } as const };
    expect(await world.wallet.serve(updates, invoice, { forwardPath: channel })).toBe(false);
    expect(drops(world)).toEqual({ far_forward_path: 2 });
  });

  it('is not answered: forged contexts, paths of another kind, no way back', async () => {
    const world = await lspWorld();
    const { made, invoice, updates } = await world.wallet.setUp(world.paths);
    const { messenger } = world.wallet.party;
    const { nodeId } = world.network.node('lsp');
    const virtual = world.party.messenger.nodeId;
    for (const pathId of [filled(1), filled(1, 31), new Uint8Array(32)]) {
      const forged = messagePath({ nodes: [nodeId, virtual], pathId }, testRandom(6));
      expect(await world.wallet.ask([forged], 0)).toBeUndefined();
    }
    expect(await world.wallet.serve(made.offer.paths![0]!, invoice)).toBe(false);
    expect(await world.wallet.ask([updates], 0)).toBeUndefined();
    void messenger.send({ name: 'offer_paths_request', slot: 0 }, { path: world.paths[0]! });
    void messenger.send({ name: 'invoice_request', bytes: world.payer.request(made) }, { path: made.offer.paths![0]! });
    await world.run();
    expect(drops(world)).toEqual({ no_reply_path: 2 });
    expect(Object.fromEntries(world.party.messenger.dropped)).toEqual({ unknown_path: 5 });
  });

  it('is not answered: requests that are for nothing', async () => {
    const world = await lspWorld();
    const { made } = await world.wallet.setUp(world.paths);
    const path = made.offer.paths![0]!;
    const good = world.payer.request(made);
    const empty = await world.wallet.ask(world.paths, 3);
    for (const bytes of [Uint8Array.of(1, 2, 3), good.slice(0, 20), Uint8Array.of(80, 1, 1)]) {
      expect(await world.payer.ask(path, bytes)).toEqual([]);
    }
    expect(await world.payer.ask(empty!.content.paths[0]!, good)).toEqual([]);
    expect(drops(world)).toEqual({ bad_request: 3, no_invoice: 1 });
    expect(world.party.faults).toEqual([]);
  });

  it('takes few slots of ten thousand', async () => {
    const world = await lspWorld();
    for (let slot = 0; slot < 10_000; slot += slot < 12 ? 1 : 317) {
      const answer = await world.wallet.ask(world.paths, slot);
      expect(answer !== undefined).toBe(slot < 10);
    }
    expect(await world.lsp.invoices.slotsOf(1)).toHaveLength(10);
    expect(drops(world)).toMatchObject({ slot_above_limit: expect.any(Number) as number });
  });

  it('is limited by wallet, each thing for itself, and others are served', async () => {
    const world = await lspWorld();
    const { made, updates, invoice } = await world.wallet.setUp(world.paths);
    const path = made.offer.paths![0]!;
    const replyPath = world.payer.replyPath();
    await world.run(10_000);
    for (let i = 0; i < 40; i++) {
      void world.payer.party.messenger.send(
        { name: 'invoice_request', bytes: world.payer.request(made) },
        { path },
        { replyPath },
      );
    }
    await world.run(50);
    expect(await world.wallet.serve(updates, invoice)).toBe(true);
    await world.run(2_000);
    const served = world.payer.answers.length;
    expect(served).toBeGreaterThanOrEqual(5);
    expect(served).toBeLessThan(20);
    expect(drops(world)).toEqual({ rate_limited: 40 - served });
    await world.run(2_000);
    expect(await world.payer.ask(path, world.payer.request(made))).toHaveLength(1);
  });
});

describe('copies of one message', () => {
  it('are answered a few times, and the wallet gets one', async () => {
    const world = await lspWorld();
    const { made } = await world.wallet.setUp(world.paths);
    const bytes = world.payer.request(made);
    const replyPaths = Array.from({ length: 10 }, () => world.payer.replyPath());
    const answers = await world.payer.ask(made.offer.paths![0]!, bytes, replyPaths);
    expect(answers).toHaveLength(3);
    expect(world.wallet.requests).toHaveLength(1);
    expect(drops(world)).toEqual({ copy: 7 });
  });

  it('of a request for paths get the same paths, so that the slot knows them all', async () => {
    const world = await lspWorld();
    const [first, second] = [await world.wallet.ask(world.paths, 0), await world.wallet.ask(world.paths, 0)];
    expect(second!.content.paths).toEqual(first!.content.paths);
    await world.run(120_000);
    const later = await world.wallet.ask(world.paths, 0);
    expect(later!.content.paths).not.toEqual(first!.content.paths);
    // Whichever it takes.
    for (const { content, replyPath } of [first!, later!]) {
      const made = world.wallet.offerOver(content.paths, content.absoluteExpiry);
      expect(await world.wallet.serve(replyPath!, world.wallet.invoiceFor(made))).toBe(true);
      await world.run(5_000);
    }
  });
});

describe('a wallet that is removed', () => {
  it('is served no longer, and its number goes to nobody else', async () => {
    const world = await lspWorld();
    const { made, updates, invoice } = await world.wallet.setUp(world.paths);
    const removed = await world.clock.finish(world.lsp.clients.remove(1));
    expect(removed.ok).toBe(true);
    expect(await world.lsp.invoices.slotsOf(1)).toEqual([]);
    expect(await world.payer.ask(made.offer.paths![0]!, world.payer.request(made))).toEqual([]);
    expect(await world.wallet.serve(updates, invoice)).toBe(false);
    expect(await world.wallet.ask(world.paths, 0)).toBeUndefined();
    expect(drops(world)).toEqual({ unknown_client: 3 });
    const { nodeId } = world.wallet.node;
    const again = unwrap(await world.clock.finish(world.lsp.clients.enrol({ nodeId, name: 'again' })));
    expect(again.number).toBe(2);
    expect(await world.wallet.ask(world.paths, 0)).toBeUndefined();
  });
});
