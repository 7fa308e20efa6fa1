/** The scene of the LND benchmark: what it measures must happen. */
import { describe, expect, it } from 'vitest';
import { OwnProcess } from '../../bench/lnd/own-process.js';
import type { ProxyOrder } from '../../bench/lnd/delay-proxy.js';
import type { Waits } from '../../bench/lnd/orders.js';
import { openScene } from '../../bench/lnd/scene.js';
import { WithoutStorage } from '../../src/bench/without-storage.js';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

describe('the scene of the LND benchmark', () => {
  it('payments in parts over two nodes settle, forwards are resumed, under load too', async ({ onTestFinished }) => {
    const scene = await openScene(new WithoutStorage(), 2);
    onTestFinished(() => scene.stop());
    await scene.ask({ do: 'prepare', payments: 6, parts: 3 });
    expect((await scene.ask<Waits>({ do: 'one-by-one' })).waits.length).toBe(6);
    await scene.ask({ do: 'prepare', payments: 40, parts: 2 });
    expect((await scene.ask<Waits>({ do: 'saturate', window: 16 })).waits.length).toBe(40);
    await scene.ask({ do: 'prepare', payments: 10, parts: 1 });
    await scene.ask({ do: 'load', window: 4 });
    expect((await scene.ask<Waits>({ do: 'forwards', count: 5 })).waits.length).toBe(5);
    await scene.ask({ do: 'load', window: 0 });
    expect((await scene.ask<Waits>({ do: 'steady', perSecond: 50, seconds: 0.2 })).waits.length).toBe(10);
  });

  it('an order that fails is an error here', async ({ onTestFinished }) => {
    const scene = await openScene(new WithoutStorage(), 1);
    onTestFinished(() => scene.stop());
    await expect(scene.ask({ do: 'saturate', window: 4 })).rejects.toThrow('TypeError');
  });
});

describe('the distant database', () => {
  it('passes bytes on in order, both ways, and later', async ({ onTestFinished }) => {
    const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as { port: number };
    const proxy = new OwnProcess<ProxyOrder>('./delay-proxy.ts');
    const through = await proxy.ask<number>({ host: '127.0.0.1', port, delayMs: 20 });
    const client = connect({ host: '127.0.0.1', port: through });
    onTestFinished(() => {
      client.destroy();
      proxy.close();
      echo.close();
    });
    await once(client, 'connect');
    const sent = Array.from({ length: 50 }, (_, i) => `${i};`);
    const start = performance.now();
    for (const piece of sent) client.write(piece);
    let heard = '';
    while (heard.length < sent.join('').length) heard += String((await once(client, 'data'))[0]);
    expect(heard).toBe(sent.join(''));
    expect(performance.now() - start).toBeGreaterThanOrEqual(39);
  });
});
