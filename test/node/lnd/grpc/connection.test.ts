/** The connection under the calls: made when needed, made again, given up when it is dead; and what must not break it. */
import { spawn } from 'node:child_process';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { dialLnd } from '../../../../src/node/lnd/endpoint.js';
import { Connection } from '../../../../src/node/lnd/grpc/connection.js';
import { GrpcCode } from '../../../../src/node/lnd/grpc/status.js';
import { newCertificate } from '../../../fake-lnd/certificate.js';
import { Gate } from '../../../fake-lnd/gate.js';
import { eventually } from '../tiny-lnd.js';
import { answer, asked, connectionTo, GRPC_HEADERS, Heard, serveHttp2, serveTls } from './server.js';

const matching = (words: RegExp): string => expect.stringMatching(words) as string;
const lost = (words: RegExp) => ({ code: GrpcCode.unavailable, details: matching(words) });
const SETTINGS = Buffer.from('000000040000000000', 'hex');

/** Calls back once the client has sent HEADERS. */
function afterHeaders(socket: TLSSocket, then: () => void): void {
  let bytes = Buffer.alloc(0);
  let at = 24; // the preface
  const look = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    for (; bytes.length >= at + 9; at += 9 + bytes.readUIntBE(at, 3)) {
      if (bytes[at + 3] !== 1) continue;
      socket.off('data', look);
      then();
      return;
    }
  };
  socket.on('data', look);
}

describe('a connection', () => {
  it('is made on first use, and serves all calls', async () => {
    const peer = await serveHttp2((stream) => {
      answer(stream, []);
    });
    const connection = connectionTo(peer);
    expect(peer.sockets).toHaveLength(0);
    const all = await Promise.all([1, 2, 3].map(() => asked(connection).ended));
    expect(all.map(({ code }) => code)).toEqual([GrpcCode.ok, GrpcCode.ok, GrpcCode.ok]);
    expect(peer.sockets).toHaveLength(1);
  });

  it('is made again on the next use', async () => {
    const peer = await serveHttp2((stream) => {
      answer(stream, []);
    });
    const connection = connectionTo(peer);
    await asked(connection).ended;
    const listening = new Heard(connection);
    peer.sockets[0]!.destroy();
    expect((await listening.ended).code).toBe(GrpcCode.unavailable);
    expect((await asked(connection).ended).code).toBe(GrpcCode.ok);
    expect(peer.sessions).toHaveLength(2);
  });

  it('says why there is none, and tries again after a while', async () => {
    const peer = await serveHttp2((stream) => {
      answer(stream, []);
    });
    let attempts = 0;
    const times = { connectMs: 9_000, pingMs: 9_000, pingTimeoutMs: 9_000, minBackoffMs: 40, maxBackoffMs: 60 };
    const at: number[] = [];
    const connection = new Connection(() => {
      at.push(performance.now());
      if (++attempts < 4) throw new Error(`attempt ${attempts}`);
      return dialLnd(peer.endpoint);
    }, times);
    onTestFinished(() => {
      connection.close();
    });
    for (const n of [1, 2, 3]) expect(await asked(connection).ended).toEqual(lost(new RegExp(`^attempt ${n}$`)));
    expect((await asked(connection).ended).code).toBe(GrpcCode.ok);
    const waits = at.slice(1).map((time, i) => time - at[i]!);
    expect(waits[0]).toBeGreaterThanOrEqual(38);
    expect(waits[1]).toBeGreaterThanOrEqual(58);
    expect(waits[2]).toBeGreaterThanOrEqual(58);
  });

  it('ends all calls when it is closed, and later ones at once', async () => {
    let gone = 0;
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS);
      stream.on('close', () => gone++);
      stream.write(Buffer.from('000000000107', 'hex'));
    });
    const connection = connectionTo(peer);
    const heard = [new Heard(connection), new Heard(connection)];
    await eventually(() => {
      expect(heard.every(({ messages }) => messages.length === 1)).toBe(true);
    });
    connection.close();
    expect(heard.map(({ ends }) => ends)).toEqual(
      heard.map(() => [{ code: GrpcCode.cancelled, details: 'closed by us' }]),
    );
    expect(await asked(connection).ended).toEqual(lost(/closed/));
    await eventually(() => {
      expect(gone).toBe(2);
      expect(peer.sockets.every(({ destroyed }) => destroyed)).toBe(true);
    });
  });

  it('that the server winds up finishes its calls, and new ones take another', async () => {
    const streams: { end(): void }[] = [];
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      stream.write(Buffer.from('000000000107', 'hex'));
      streams.push({ end: () => stream.end() });
    });
    const connection = connectionTo(peer);
    const old = asked(connection);
    await eventually(() => {
      expect(old.messages).toHaveLength(1);
    });
    peer.sessions[0]!.goaway();
    await eventually(() => {
      asked(connection);
      expect(peer.sessions).toHaveLength(2);
    });
    expect(old.ends).toEqual([]);
    for (const stream of streams) stream.end();
    expect((await old.ended).code).toBe(GrpcCode.ok);
  });

  it('that is dead without a word is given up', async () => {
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS);
      stream.write(Buffer.from('000000000107', 'hex'));
    });
    const gate = await Gate.open();
    onTestFinished(() => gate.close());
    gate.lead(Number(peer.endpoint.address.split(':')[1]));
    const endpoint = { ...peer.endpoint, address: `127.0.0.1:${gate.port}` };
    const heard = new Heard(connectionTo({ endpoint }, { pingMs: 100, pingTimeoutMs: 200 }));
    await eventually(() => {
      expect(heard.messages).toHaveLength(1);
    });
    gate.blackHole(true);
    expect(await heard.ended).toEqual(lost(/no longer answers/));
  });

  it('that is quiet and alive stays, and is not pinged without a call', async () => {
    let pings = 0;
    const peer = await serveHttp2((stream) => {
      stream.session!.on('ping', () => pings++);
      stream.respond(GRPC_HEADERS);
    });
    const heard = new Heard(connectionTo(peer, { pingMs: 30, pingTimeoutMs: 5_000 }));
    await eventually(() => {
      expect(pings).toBeGreaterThan(3);
    });
    expect(heard.ends).toEqual([]);
    heard.call.cancel('done');
    await new Promise((resolve) => setTimeout(resolve, 60));
    const before = pings;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pings).toBe(before);
  });
});

