import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LndNode } from '../../src/node/lnd/node.js';
import { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import { toHex } from '../../src/wire/bytes.js';
import type { ControlOrder } from './control.js';
import { type FakeLndProcess, startFakeLnds } from './process.js';
import { until } from './world.js';

async function start(): Promise<FakeLndProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'fake-lnd-test-'));
  const fakes = await startFakeLnds('5', folder);
  onTestFinished(async () => {
    await fakes.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return fakes;
}

function portOf({ description }: FakeLndProcess, name: string): LndNode {
  const { address, certificatePath, macaroonPath } = description.nodes.find((node) => node.name === name)!;
  const port = new LndNode({
    name,
    address,
    certificate: new Uint8Array(readFileSync(certificatePath)),
    macaroon: new Uint8Array(readFileSync(macaroonPath)),
    forceClose: false,
    registerPreimages: true,
  });
  onTestFinished(() => {
    port.close();
  });
  return port;
}

describe('fake LNDs in a process of their own', () => {
  it('are LNDs on one network, and can be told to misbehave', async () => {
    const fakes = await start();
    const { description } = fakes;
    expect(description.nodes.map(({ name }) => name)).toEqual(['alpha', 'beta', 'gamma']);
    const alpha = portOf(fakes, 'alpha');
    const info = await alpha.info();
    expect(toHex(info.nodeId)).toBe(description.nodes[0]!.nodeId);
    expect(info.refusals).toBeUndefined();

    const admin = new RemoteSimAdmin(fakes.simUrl);
    onTestFinished(() => admin.close());
    await admin.inject({ fault: 'mine-blocks', blocks: 2 });
    await until(async () => (await alpha.info()).height === info.height + 2, 'the blocks');

    await alpha.guard!.registerPreimage!(new Uint8Array(32).fill(9), 1_000n);
    expect((await fakes.order({ verb: 'status', node: 'alpha' })).registered).toHaveLength(1);
    await fakes.order({ verb: 'restart', node: 'alpha', settings: { requireInterceptor: false } });
    await until(async () => (await alpha.info().catch(() => undefined))?.refusals?.length === 1, 'the refusal');

    await fakes.order({ verb: 'swap-certificate', node: 'alpha' });
    await fakes.order({ verb: 'revoke-macaroon', node: 'alpha' });
    await expect(alpha.info()).rejects.toThrow();
    await portOf(fakes, 'alpha').info();

    await fakes.order({ verb: 'faults', node: 'beta', faults: { interceptorTaken: true, garbage: ['/x'] } });
    const ignore = (): void => undefined;
    const handlers = { onHtlc: ignore, onFinal: ignore, onHeight: ignore, onClosed: ignore };
    await expect(portOf(fakes, 'beta').intercept.open(handlers)).rejects.toThrow('interceptor already exists');
    const session = await portOf(fakes, 'gamma').intercept.open(handlers);
    expect(await fakes.order({ verb: 'status', node: 'gamma' })).toMatchObject({ online: true, streams: 1 });
    session.close();
  });

  it('refuse what is no order', async () => {
    const fakes = await start();
    await expect(fakes.order({ verb: 'cut', node: 'nobody' })).rejects.toThrow('no fake LND is called nobody');
    await expect(fakes.order({ verb: 'explode', node: 'alpha' } as unknown as ControlOrder)).rejects.toThrow('ended');
    await expect(fakes.order({ verb: 'restart', node: 'alpha', settings: { version: 'new' } })).rejects.toThrow(
      'is no version of LND',
    );
    const closed = new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: fakes.description.controlPort }, () => socket.write('hello\n'));
      socket.on('close', () => {
        resolve();
      });
      socket.resume();
    });
    await closed;
    await fakes.order({ verb: 'status', node: 'alpha' });
  });
});
