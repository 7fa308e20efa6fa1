import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/daemon/http/app.js';
import { call, makeWorld, ready, until, type World } from './support.js';

let world: World;
let admin = '';
beforeAll(async () => {
  world = await makeWorld();
  await ready(world);
  admin = await world.token('admin');
});
afterAll(async () => {
  await world.stop();
});

interface Sent {
  readonly id: string;
  readonly event: string;
  readonly data: { id: string; type: string; payment_hash: string };
}

/** Reads a stream until `enough` says so, then breaks it off. */
async function read(
  path: string,
  headers: Record<string, string>,
  enough: (events: Sent[], comments: number) => boolean,
  token = admin,
) {
  const response = await world.app.request(path, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers },
  });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const events: Sent[] = [];
  let comments = 0;
  let ended = false;
  let text = '';
  while (!enough(events, comments)) {
    const { done, value } = await reader.read();
    ended = done;
    if (done) break;
    text += new TextDecoder().decode(value);
    const messages = text.split('\n\n');
    text = messages.pop()!;
    for (const message of messages) {
      if (message.startsWith(':')) comments += 1;
      else events.push(parse(message));
    }
  }
  await reader.cancel();
  return { events, comments, ended };
}

function parse(message: string): Sent {
  const fields = new Map(message.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
  return { id: fields.get('id')!, event: fields.get('event')!, data: JSON.parse(fields.get('data')!) as Sent['data'] };
}

async function pay(amount = '10000'): Promise<string> {
  const { json } = await call(world, 'POST', '/v1/invoices', admin, { amount_msat: amount });
  const paid = await call(world, 'POST', '/v1/sim/pay', admin, { invoice: json['bolt11'] });
  expect(paid.json['outcome']).toBe('settled');
  return String(json['payment_hash']);
}

describe('event stream', () => {
  it('tells of payments as they happen', async () => {
    const following = read('/v1/events', {}, (events) => events.some(({ event }) => event === 'invoice.final'));
    await until(() => world.parts.api.streams.open === 1);
    const hash = await pay();
    const { events } = await following;
    expect(events.map(({ event, data }) => [event, data.payment_hash])).toEqual([
      ['invoice.settled', hash],
      ['invoice.final', hash],
    ]);
    expect(events[0]!.data).toMatchObject({ id: events[0]!.id, type: 'invoice.settled' });
    await until(() => world.parts.api.streams.open === 0);
  });

  it('goes on behind the last event seen, and loses and repeats nothing', async () => {
    for (let i = 0; i < 4; i++) await pay();
    await until(async () => (await world.store.events.latestSeq()) >= 10n);
    const seen: string[] = [];
    for (let round = 0; round < 5; round++) {
      const { events } = await read(
        '/v1/events?after=0',
        seen.length > 0 ? { 'last-event-id': seen.at(-1)! } : {},
        (got) => got.length > 0,
      );
      seen.push(...events.slice(0, 2).map(({ id }) => id)); // the rest was "lost" with the connection
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
  });

  it('can be narrowed to types and read as pages', async () => {
    await until(async () => (await world.store.events.latestSeq()) >= 10n);
    const { events } = await read('/v1/events?after=0&types=invoice.final', {}, (got) => got.length >= 5);
    expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['invoice.final']));
    const ids: string[] = [];
    let after = '0';
    for (;;) {
      const { json } = await call(world, 'GET', `/v1/events?after=${after}&limit=3&types=invoice.settled`, admin);
      const page = json['events'] as { id: string; type: string }[];
      if (page.length === 0) break;
      ids.push(...page.map(({ id }) => id));
      after = String(json['next_after']);
    }
    expect(ids).toEqual(['1', '3', '5', '7', '9']);
    expect((await call(world, 'GET', '/v1/events?after=latest', admin)).json).toEqual({ events: [], next_after: '10' });
    for (const query of ['after=x', 'after=-1', 'types=nonsense', `after=${'9'.repeat(19)}`]) {
      expect((await call(world, 'GET', `/v1/events?${query}`, admin)).status, query).toBe(400);
    }
  });

  it('shows that it is alive, and ends when its token is revoked', async () => {
    const token = await world.token('events:read');
    const { comments } = await read('/v1/events', {}, (_events, seen) => seen >= 2, token);
    expect(comments).toBe(2);
    const following = read('/v1/events', {}, () => false, token);
    await world.store.tokens.revoke((await world.store.tokens.find(token))!.id);
    expect((await following).ended).toBe(true);
  });

  it('survives the absence of the store and then tells all', async () => {
    const from = String(await world.store.events.latestSeq());
    const following = read(`/v1/events?after=${from}`, {}, (events) => events.length >= 2);
    await until(() => world.parts.api.streams.open === 1);
    world.setAway(true);
    await new Promise((resolve) => setTimeout(resolve, 400));
    world.setAway(false);
    await pay();
    expect((await following).events).toHaveLength(2);
  });

  it('keeps nothing for a client that does not read', async () => {
    const before = world.parts.api.streams.open;
    const response = await world.app.request('/v1/events?after=0', {
      headers: { authorization: `Bearer ${admin}`, accept: 'text/event-stream' },
    });
    for (let i = 0; i < 3; i++) await pay();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    // One page was read ahead before the payments were made; what came since is still in the store.
    const first = new TextDecoder().decode((await reader.read()).value);
    expect(first.match(/^id: /gm)!.length).toBeLessThanOrEqual(12);
    const second = new TextDecoder().decode((await reader.read()).value);
    expect(second).toMatch(/^id: 13$/m);
    await reader.cancel();
    await until(() => world.parts.api.streams.open === before);
  });

  it('is limited in number', async () => {
    world.parts.api.streams.open += 256;
    const reply = await call(world, 'GET', '/v1/events', admin, undefined, { accept: 'text/event-stream' });
    world.parts.api.streams.open -= 256;
    expect(reply).toMatchObject({ status: 503, json: { code: 'too_many_streams' } });
  });

  it('ends when its token is revoked although events never pause', async () => {
    const token = await world.token('events:read');
    // Longer than the hub takes between two looks, so that no heartbeat falls between events.
    const app = createApp({ ...world.parts.api, heartbeatMs: 1_000 });
    const response = await app.request('/v1/events', {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    });
    const following = response.text();
    let flows = true;
    const pause = setTimeout(() => (flows = false), 3_000);
    const flowing = Array.from({ length: 6 }, async () => {
      while (flows) await pay();
    });
    await world.store.tokens.revoke((await world.store.tokens.find(token))!.id);
    const text = await following;
    expect(flows).toBe(true);
    expect(text).toMatch(/^id: /m);
    expect(text).not.toMatch(/^: /m);
    clearTimeout(pause);
    flows = false;
    await Promise.all(flowing);
  });

  it('ends when the daemon stops', async () => {
    const other = await makeWorld();
    const token = await other.token('events:read');
    const response = await other.app.request('/v1/events', {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    });
    const text = response.text();
    await other.stop();
    expect(await text).toBe('');
  });
});
