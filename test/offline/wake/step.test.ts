import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WAKE_LIMITS } from '../../../src/offline/wake/lsps5/limits.js';
import { freshMs, type WakeNotification } from '../../../src/offline/wake/lsps5/notifications.js';
import {
  NO_CLIENT,
  type WakeClient,
  type WakeContext,
  type WakeEvent,
  type WakeReply,
} from '../../../src/offline/wake/lsps5/state.js';
import { stepWake } from '../../../src/offline/wake/lsps5/step.js';

const DAY = 86_400_000;
const START = 1_000_000_000_000;
const PAYMENT: WakeNotification = { method: 'lsps5.payment_incoming', params: {} };
const MESSAGE: WakeNotification = { method: 'lsps5.onion_message_incoming', params: {} };
const expiry = (timeout: number): WakeNotification => ({ method: 'lsps5.expiry_soon', params: { timeout } });

/** A client, a clock, and what the LSP knows of it. */
class Desk {
  client: WakeClient = NO_CLIENT;
  now = START;
  context: Omit<WakeContext, 'now'> = { activity: 'channel', isConnected: false, strangers: 0, limits: WAKE_LIMITS };

  step(event: WakeEvent): WakeReply {
    const { client, reply } = stepWake(this.client, event, { ...this.context, now: this.now });
    this.client = client;
    return reply;
  }

  set(appName: string, url = `https://${appName}.example/`): WakeReply {
    return this.step({ type: 'set', appName, url });
  }

  notify(notification: WakeNotification = PAYMENT): WakeReply {
    return this.step({ type: 'notify', notification });
  }

  /** As the store does when an endpoint took a call. */
  deliver(method?: string): void {
    const owed = this.client.owed.filter(({ notification }) => method !== undefined && notification.method !== method);
    this.client = { ...this.client, owed };
  }

  owed(): string[] {
    return this.client.owed.map(({ appName, notification }) => `${appName} ${notification.method}`);
  }
}

const codeOf = (reply: WakeReply): number | string => (reply.type === 'refused' ? reply.error.code : reply.type);

describe('webhooks of a client', () => {
  it('are set, replaced and counted, and told once of themselves', () => {
    const desk = new Desk();
    expect(desk.set('a')).toEqual({
      type: 'answer',
      result: { num_webhooks: 1, max_webhooks: 10, no_change: false },
    });
    expect(desk.owed()).toEqual(['a lsps5.webhook_registered']);
    desk.deliver();
    expect(desk.set('a')).toMatchObject({ result: { num_webhooks: 1, no_change: true } });
    expect(desk.owed()).toEqual([]);
    expect(desk.set('a', 'https://new.example/')).toMatchObject({ result: { num_webhooks: 1, no_change: false } });
    expect(desk.owed()).toEqual(['a lsps5.webhook_registered']);
    expect(desk.set('b')).toMatchObject({ result: { num_webhooks: 2, no_change: false } });
    expect(desk.owed()).toEqual(['a lsps5.webhook_registered', 'b lsps5.webhook_registered']);
    expect(desk.client.webhooks.map(({ url }) => url)).toEqual(['https://new.example/', 'https://b.example/']);
  });

  it('are told of themselves once more for each change, not twice at a time', () => {
    const desk = new Desk();
    for (let i = 0; i < 5; i++) desk.set('a', `https://${i}.example/`);
    expect(desk.owed()).toEqual(['a lsps5.webhook_registered']);
    desk.set('a', 'https://4.example/');
    expect(desk.owed()).toEqual(['a lsps5.webhook_registered']);
  });

  it('are ten at most, however many are asked for', () => {
    const desk = new Desk();
    for (let i = 0; i < 10_000; i++) {
      const reply = desk.set(`app ${i}`);
      if (i < 10) expect(reply).toMatchObject({ result: { num_webhooks: i + 1 } });
      else expect(reply).toMatchObject({ error: { code: 503, data: { max_webhooks: 10 } } });
    }
    expect([desk.client.webhooks.length, desk.client.owed.length]).toEqual([10, 10]);
    expect(desk.set('app 3', 'https://changed.example/')).toMatchObject({ result: { num_webhooks: 10 } });
  });

  it('are listed and removed by name, with what is owed to them', () => {
    const desk = new Desk();
    desk.set('a');
    desk.set('b');
    desk.notify();
    expect(desk.step({ type: 'list' })).toEqual({
      type: 'answer',
      result: { app_names: ['a', 'b'], max_webhooks: 10 },
    });
    expect(desk.step({ type: 'remove', appName: 'a' })).toEqual({ type: 'answer', result: {} });
    expect(desk.owed()).toEqual(['b lsps5.webhook_registered', 'b lsps5.payment_incoming']);
    expect(codeOf(desk.step({ type: 'remove', appName: 'a' }))).toBe(1010);
    desk.step({ type: 'remove', appName: 'b' });
    expect(desk.step({ type: 'list' })).toMatchObject({ result: { app_names: [] } });
  });

  it('are for clients with a channel or a purchase under way', () => {
    const desk = new Desk();
    desk.context = { ...desk.context, activity: 'none' };
    expect(codeOf(desk.set('a'))).toBe(1003);
    expect(desk.client).toBe(NO_CLIENT);
    desk.context = { ...desk.context, activity: 'purchase' };
    expect(codeOf(desk.set('a'))).toBe('answer');
  });

  it('are bounded over all clients without channel', () => {
    const desk = new Desk();
    desk.context = { ...desk.context, activity: 'purchase', strangers: WAKE_LIMITS.maxStrangers };
    expect(codeOf(desk.set('a'))).toBe(1003);
    desk.context = { ...desk.context, activity: 'channel' };
    expect(codeOf(desk.set('a'))).toBe('answer');
    // One that is in already stays in.
    desk.context = { ...desk.context, activity: 'purchase' };
    expect(codeOf(desk.set('b'))).toBe('answer');
  });
});

