import { describe, expect, it } from 'vitest';
import { call, makeWorld, until } from './support.js';

describe('alarms that the ledger writes', () => {
  it('are counted and logged once, wherever they were found out; those of the past are not', async () => {
    const world = await makeWorld();
    try {
      const emit = (code: string, paymentHash: string): Promise<void> =>
        world.store.transact([], (view) => {
          const key = { nodeId: 'n', channelId: 1n, htlcId: 2n };
          view.emit({ type: 'alarm', code, paymentHash, message: `it is ${code}`, key });
        });
      const counted = async (code: string): Promise<number> => {
        const text = await world.parts.api.metrics.registry.metrics();
        return Number(new RegExp(`manifold_alarms_total\\{code="${code}"\\} (\\d+)`).exec(text)?.[1]);
      };
      expect(await counted('part-lost')).toBe(0);
      await emit('part-lost', 'aa');
      await emit('answer-overdue', 'aa'); // as the daemon writes what it has told already
      await emit('settled-unasked', 'bb');
      await until(async () => (await counted('settled-unasked')) === 1);
      expect([await counted('part-lost'), await counted('answer-overdue')]).toEqual([1, 0]);
      expect(world.logged().match(/it is part-lost/g)).toHaveLength(1);
      const token = await world.token('events:read');
      const { json } = await call(world, 'GET', '/v1/events?after=0&types=alarm', token);
      expect(json['events']).toHaveLength(3);
      const second = await makeWorld({ store: world.store });
      try {
        await emit('part-lost', 'cc');
        await until(async () => (await counted('part-lost')) === 2);
        await until(() => second.logged().includes('it is part-lost'));
        expect(second.logged().match(/it is part-lost/g)).toHaveLength(1);
      } finally {
        await second.stop();
      }
    } finally {
      await world.stop();
    }
  });
});
