import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { abandon, dialLnd } from '../../../src/node/lnd/endpoint.js';
import { sharedCertificate } from '../../fake-lnd/certificate.js';
import { until } from '../../fake-lnd/world.js';

const BYTES = 1024 * 1024;
const portOf = (server: { address(): unknown }): number => (server.address() as { port: number }).port;

describe('a connection that is given up', () => {
  it('takes with it what has not left yet', async () => {
    const { certificate, key } = await sharedCertificate();
    const server = createServer({ cert: Buffer.from(certificate), key: Buffer.from(key), ALPNProtocols: ['h2'] });
    server.on('secureConnection', (socket) => socket.on('error', () => undefined).resume());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    let received = 0;
    let isOver = false;
    let wire: Socket | undefined;
    const relay = createTcpServer((from) => {
      wire = from;
      const to = connectTcp(portOf(server), '127.0.0.1');
      to.on('error', () => undefined);
      from.on('error', () => undefined);
      from.on('close', () => (isOver = true));
      from.pipe(to).pipe(from);
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const socket = dialLnd({ address: `127.0.0.1:${portOf(relay)}`, certificate, macaroon: undefined });
    onTestFinished(() => {
      socket.destroy();
      wire?.destroy();
      relay.close();
      server.close();
    });
    await once(socket, 'secureConnect');
    // The way is blocked: some of it waits on the other side, some on ours.
    wire!.unpipe();
    wire!.on('data', (chunk: Buffer) => (received += chunk.length)).pause();
    let isAccepted = false;
    socket.write(new Uint8Array(BYTES), () => (isAccepted = true));
    await until(() => isAccepted, 'the system to take it');
    abandon(socket);
    wire!.resume();
    await until(() => isOver, 'the end');
    expect(received).toBeLessThan(BYTES);
  });
});