describe('a listener that', () => {
  it('never says SETTINGS is given up', async () => {
    const peer = await serveTls(() => undefined);
    const heard = asked(connectionTo(peer, { connectMs: 300 }));
    expect(await heard.ended).toEqual(lost(/no HTTP\/2 connection within 0.3 s/));
    await eventually(() => {
      expect(peer.left()).toBe(1);
    });
  });

  it('trickles its headers is given up when the time is up', async () => {
    const peer = await serveTls((socket) => {
      socket.write(SETTINGS);
      // HEADERS of stream 1 without END_HEADERS, and CONTINUATION of one byte each for ever.
      socket.write(Buffer.from('00000101000000000188', 'hex'));
      const trickle = setInterval(() => socket.write(Buffer.from('000000090000000001', 'hex')), 20);
      socket.on('close', () => {
        clearInterval(trickle);
      });
    });
    const heard = asked(connectionTo(peer), { timeoutMs: 500 });
    expect([GrpcCode.deadlineExceeded, GrpcCode.unavailable]).toContain((await heard.ended).code);
  });

  it('trickles them into a stream without an end in time is noticed by its silence', async () => {
    const peer = await serveTls((socket) => socket.write(Buffer.concat([SETTINGS, Buffer.from('0000', 'hex')])));
    const heard = new Heard(connectionTo(peer, { pingMs: 100, pingTimeoutMs: 200 }));
    expect(await heard.ended).toEqual(lost(/no longer answers/));
  });

  it.each([
    ['sends garbage', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n<html></html>')],
    ['sends a frame of the greatest length', Buffer.from('ffffff00ff00000001', 'hex')],
    ['sends garbage after SETTINGS', Buffer.concat([SETTINGS, Buffer.alloc(500, 0xee)])],
    ['goes away before SETTINGS', Buffer.from('0000080700000000000000000000000000', 'hex')],
  ])('%s ends the call with a reason', async (_name, bytes) => {
    const peer = await serveTls((socket) => socket.write(bytes));
    expect(await asked(connectionTo(peer, { connectMs: 3_000 })).ended).toEqual(lost(/./));
  });

  it('resets a stream in the middle of an answer says so', async () => {
    const peer = await serveTls((socket) => {
      socket.write(SETTINGS);
      afterHeaders(socket, () => {
        // HEADERS (:status 200, content-type application/grpc), DATA with a part of a message, RST_STREAM REFUSED_STREAM.
        const type = Buffer.from('application/grpc').toString('hex');
        socket.write(Buffer.from(`000014010400000001880f1010${type}`, 'hex'));
        socket.write(Buffer.from('0000060000000000010000000009ff', 'hex'));
        socket.write(Buffer.from('00000403000000000100000007', 'hex'));
      });
    });
    expect(await asked(connectionTo(peer)).ended).toEqual(lost(/takes no calls/));
  });

  it('hangs up at once ends the call', async () => {
    const peer = await serveTls((socket) => socket.end());
    expect(await asked(connectionTo(peer)).ended).toEqual(lost(/closed|disconnected|reset/));
  });

  it('speaks TLS, but not HTTP/2, is named as such', async () => {
    const peer = await serveTls(() => undefined, ['http/1.1']);
    expect(await asked(connectionTo(peer)).ended).toEqual(lost(/HTTP\/2|alert no application protocol|ALPN/i));
  });

  it('has another certificate is not spoken to', async () => {
    const peer = await serveHttp2(() => undefined);
    const { certificate } = await newCertificate();
    const connection = connectionTo({ endpoint: { ...peer.endpoint, certificate } });
    expect(await asked(connection).ended).toEqual(lost(/certificate/));
    const named = connectionTo({ endpoint: { ...peer.endpoint, serverName: 'other.example' } });
    expect(await asked(named).ended).toEqual(lost(/altnames/));
    expect(peer.sessions).toHaveLength(0);
  });

  it('nobody is: an address that cannot be read, and one where nobody listens', async () => {
    const endpoint = { certificate: undefined, macaroon: undefined };
    expect(await asked(connectionTo({ endpoint: { ...endpoint, address: 'nowhere' } })).ended).toEqual(
      lost(/"nowhere" is not host:port/),
    );
    expect(await asked(connectionTo({ endpoint: { ...endpoint, address: '127.0.0.1:1' } })).ended).toEqual(
      lost(/ECONNREFUSED/),
    );
  });
});

it('a process ends while a client of it is idle, and after one was closed with calls open', async () => {
  const peer = await serveHttp2((stream, headers) => {
    if (headers[':path'] === '/lnrpc.State/GetState') answer(stream, [new Uint8Array()]);
    else stream.respond(GRPC_HEADERS);
  });
  const program = fileURLToPath(new URL('./leaves.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, peer.endpoint.address], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.end(peer.endpoint.certificate);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
  expect(said).toBe('asked\nended: cancelled\n');
});
