import { describe, expect, it } from 'vitest';
import { type IdempotentRequest, StoreConflict, StoreWrongDatabase } from '../../src/store/index.js';
import { ENGINES, freshDatabase } from './engines.js';
import { newHash } from './rows.js';

const REQUEST: IdempotentRequest = { tokenId: 't', key: 'k', route: 'POST /v1/invoices', requestHash: 'h' };

describe.each(ENGINES)('what the API keeps on $name', (engine) => {
  const test = freshDatabase(engine);

  describe('tokens', () => {
    it('are found by the token until revoked', async () => {
      const added = await test.store.tokens.add('secret-1', { id: 'a', name: 'shop', scopes: ['read', 'invoice'] });
      await test.store.tokens.add('secret-2', { id: 'b', name: 'other', scopes: [] });
      expect(await test.store.tokens.find('secret-1')).toEqual(added);
      expect(await test.store.tokens.find('secret-3')).toBeUndefined();
      expect(await test.store.tokens.revoke('a')).toBe(true);
      expect(await test.store.tokens.revoke('a')).toBe(false);
      expect(await test.store.tokens.find('secret-1')).toBeUndefined();
      const listed = await test.store.tokens.list();
      expect(listed.map((token) => token.id)).toEqual(['a', 'b']);
      expect(listed[0]!.revokedAt).toEqual(expect.any(Number));
    });

    it('have ids of their own', async () => {
      await test.store.tokens.add('secret-1', { id: 'a', name: 'x', scopes: [] });
      await expect(test.store.tokens.add('secret-2', { id: 'a', name: 'x', scopes: [] })).rejects.toThrow(
        StoreConflict,
      );
    });
  });

  describe('idempotency keys', () => {
    it('let one of many simultaneous requests run, and give its answer to the others', async () => {
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => test.store.idempotency.begin(REQUEST)));
      const runs = outcomes.filter((outcome) => outcome.type === 'run');
      expect(runs).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome.type === 'in_progress')).toHaveLength(19);
      expect(await test.store.idempotency.finish(runs[0]!.claim, { statusCode: 201, responseBody: '{"ok":1}' })).toBe(
        true,
      );
      const answer = { type: 'done', statusCode: 201, responseBody: '{"ok":1}' };
      expect(await test.store.idempotency.begin(REQUEST)).toEqual(answer);
      expect(await test.store.idempotency.begin({ ...REQUEST, requestHash: 'other' })).toEqual({ type: 'mismatch' });
      expect(await test.store.idempotency.begin({ ...REQUEST, route: 'POST /v1/x' })).toEqual({ type: 'mismatch' });
      expect(await test.store.idempotency.begin({ ...REQUEST, tokenId: 'other' })).toMatchObject({ type: 'run' });
    });

    it('pass from a dead process to exactly one other, and the dead one cannot answer any more', async () => {
      const first = await test.store.idempotency.begin(REQUEST);
      if (first.type !== 'run') throw new Error('the first request runs');
      // Every claim counts as timed out.
      const again = await Promise.all(Array.from({ length: 10 }, () => test.store.idempotency.begin(REQUEST, -60_000)));
      const taken = again.flatMap((outcome) => (outcome.type === 'run' ? [outcome.claim] : []));
      expect(new Set(taken.map((claim) => claim.claim)).size).toBe(taken.length);
      const last = taken.sort((a, b) => Number(a.claim - b.claim)).at(-1)!;
      expect(await test.store.idempotency.finish(first.claim, { statusCode: 500, responseBody: 'old' })).toBe(false);
      expect(await test.store.idempotency.finish(last, { statusCode: 200, responseBody: 'new' })).toBe(true);
      expect(await test.store.idempotency.begin(REQUEST)).toMatchObject({ type: 'done', responseBody: 'new' });
    });

    it('can be given back and are forgotten after their time', async () => {
      const first = await test.store.idempotency.begin(REQUEST);
      if (first.type !== 'run') throw new Error('the first request runs');
      await test.store.idempotency.abandon(first.claim);
      expect(await test.store.idempotency.begin(REQUEST)).toMatchObject({ type: 'run' });
      expect(await test.store.idempotency.purge(0)).toBe(0);
      expect(await test.store.idempotency.purge(Date.now() + 60_000)).toBe(1);
    });
  });

  describe('webhooks', () => {
    const add = (id: string, eventTypes: string[] = []) =>
      test.store.webhooks.add({
        id,
        url: `https://${id}`,
        secretRef: `s-${id}`,
        eventTypes,
        enabled: true,
        cursorSeq: 0n,
      });
    const emit = async (...types: ('invoice.canceled' | 'alarm')[]): Promise<void> => {
      await test.store.transact([], (view) => {
        for (const type of types) {
          const key = { nodeId: 'n', channelId: 1n, htlcId: 1n };
          view.emit({ type, paymentHash: newHash(), code: 'c', message: 'm', key });
        }
      });
      await test.store.events.sequence();
    };

    it('get the events they want, each claimed by one process at a time until it is delivered', async () => {
      const all = await add('all');
      const some = await add('some', ['alarm']);
      expect(await test.store.webhooks.list()).toEqual([all, some]);
      await emit('invoice.canceled', 'alarm');
      expect(await test.store.webhooks.enqueue(100)).toBe(4);
      expect(await test.store.webhooks.enqueue(100)).toBe(0);
      const claims = await Promise.all([test.store.webhooks.claim(10, 60_000), test.store.webhooks.claim(10, 60_000)]);
      const deliveries = claims.flat();
      const text = deliveries.map(({ webhook, event, attempts }) => `${webhook.id} ${event.seq} ${attempts}`);
      expect(text.sort()).toEqual(['all 1 1', 'all 2 1', 'some 2 1']);
      await test.store.webhooks.record('all', 1n, { type: 'done', status: '200' });
      await test.store.webhooks.record('all', 2n, { type: 'retry', status: '500', nextAttemptAt: 0 });
      const next = await test.store.webhooks.claim(10, 60_000);
      expect(next.map(({ webhook, event, attempts }) => [webhook.id, event.seq, attempts])).toEqual([['all', 2n, 2]]);
      expect(next[0]!.event.body).toMatchObject({ type: 'alarm' });
    });

    it('come back when the process that claimed them died, and rest while disabled', async () => {
      await add('x');
      await emit('alarm');
      await test.store.webhooks.enqueue(100);
      expect(await test.store.webhooks.claim(10, -1)).toHaveLength(1);
      expect(await test.store.webhooks.setEnabled('x', false)).toBe(true);
      expect(await test.store.webhooks.claim(10, 0)).toEqual([]);
      await test.store.webhooks.setEnabled('x', true);
      expect((await test.store.webhooks.claim(10, 60_000))[0]).toMatchObject({ attempts: 2 });
    });

    it('take their deliveries with them', async () => {
      await add('x');
      await emit('alarm');
      await test.store.webhooks.enqueue(100);
      expect(await test.store.webhooks.remove('x')).toBe(true);
      expect(await test.store.webhooks.remove('x')).toBe(false);
      expect(await test.store.webhooks.claim(10, 0)).toEqual([]);
      await add('x');
      expect(await test.store.webhooks.enqueue(1)).toBe(1);
    });
  });

  it('a database belongs to one cluster', async () => {
    await test.store.meta.checkFingerprint('cluster-1');
    await test.store.meta.checkFingerprint('cluster-1');
    await expect(test.store.meta.checkFingerprint('cluster-2')).rejects.toThrow(StoreWrongDatabase);
    await test.store.meta.set('a', '1');
    await test.store.meta.set('a', '2');
    expect(await test.store.meta.get('a')).toBe('2');
    await expect(test.store.meta.set('cluster_fingerprint', 'x')).rejects.toThrow('set once');
  });
});
