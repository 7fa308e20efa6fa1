import { describe, expect, it } from 'vitest';
import { BLOCK_MS, GuardWatch, START_HEIGHT } from './watch.js';

const MINUTE = 60_000;

describe('the guard tells the node the preimage', () => {
  it('once, half a minute after the settle, with all that the node holds of the hash', async () => {
    const watch = new GuardWatch();
    watch.settle();
    watch.settle({ channel: 8n });
    await watch.run(30_000);
    expect(watch.registered).toEqual([]);
    await watch.run(10 * MINUTE);
    expect(watch.registered).toEqual([{ preimage: 'bb'.repeat(32), amountMsat: 2_002n }]);
    expect(watch.acts).toEqual(['preimage-registered']);
    expect(watch.closes).toEqual([]);
  });

  it('again on every new stream, since the node may have forgotten it', async () => {
    const watch = new GuardWatch();
    watch.settle();
    await watch.run(MINUTE);
    watch.reconnect();
    await watch.run(MINUTE);
    expect(watch.registered).toHaveLength(2);
  });

  it('not where the HTLC is gone or on chain already', async () => {
    const watch = new GuardWatch();
    watch.goOnChain(watch.settle());
    const gone = watch.settle({ hash: 'cc' });
    watch.ends.set(`${gone.key.nodeId}/7/1`, 'settled');
    await watch.run(2 * MINUTE);
    expect(watch.registered).toEqual([]);
    expect(watch.stored(gone).final).toBe('settled');
  });

  it('again with back-off when the node does not take it, with an alarm', async () => {
    const watch = new GuardWatch();
    let calls = 0;
    watch.port = {
      registerPreimage: () => {
        calls += 1;
        return calls < 4 ? Promise.reject(new Error('permission denied')) : Promise.resolve();
      },
    };
    watch.settle();
    await watch.run(10 * MINUTE);
    expect(calls).toBe(4);
    expect(watch.acts).toEqual(['failed', 'failed', 'failed', 'preimage-registered']);
    expect(watch.alarms[0]).toMatchObject({ code: 'guard-failed', node: 'alpha', channelId: 7n });
    expect(watch.alarms[0]!.message).toContain('permission denied');
  });
});

