import { describe, expect, it } from 'vitest';
import { ec } from '../../../src/crypto/index.js';
import { type ClientDocument, ClientService } from '../../../src/daemon/offline/clients.js';
import { clientDetails, offlineOverview } from '../../../src/daemon/offline/clients-view.js';
import { DEFAULT_CLIENT_LIMITS } from '../../../src/offline/clients.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { filled } from '../../bolt12/support.js';
import { freshDatabase, ENGINES } from '../../store/engines.js';
import { TestClock } from '../../messages/network.js';
import { lspWorld, quietLog } from './lsp-world.js';

const nodeId = (n: number): Uint8Array => ec.publicKey(filled(n));

/** A clock whose timers run when they are told to. */
class HandClock extends TestClock {
  after = (): (() => void) => () => undefined;
}

describe.each(ENGINES)('wallets on $name', (engine) => {
  const test = freshDatabase(engine);
  const clock = new HandClock();
  const service = (store = test.store): ClientService =>
    new ClientService({
      documents: store.documents<ClientDocument>('client'),
      messenger: { pathId: () => new Uint8Array(32), pathsToVirtual: () => [] },
      clock,
      log: quietLog,
    });
  const started = async (): Promise<ClientService> => {
    const made = service(engine.shared ? await test.database.open() : test.store);
    await made.start();
    return made;
  };

  it('are enrolled once, with numbers in order, and found by number, node id and name', async () => {
    const clients = await started();
    const one = unwrap(await clients.enrol({ nodeId: nodeId(1), name: 'one' }));
    const two = unwrap(await clients.enrol({ nodeId: nodeId(2), name: 'two', limits: { maxSlots: 3 } }));
    expect([one.number, two.number]).toEqual([1, 2]);
    expect(two.limits).toEqual({ ...DEFAULT_CLIENT_LIMITS, maxSlots: 3 });
    expect(await clients.enrol({ nodeId: nodeId(1), name: 'again' })).toMatchObject({
      error: { code: 'already_enrolled' },
    });
    for (const text of ['2', toHex(nodeId(2)), toHex(nodeId(2)).toUpperCase(), 'two'])
      expect(clients.find(text)).toEqual(two);
    expect(clients.find('three')).toBeUndefined();
    expect(clients.clientOf(nodeId(1))).toEqual(one);
    expect(clients.clientOf(nodeId(3))).toBeUndefined();
    expect(clients.list()).toEqual([one, two]);
  });

  it.each(['', '12', 'x'.repeat(101), toHex(nodeId(1))])('are not called %j', async (name) => {
    const clients = await started();
    expect(await clients.enrol({ nodeId: nodeId(1), name })).toMatchObject({ error: { code: 'bad_name' } });
    expect(await clients.enrol({ nodeId: filled(5, 33), name: 'x' })).toMatchObject({ error: { code: 'bad_node_id' } });
  });

  it('are known to other processes, changed and removed as well', async () => {
    const [here, there] = [await started(), await started()];
    const { number } = unwrap(await here.enrol({ nodeId: nodeId(1), name: 'one' }));
    expect(there.clientNumbered(number)).toBeUndefined();
    await there.refresh();
    expect(there.clientOf(nodeId(1))).toMatchObject({ name: 'one' });
    await there.change(number, { name: 'uno', limits: { maxHeld: 2 } });
    await here.refresh();
    expect(here.clientNumbered(number)).toMatchObject({ name: 'uno', limits: { maxHeld: 2, maxSlots: 10 } });
    await here.remove(number);
    await there.refresh();
    expect(there.clientOf(nodeId(1))).toBeUndefined();
    expect(await there.remove(number)).toMatchObject({ error: { code: 'not_found' } });
    const again = unwrap(await there.enrol({ nodeId: nodeId(1), name: 'one' }));
    expect(again.number).toBe(number + 1);
    expect(here.clientNumbered(number)).toBeUndefined();
    expect((await started()).list()).toEqual([again]);
  });

  it('are enrolled by one of two processes at the same moment, under numbers of their own', async () => {
    const services = [await started(), await started()];
    const same = await Promise.all(services.map((clients) => clients.enrol({ nodeId: nodeId(1), name: 'one' })));
    expect(same.filter(({ ok }) => ok)).toHaveLength(1);
    const others = await Promise.all(
      services.map(async (clients, i) => unwrap(await clients.enrol({ nodeId: nodeId(2 + i), name: `n ${i}` })).number),
    );
    expect(new Set(others).size).toBe(2);
  });

  it('are all read again by a process that missed too many changes', async () => {
    const [here, there] = [await started(), await started()];
    const { number } = unwrap(await here.enrol({ nodeId: nodeId(1), name: 'one' }));
    unwrap(await here.enrol({ nodeId: nodeId(2), name: 'two' }));
    for (let i = 0; i < 205; i++) await here.change(number, { limits: { maxHeld: i } });
    clock.time += 120_000;
    await there.refresh();
    expect(there.size).toBe(2);
    expect(there.clientNumbered(number)?.limits.maxHeld).toBe(204);
  }, 60_000);
});

describe('what is told of wallets', () => {
  it('is who sleeps, what waits, which invoices are served', async () => {
    const world = await lspWorld();
    const { made } = await world.wallet.setUp(world.paths);
    await world.wallet.ask(world.paths, 4);
    await world.sleep();
    await world.payer.ask(made.offer.paths![0]!, world.payer.request(made));
    const sources = {
      clients: world.lsp.clients,
      mail: world.store.mailbox,
      invoices: world.lsp.invoices,
      isConnected: (node: Uint8Array) => world.party.messenger.isConnected(node),
      now: () => world.clock.now(),
    };
    const overview = await offlineOverview(sources, { limit: 10 });
    expect(overview).toMatchObject({
      asleep: 1,
      mailbox: { boxes: 1, messages: 1 },
      clients: [{ number: 1, name: 'wallet', state: 'asleep', mailbox: { messages: 1 } }],
    });
    expect((await offlineOverview(sources, { limit: 10, after: 1 })).clients).toEqual([]);
    const details = await clientDetails(sources, world.client);
    expect(JSON.parse(JSON.stringify(details))).toMatchObject({
      node_id: toHex(world.wallet.node.nodeId),
      limits: { max_slots: 10, max_held_msat: '10000000000' },
      slots: [
        { slot: 0, state: 'serving', expires_at: expect.stringMatching(/^\d{4}-.*Z$/) as string },
        { slot: 4, state: 'asked' },
      ],
    });
    const later = { ...sources, now: () => world.clock.now() + 2_000_000_000 };
    expect((await clientDetails(later, world.client)).slots[0]).toMatchObject({ state: 'expired' });
    await world.wake();
    expect((await offlineOverview(sources, { limit: 10 })).clients[0]).toMatchObject({ state: 'awake' });
  });
});
