import { describe, expect, it } from 'vitest';
import { type Content, messagePath } from '../../../src/messages/index.js';
import type { MailStore } from '../../../src/offline/mailbox/index.js';
import type { BlindedPath } from '../../../src/onion/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { filled } from '../../bolt12/support.js';
import { testRandom } from '../../messages/network.js';
import { Lsp, type LspWorld, lspWorld, Party, Wallet } from './lsp-world.js';

const HELD: Content = { name: 'held_htlc_available' };
const drops = ({ lsp }: LspWorld): Record<string, number> => Object.fromEntries(lsp.mailbox.dropped);

/** The wallet's path for news of held payments, as it stands in its static invoice. */
function held(world: LspWorld, n = 0, wallet = world.wallet): BlindedPath {
  const { messenger } = wallet.party;
  const reference = Uint8Array.of(...filled(0, 6), n >> 8, n & 255);
  return messenger.pathsToVirtual(
    messenger.pathId({ kind: 'inbound_payment', reference, expiry: world.wallet.seconds + 30 * 86_400 }),
  )[0]!;
}

/** Which of them came, in order. */
const came = (wallet: Wallet): number[] =>
  wallet.held.map(({ context }) => context.reference[6]! * 256 + context.reference[7]!);

async function send(world: LspWorld, path: BlindedPath, from = world.payer.party): Promise<string> {
  const outcome = await world.clock.finish(from.messenger.send(HELD, { path }));
  await world.run(1_100);
  return outcome.kind === 'sent' ? outcome.by : outcome.reason;
}

describe('mail for a wallet that sleeps', () => {
  it('is kept, wakes it, and is there in order when it comes', async () => {
    const world = await lspWorld();
    const paths = [1, 2, 3].map((n) => held(world, n));
    await world.sleep();
    for (const path of paths) await send(world, path);
    expect(world.lsp.woken).toEqual([1, 1, 1]);
    expect(await world.store.mailbox.box(1)).toMatchObject({ messages: 3 });
    await world.wake();
    expect(came(world.wallet)).toEqual([1, 2, 3]);
    expect(await world.store.mailbox.totals()).toEqual({ boxes: 0, messages: 0, bytes: 0 });
    // It is awake: nothing is kept, nobody is woken.
    await send(world, held(world, 4));
    expect(came(world.wallet)).toEqual([1, 2, 3, 4]);
    expect(world.lsp.woken).toHaveLength(3);
  });

  it('is not handed over again as often as the wallet likes', async () => {
    const world = await lspWorld();
    const paths = [1, 2, 3].map((n) => held(world, n));
    await world.sleep();
    for (const path of paths) await send(world, path);
    await world.wake();
    const { nodeId } = world.network.node('wallet');
    let passed = 0;
    const { messenger } = world.party;
    const passOn = messenger.passOn.bind(messenger);
    messenger.passOn = (to, message) => {
      passed += 1;
      return passOn(to, message);
    };
    for (let n = 0; n < 100; n++) world.lsp.mailbox.onHello(nodeId);
    await world.run(5_000);
    expect(passed).toBeGreaterThanOrEqual(3);
    expect(passed).toBeLessThan(20);
  });

  it('is kept too when the LSP itself sends it', async () => {
    const world = await lspWorld();
    const path = held(world, 7);
    await world.sleep();
    expect(await send(world, path, world.party)).toBe('kept');
    expect(world.lsp.woken).toEqual([1]);
    await world.wake();
    expect(came(world.wallet)).toEqual([7]);
    const stranger = messagePath({ nodes: [world.payer.party.messenger.nodeId] }, testRandom(3));
    expect(await send(world, stranger, world.party)).not.toBe('kept');
  });

  it('survives the death of the LSP, and is not mail for strangers', async () => {
    const world = await lspWorld();
    const path = held(world, 1);
    const { nodeId } = world.network.node('lsp');
    const stranger = messagePath(
      { nodes: [nodeId, world.payer.party.messenger.nodeId], pathId: filled(1) },
      testRandom(4),
    );
    await world.sleep();
    await send(world, path);
    await send(world, stranger);
    expect(await world.store.mailbox.totals()).toMatchObject({ boxes: 1, messages: 1 });
    await world.restartLsp();
    await world.wake();
    expect(came(world.wallet)).toEqual([1]);
  });

  it('that was being handed over when the process died comes again', async () => {
    const world = await lspWorld();
    const path = held(world, 1);
    await world.sleep();
    await send(world, path);
    // Another process took it and is no more.
    expect(await world.clock.finish(world.store.mailbox.claim(1, 60_000))).toBeDefined();
    await world.wake();
    expect(came(world.wallet)).toEqual([]);
    await world.run(61_000);
    expect(came(world.wallet)).toEqual([1]);
  });

  it('is handed over by the process to which the wallet comes, whichever kept it', async () => {
    const world = await lspWorld();
    world.network.addNode('lsp2');
    for (const neighbour of ['hub', 'wallet']) {
      world.network.openChannel(world.network.node('lsp2'), world.network.node(neighbour), {
        balances: [1_000_000n, 1_000_000n],
      });
    }
    const path = held(world, 1);
    const party = new Party(world, 'lsp2', 80);
    const other = new Lsp(world, party);
    await world.clock.finish(other.start());
    await party.open();
    // Both processes learn of wallets that the other one enrols.
    const later = world.network.addNode('later').nodeId;
    await world.clock.finish(world.lsp.clients.enrol({ nodeId: later, name: 'later' }));
    expect(other.clients.clientOf(later)).toBeUndefined();
    await world.run(2_500);
    expect(other.clients.clientOf(later)).toMatchObject({ number: 2 });
    world.faults.cutLink('lsp', 'wallet');
    world.faults.cutLink('lsp2', 'wallet');
    await world.run();
    await send(world, path);
    expect(world.lsp.woken).toEqual([1]);
    expect(came(world.wallet)).toEqual([]);
    world.faults.healLink('lsp2', 'wallet');
    await world.run(5_000);
    expect(came(world.wallet)).toEqual([1]);
    // Here before it was written: found by looking.
    await send(world, path);
    await world.run(5_000);
    expect(came(world.wallet)).toEqual([1, 1]);
    await world.clock.finish(other.stop());
  });
});