describe('the guard closes the channel', () => {
  it('at the configured distance from expiry by the height of the node, once, and says so', async () => {
    const watch = new GuardWatch(30);
    const part = watch.settle();
    watch.settle({ expiry: START_HEIGHT + 90 + 500, hash: 'dd' });
    watch.height = part.expiry - 31;
    await watch.run(BLOCK_MS + MINUTE);
    expect(watch.closes).toEqual([]);
    expect(watch.codes()).toEqual(['settle-unconfirmed', 'settle-unconfirmed']); // ten minutes are too long as well
    watch.height = part.expiry - 30;
    await watch.run(30 * MINUTE);
    expect(watch.closes).toEqual([{ channelId: 7n, height: part.expiry - 30, needed: true }]);
    expect(watch.codes().filter((code) => code === 'guard-force-closed')).toHaveLength(1);
    const told = watch.alarms.find(({ code }) => code === 'guard-force-closed')!;
    expect(told).toMatchObject({ node: 'alpha', channelId: 7n, htlcId: 0n, paymentHash: part.paymentHash });
    expect(told.message).toContain('30 blocks before');
    expect(told.message).toContain('1 settled parts of 1000 msat');
    expect(watch.acts).toContain('force-closed');
  });

  it('not for a part whose end was missed: the node is asked first', async () => {
    const watch = new GuardWatch();
    const parts = [watch.settle(), watch.settle()];
    for (const { key } of parts) watch.ends.set(`${key.nodeId}/7/${key.htlcId}`, 'settled');
    watch.port = { forceClose: (channelId) => watch.close(channelId) };
    watch.height = START_HEIGHT + 90;
    await watch.run(30 * MINUTE);
    expect(watch.closes).toEqual([]);
    expect(parts.map((part) => watch.stored(part).final)).toEqual(['settled', 'settled']);
  });

  it('not for a part that the node failed in spite of the decision: that is a loss, and is told as one', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    watch.ends.set(`${part.key.nodeId}/7/0`, 'failed');
    watch.height = part.expiry - 20;
    await watch.run(30 * MINUTE);
    expect(watch.closes).toEqual([]);
    expect(watch.stored(part).final).toBe('lost');
    expect(watch.store.events.map((event) => (event.type === 'alarm' ? event.code : event.type))).toContain(
      'part-lost',
    );
  });

  it('not when it sits on chain, where the answer on the stream is all it needs', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    watch.goOnChain(part);
    watch.height = part.expiry - 10;
    await watch.run(30 * MINUTE);
    expect(watch.closes).toEqual([]);
    expect(watch.codes()).toEqual(['settle-unconfirmed']);
  });

  it('not if the operator did not allow it: then there is the alarm alone', async () => {
    const watch = new GuardWatch();
    watch.port = {};
    const part = watch.settle();
    watch.height = part.expiry - 10;
    await watch.run(30 * MINUTE);
    expect(watch.codes()).toEqual(['settle-unconfirmed']);
  });

  it('gives the peer a minute even at the last call', async () => {
    const watch = new GuardWatch();
    watch.height = START_HEIGHT + 90;
    watch.settle();
    await watch.run(MINUTE);
    expect(watch.closes).toEqual([]);
    await watch.run(MINUTE);
    expect(watch.closes).toHaveLength(1);
  });

  it('not when the node does not say whether the HTLC is gone; it asks again with back-off', async () => {
    const watch = new GuardWatch();
    watch.answersLookups = false;
    const part = watch.settle();
    watch.height = part.expiry - 20;
    await watch.run(10 * MINUTE);
    expect(watch.closes).toEqual([]);
    expect(watch.codes()).toContain('guard-failed');
    expect(watch.lookups).toBeLessThan(30);
    watch.answersLookups = true;
    await watch.run(3 * MINUTE);
    expect(watch.closes).toHaveLength(1);
  });

  it('one call at a time, again with back-off while it fails', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    for (let i = 0; i < 5; i++) watch.settle({ hash: `0${i}` });
    watch.height = part.expiry - 20;
    watch.closing = () =>
      new Promise((_, reject) => {
        watch.clock.after(20_000, () => {
          reject(new Error('wallet locked'));
        });
      });
    await watch.run(10 * MINUTE);
    expect(watch.mostPending).toBe(1);
    expect(watch.closes.length).toBeGreaterThan(3);
    expect(watch.closes.length).toBeLessThan(12);
    expect(watch.alarms.find(({ code }) => code === 'guard-failed')!.message).toContain('wallet locked');
    watch.closing = () => Promise.resolve();
    await watch.run(3 * MINUTE);
    const { length } = watch.closes;
    await watch.run(10 * MINUTE);
    expect(watch.closes).toHaveLength(length);
    expect(watch.codes()).toContain('guard-force-closed');
  });

  it('anew on a new stream, since the node may have crashed before it began', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    watch.height = part.expiry - 20;
    await watch.run(5 * MINUTE);
    watch.reconnect();
    await watch.run(MINUTE);
    expect(watch.closes).toHaveLength(2);
  });

  it('by its own height where another member is ahead; the alarm goes by the best one', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    watch.height = part.expiry - 60;
    watch.bestHeight = part.expiry - 21;
    await watch.run(9 * MINUTE);
    expect(watch.codes()).toEqual(['settle-unconfirmed']);
    await watch.run(30 * MINUTE);
    expect(watch.closes).toEqual([]);
    watch.height = part.expiry - 22;
    await watch.run(MINUTE);
    expect(watch.closes).toHaveLength(1);
  });
});

describe('the guard leaves a node alone', () => {
  it('that another process owns, and its alarms too', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    watch.height = part.expiry - 20;
    watch.lease({ owner: 'another', epoch: 2 });
    for (let i = 0; i < 30; i++) {
      watch.lease({ owner: 'another', epoch: 2 });
      await watch.run(5_000);
    }
    expect([watch.closes, watch.registered, watch.alarms]).toEqual([[], [], []]);
    // Nobody owns it: everybody tells of it.
    await watch.run(MINUTE);
    expect(watch.codes()).toEqual(['settle-unconfirmed']);
    expect(watch.closes).toEqual([]);
  });

  it('when its lease is taken between the look and the act', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    await watch.run(MINUTE);
    watch.height = part.expiry - 20;
    const seen = [...watch.store.leaseRows.values()];
    watch.lease({ owner: 'another', epoch: 2 });
    await watch.clock.finish(watch.guard.look(watch.clock.now(), seen, watch.height));
    await watch.clock.runFor(MINUTE);
    expect(watch.closes).toEqual([]);
  });

  it('when the process was frozen between what it learned and the act', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    await watch.run(MINUTE);
    watch.height = part.expiry - 20;
    watch.duringLookup = () => {
      watch.frozenMs += 120_000;
      watch.ends.set(`${part.key.nodeId}/7/0`, 'settled'); // meanwhile it ended
    };
    await watch.run(MINUTE);
    expect(watch.closes).toEqual([]);
    expect(watch.stored(part).final).toBe('settled');
  });

  it('when the end comes while it is asked for', async () => {
    const watch = new GuardWatch();
    const part = watch.settle();
    await watch.run(MINUTE);
    watch.height = part.expiry - 20;
    watch.duringLookup = () => {
      watch.tell(part.key, 'settled');
    };
    await watch.run(MINUTE);
    expect(watch.closes).toEqual([]);
  });
});
