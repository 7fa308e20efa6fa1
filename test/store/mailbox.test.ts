import { describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT_LIMITS } from '../../src/offline/clients.js';
import type { BoxLimits, IncomingMail } from '../../src/offline/mailbox/index.js';
import { ec } from '../../src/crypto/index.js';
import { ENGINES, freshDatabase } from './engines.js';

const POINT = ec.publicKey(new Uint8Array(32).fill(7));
/** Encoded it has 37 bytes more. */
const OVERHEAD = 37;
const PLENTY: BoxLimits = {
  messages: DEFAULT_CLIENT_LIMITS.mailboxMessages,
  bytes: DEFAULT_CLIENT_LIMITS.mailboxBytes,
};

const mail = (client: number, mark: number, length = 63, limits = PLENTY): IncomingMail => ({
  client,
  message: { pathKey: POINT, packet: new Uint8Array(length).fill(mark) },
  limits,
});

describe.each(ENGINES)('the mailbox on $name', (engine) => {
  const test = freshDatabase(engine);
  const box = () => test.store.mailbox;
  const marks = async (client: number): Promise<number[]> => {
    const claimed = await box().claim(client, 60_000);
    if (!claimed) return [];
    await box().finish(claimed, []);
    return claimed.mail.map(({ message }) => message.packet[0]!);
  };

  it('gives back in order what it was given, each wallet its own', async () => {
    await box().keep([mail(1, 1), mail(2, 9), mail(1, 2)]);
    await box().keep([mail(1, 3)]);
    const claimed = await box().claim(1, 60_000);
    expect(claimed?.mail.map(({ message }) => message)).toEqual([1, 2, 3].map((mark) => mail(1, mark).message));
    expect(await box().box(1)).toMatchObject({ client: 1, messages: 3, bytes: 300 });
    expect(await box().totals()).toEqual({ boxes: 2, messages: 4, bytes: 400 });
    expect((await box().boxes(10)).map(({ client }) => client)).toEqual([1, 2]);
    expect((await box().boxes(10, 1)).map(({ client }) => client)).toEqual([2]);
    expect(await box().box(3)).toBeUndefined();
  });

  it('drops the oldest of a box that is full by number or by bytes', async () => {
    const few = { messages: 3, bytes: 10_000 };
    expect(await box().keep([1, 2, 3].map((mark) => mail(1, mark, 63, few)))).toBe(0);
    expect(await box().keep([mail(1, 4, 63, few), mail(1, 5, 63, few)])).toBe(2);
    expect(await marks(1)).toEqual([3, 4, 5]);
    const small = { messages: 30, bytes: 250 };
    expect(await box().keep([mail(2, 1, 63, small), mail(2, 2, 63, small), mail(2, 3, 63, small)])).toBe(1);
    expect(await marks(2)).toEqual([2, 3]);
    expect(await box().totals()).toEqual({ boxes: 2, messages: 5, bytes: 500 });
  });

  it('drops a message that alone is larger than the box, and leaves no empty box', async () => {
    expect(await box().keep([mail(1, 1, 300 - OVERHEAD, { messages: 5, bytes: 299 })])).toBe(1);
    expect(await box().totals()).toEqual({ boxes: 0, messages: 0, bytes: 0 });
    expect(await box().claim(1, 1)).toBeUndefined();
  });

  it('hands a box to one at a time, and what was handed over is gone', async () => {
    await box().keep([mail(1, 1), mail(1, 2), mail(1, 3)]);
    const claims = await Promise.all([1, 2, 3].map(() => box().claim(1, 60_000)));
    const [mine, ...others] = claims.filter((one) => one !== undefined);
    expect(others).toEqual([]);
    expect(await box().waiting([1, 2])).toEqual([]);
    // Came meanwhile.
    await box().keep([mail(1, 4)]);
    expect(await box().claim(1, 60_000)).toBeUndefined();
    await box().finish(
      mine!,
      mine!.mail.slice(0, 2).map(({ id }) => id),
    );
    expect(await box().waiting([1, 2])).toEqual([1]);
    expect(await marks(1)).toEqual([3, 4]);
    expect(await box().box(1)).toMatchObject({ messages: 2, bytes: 200 });
  });

  it('gives a box to the next when a lease has ended, and the late one cannot give it back', async () => {
    await box().keep([mail(1, 1)]);
    const late = await box().claim(1, 0);
    const next = await box().claim(1, 60_000);
    expect(next?.claim).toBeGreaterThan(late!.claim);
    await box().finish(late!, []);
    expect(await box().claim(1, 60_000)).toBeUndefined();
    // What the late one handed over all the same is gone: better once more than never, but not twice when it can be helped.
    await box().finish(
      late!,
      late!.mail.map(({ id }) => id),
    );
    expect(await box().totals()).toEqual({ boxes: 0, messages: 0, bytes: 0 });
  });

  it('keeps within the bounds of all boxes, dropping the oldest', async () => {
    for (const client of [1, 2, 3, 4]) await box().keep([mail(client, client), mail(client, client)]);
    const bounds = { maxBoxes: 100, maxBytes: 1_000_000, oldest: 0 };
    expect(await box().trim(bounds)).toBe(0);
    expect(await box().trim({ ...bounds, maxBytes: 600 })).toBe(2);
    expect((await box().boxes(10)).map(({ client }) => client)).toEqual([2, 3, 4]);
    await box().keep([mail(2, 7)]);
    expect(await box().trim({ ...bounds, maxBytes: 650 })).toBe(1);
    expect(await box().box(2)).toMatchObject({ messages: 2 });
    expect(await box().trim({ ...bounds, maxBoxes: 1 })).toBeGreaterThanOrEqual(4);
    expect((await box().totals()).boxes).toBe(1);
  });

  it('drops what is too old, and forgets a wallet', async () => {
    await box().keep([mail(1, 1), mail(2, 2)]);
    const bounds = { maxBoxes: 100, maxBytes: 1_000_000 };
    const { oldestAt } = (await box().box(1))!;
    expect(await box().trim({ ...bounds, oldest: oldestAt })).toBe(0);
    await box().forget(1);
    expect(await box().totals()).toEqual({ boxes: 1, messages: 1, bytes: 100 });
    expect(await box().trim({ ...bounds, oldest: oldestAt + 86_400_000_000 })).toBe(1);
    expect(await box().totals()).toEqual({ boxes: 0, messages: 0, bytes: 0 });
  });

  it('takes many at once', async () => {
    const many = Array.from({ length: 1_200 }, (_, i) => mail(i % 600, i % 256));
    expect(await box().keep(many)).toBe(0);
    expect(await box().totals()).toEqual({ boxes: 600, messages: 1_200, bytes: 120_000 });
    expect(await box().waiting(Array.from({ length: 700 }, (_, i) => i))).toHaveLength(600);
  });

  it('gives way to others that write to the same box', async () => {
    const stores = engine.shared ? [test.store, await test.database.open()] : [test.store, test.store];
    await Promise.all(Array.from({ length: 12 }, (_, i) => stores[i % 2]!.mailbox.keep([mail(1, i)])));
    expect(await box().box(1)).toMatchObject({ messages: 12, bytes: 1_200 });
  });

  it('survives a restart', async () => {
    await box().keep([mail(1, 1)]);
    if (engine.shared) expect(await (await test.database.open()).mailbox.box(1)).toMatchObject({ messages: 1 });
    else {
      await test.store.close();
      expect(await (await test.database.open()).mailbox.box(1)).toMatchObject({ messages: 1 });
    }
  });
});