describe('a flood of mail', () => {
  it('fills one box at most, and takes nothing from another wallet', async () => {
    const world = await lspWorld({ limits: { perClient: { perSecond: 1_000, burst: 1_000 } } });
    const node = world.network.addNode('other', { private: true });
    world.network.openChannel(world.network.node('lsp'), node, { balances: [1_000_000n, 1_000_000n] });
    const other = new Wallet(world, 'other', 60);
    await other.party.open();
    await world.run();
    unwrap(await world.clock.finish(world.lsp.clients.enrol({ nodeId: node.nodeId, name: 'other' })));
    const [quiet, flooded] = [held(world, 500, other), Array.from({ length: 100 }, (_, n) => held(world, n))];
    world.faults.crashNode('other');
    await world.sleep();
    await send(world, quiet);
    for (const path of flooded) await send(world, path);
    expect(await world.store.mailbox.box(1)).toMatchObject({ messages: 30 });
    expect(await world.store.mailbox.box(2)).toMatchObject({ messages: 1 });
    expect(drops(world)).toEqual({ made_room: 70 });
    await world.wake();
    expect(came(world.wallet)).toEqual(Array.from({ length: 30 }, (_, i) => 70 + i));
  });

  it('does not churn a box: it is limited by wallet and by peer', async () => {
    const world = await lspWorld();
    const paths = Array.from({ length: 60 }, (_, n) => held(world, n));
    await world.sleep();
    for (const path of paths) void world.payer.party.messenger.send(HELD, { path });
    await world.run(1_000);
    expect(drops(world)['client_rate']).toBeGreaterThanOrEqual(28);
    expect(await world.store.mailbox.box(1)).toMatchObject({ messages: 30 });
    const slow = await lspWorld({ limits: { perPeer: { perSecond: 0, burst: 5 } } });
    const more = Array.from({ length: 8 }, (_, n) => held(slow, n));
    await slow.sleep();
    for (const path of more) await send(slow, path);
    expect(drops(slow)).toEqual({ peer_rate: 3 });
  });

  it('is bounded over all boxes, and by age', async () => {
    const world = await lspWorld({ limits: { maxBytes: 4_500, maxAgeMs: 3_600_000 } });
    const paths = [1, 2, 3, 4, 5].map((n) => held(world, n));
    await world.sleep();
    for (const path of paths) await send(world, path);
    await world.run(61_000);
    expect(await world.store.mailbox.totals()).toMatchObject({ messages: 3 });
    await world.run(3_700_000);
    expect(await world.store.mailbox.totals()).toMatchObject({ boxes: 0, messages: 0 });
  });

  it('is bounded in memory while the database is away, and written when it is back', async () => {
    const gate = { isAway: true };
    const real: { store?: MailStore } = {};
    const store = new Proxy({} as MailStore, {
      get:
        (_, name) =>
        async (...args: unknown[]) => {
          if (gate.isAway) throw new Error('the database is away');
          return (real.store![name as keyof MailStore] as (...args: unknown[]) => Promise<unknown>).apply(
            real.store,
            args,
          );
        },
    });
    const world = await lspWorld({ store, limits: { maxUnwritten: 4 } });
    real.store = world.store.mailbox;
    const paths = Array.from({ length: 7 }, (_, n) => held(world, n));
    await world.sleep();
    for (const path of paths) await send(world, path);
    expect(drops(world)).toEqual({ too_much_unwritten: 3 });
    expect(world.lsp.woken).toEqual([]);
    gate.isAway = false;
    await world.run(5_000);
    expect(world.lsp.woken).toEqual([1]);
    await world.wake();
    expect(came(world.wallet)).toEqual([0, 1, 2, 3]);
  });
});

describe('a wallet that is removed', () => {
  it('leaves no mail, and gets none', async () => {
    const world = await lspWorld();
    const paths = [1, 2].map((n) => held(world, n));
    await world.sleep();
    await send(world, paths[0]!);
    await world.clock.finish(world.lsp.clients.remove(1));
    await send(world, paths[1]!);
    expect(await world.store.mailbox.totals()).toEqual({ boxes: 0, messages: 0, bytes: 0 });
  });
});