describe('notifications', () => {
  function withTwo(): Desk {
    const desk = new Desk();
    desk.set('a');
    desk.set('b');
    desk.deliver();
    return desk;
  }

  it('go to all webhooks of a client that is away', () => {
    const desk = withTwo();
    expect(desk.notify()).toEqual({ type: 'owed', dueAt: START });
    expect(desk.owed()).toEqual(['a lsps5.payment_incoming', 'b lsps5.payment_incoming']);
    expect(desk.client.owed[0]).toMatchObject({ dueAt: START, staleAt: START + freshMs('lsps5.payment_incoming') });
  });

  it('go to nobody while it is here, or has no webhook', () => {
    const desk = withTwo();
    desk.context = { ...desk.context, isConnected: true };
    expect(desk.notify()).toEqual({ type: 'connected' });
    expect(desk.owed()).toEqual([]);
    expect(new Desk().notify()).toEqual({ type: 'no_webhook' });
  });

  it('of one method are one call while it waits, with one write', () => {
    const desk = withTwo();
    desk.notify();
    const { client } = desk;
    for (let i = 0; i < 1_000; i++) expect(desk.notify()).toEqual({ type: 'merged' });
    expect(desk.client).toBe(client);
  });

  it('that wait for long live longer if there is news', () => {
    const desk = withTwo();
    desk.notify();
    desk.now += 10 * 60_000;
    expect(desk.notify()).toEqual({ type: 'merged' });
    expect(desk.client.owed.map(({ staleAt }) => staleAt)).toEqual([desk.now + 900_000, desk.now + 900_000]);
  });

  it('name the earliest height of those that wait', () => {
    const desk = withTwo();
    const height = (): unknown => desk.client.owed[0]!.notification.params;
    desk.notify(expiry(950));
    desk.notify(expiry(900));
    expect(height()).toEqual({ timeout: 900 });
    desk.notify(expiry(920));
    expect(height()).toEqual({ timeout: 900 });
  });

  it('keep a minute between them, of whatever method, and are late rather than lost', () => {
    const desk = withTwo();
    desk.notify();
    desk.deliver();
    desk.now += 10_000;
    expect(desk.notify()).toEqual({ type: 'owed', dueAt: START + 60_000 });
    expect(desk.notify(MESSAGE)).toEqual({ type: 'owed', dueAt: START + 120_000 });
    expect(desk.notify(expiry(5))).toEqual({ type: 'owed', dueAt: START + 180_000 });
    desk.deliver();
    desk.now = START + 240_000;
    expect(desk.notify()).toEqual({ type: 'owed', dueAt: desk.now });
  });

  it('come at once again after the client came or went', () => {
    for (const type of ['connected', 'disconnected'] as const) {
      const desk = withTwo();
      desk.notify();
      desk.deliver();
      desk.now += 1_000;
      desk.step({ type });
      expect(desk.notify()).toEqual({ type: 'owed', dueAt: desk.now });
    }
  });

  it('are dropped when the client comes, but for the word of a registration', () => {
    const desk = withTwo();
    desk.set('c');
    desk.notify();
    desk.notify(expiry(5));
    desk.step({ type: 'disconnected' });
    expect(desk.owed()).toHaveLength(7);
    desk.step({ type: 'connected' });
    expect(desk.owed()).toEqual(['c lsps5.webhook_registered']);
    expect(desk.client.connectedAt).toBe(START);
  });

  it('gain nothing from a client that comes and goes all the time', () => {
    const desk = withTwo();
    desk.step({ type: 'connected' });
    for (let i = 0; i < 99; i++) {
      desk.now += 1;
      desk.notify();
      desk.deliver();
      const { client } = desk;
      desk.step({ type: 'disconnected' });
      expect(desk.client).toBe(client);
    }
    expect(desk.client.notifiedAt).toBeGreaterThan(desk.now);
    desk.now += 1;
    desk.step({ type: 'disconnected' });
    expect(desk.client.notifiedAt).toBeUndefined();
  });

  it('that are stale give way to new ones', () => {
    const desk = withTwo();
    desk.notify();
    desk.now += 15 * 60_000;
    expect(desk.notify()).toEqual({ type: 'owed', dueAt: desk.now });
    expect(desk.client.owed.map(({ createdAt }) => createdAt)).toEqual([desk.now, desk.now]);
  });

  it('follow a webhook to its new URL', () => {
    const desk = withTwo();
    desk.notify();
    desk.set('a', 'https://new.example/');
    expect(desk.owed().sort()).toEqual([
      'a lsps5.payment_incoming',
      'a lsps5.webhook_registered',
      'b lsps5.payment_incoming',
    ]);
  });

  it('are bounded whatever happens', () => {
    const event: fc.Arbitrary<WakeEvent> = fc.oneof(
      fc.record({ type: fc.constant('set' as const), appName: fc.nat(20).map(String), url: fc.webUrl() }),
      fc.record({ type: fc.constant('remove' as const), appName: fc.nat(20).map(String) }),
      fc.record({
        type: fc.constant('notify' as const),
        notification: fc.constantFrom(PAYMENT, MESSAGE, expiry(1), expiry(2)),
      }),
      fc.constantFrom<WakeEvent>({ type: 'connected' }, { type: 'disconnected' }, { type: 'review' }, { type: 'list' }),
    );
    const moment = fc.record({ event, wait: fc.constantFrom(0, 1, 50, 30_000, 3_600_000, 40 * DAY) });
    const activity = fc.constantFrom('channel' as const, 'purchase' as const, 'none' as const);
    fc.assert(
      fc.property(fc.array(fc.tuple(moment, activity, fc.boolean()), { maxLength: 60 }), (moments) => {
        const desk = new Desk();
        let spokenAt = -Infinity;
        for (const [{ event, wait }, activity, isConnected] of moments) {
          desk.now += wait;
          desk.context = { ...desk.context, activity, isConnected };
          const before = desk.client;
          const reply = desk.step(event);
          const { webhooks, owed } = desk.client;
          expect(webhooks.length).toBeLessThanOrEqual(10);
          const names = owed.map(({ appName, notification }) => `${notification.method} ${appName}`);
          expect(new Set(names).size).toBe(names.length);
          for (const call of owed) {
            expect(webhooks.some(({ appName }) => appName === call.appName)).toBe(true);
            expect(call.staleAt).toBeGreaterThan(call.dueAt);
          }
          if (reply.type === 'refused') expect(desk.client).toBe(before);
          if (event.type === 'connected' || event.type === 'disconnected') spokenAt = -Infinity;
          if (reply.type === 'owed') {
            expect(reply.dueAt - spokenAt).toBeGreaterThanOrEqual(60_000);
            spokenAt = reply.dueAt;
          }
          if (webhooks.length === 0) spokenAt = -Infinity;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('webhooks that nobody uses', () => {
  function away(): Desk {
    const desk = new Desk();
    desk.set('a');
    desk.deliver();
    return desk;
  }
  const review = (desk: Desk, activity: WakeContext['activity'], at: number): number => {
    desk.context = { ...desk.context, activity };
    desk.now = START + at;
    const reply = desk.step({ type: 'review' });
    if (reply.type !== 'reviewed') throw new Error(reply.type);
    expect(desk.client.reviewedAt).toBe(desk.now);
    return reply.forgotten;
  };

  it('stay while there is a channel or a purchase', () => {
    const desk = away();
    expect(review(desk, 'channel', 400 * DAY)).toBe(0);
    expect(review(desk, 'purchase', 800 * DAY)).toBe(0);
  });

  it('stay for a week after the last channel, however long they were not used', () => {
    const desk = away();
    expect(review(desk, 'channel', 100 * DAY)).toBe(0);
    expect(review(desk, 'none', 101 * DAY)).toBe(0);
    expect(review(desk, 'none', 108 * DAY - 1)).toBe(0);
    expect(review(desk, 'none', 108 * DAY)).toBe(1);
    expect(desk.client.webhooks).toEqual([]);
  });

  it('stay a week more if there was a channel in between', () => {
    const desk = away();
    review(desk, 'none', 101 * DAY);
    review(desk, 'channel', 104 * DAY);
    expect(review(desk, 'none', 110 * DAY)).toBe(0);
    expect(review(desk, 'none', 117 * DAY)).toBe(1);
  });

  it('stay for 30 days after they were set, called, or their client was here', () => {
    const desk = away();
    review(desk, 'none', 0);
    expect(review(desk, 'none', 30 * DAY - 1)).toBe(0);
    desk.step({ type: 'connected' });
    expect(review(desk, 'none', 60 * DAY - 2)).toBe(0);
    desk.notify();
    expect(review(desk, 'none', 90 * DAY - 3)).toBe(0);
    expect(review(desk, 'none', 90 * DAY)).toBe(1);
    expect(desk.client.owed).toEqual([]);
  });
});
