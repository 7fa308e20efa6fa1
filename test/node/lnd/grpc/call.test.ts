/** Calls to servers that do what a gRPC server does, and to those that do not. */
import { constants } from 'node:http2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { framed } from '../../../../src/node/lnd/grpc/framing.js';
import { GrpcCode } from '../../../../src/node/lnd/grpc/status.js';
import { concat } from '../../../../src/wire/bytes.js';
import { eventually } from '../tiny-lnd.js';
import { answer, asked, connectionTo, GRPC_HEADERS, Heard, serveHttp2, type ServeStream } from './server.js';

const matching = (words: RegExp): string => expect.stringMatching(words) as string;
const message = (i: number): Uint8Array => Uint8Array.of(i & 0xff, (i >> 8) & 0xff);

/** A question to a server that serves it so. */
async function askedOf(serve: ServeStream, options: { timeoutMs?: number } = {}): Promise<Heard> {
  return asked(connectionTo(await serveHttp2(serve)), options);
}

describe('a call', () => {
  it('brings the answer and its status, and says what gRPC wants said', async () => {
    let seen: unknown;
    const peer = await serveHttp2((stream, headers) => {
      seen = headers;
      answer(stream, [Uint8Array.of(7)]);
    });
    const headers = { ':authority': 'lnd.example', macaroon: 'ab12' };
    const heard = asked(connectionTo(peer), { headers, timeoutMs: 30_000 });
    expect(await heard.ended).toEqual({ code: GrpcCode.ok, details: '' });
    expect(heard.messages).toEqual([Uint8Array.of(7)]);
    expect(seen).toMatchObject({
      ':method': 'POST',
      ':path': '/test.Test/Test',
      ':authority': 'lnd.example',
      'content-type': 'application/grpc',
      te: 'trailers',
      macaroon: 'ab12',
      'grpc-timeout': matching(/^\d{4,5}m$/),
    });
  });

  it('takes ten thousand messages of one piece in one turn', async () => {
    const sent = Array.from({ length: 10_000 }, (_, i) => message(i));
    const heard = await askedOf((stream) => {
      answer(stream, sent);
    });
    expect((await heard.ended).code).toBe(GrpcCode.ok);
    expect(heard.messages).toEqual(sent);
  });

  it('takes one message of ten thousand frames', async () => {
    const sent = Uint8Array.from({ length: 50_000 }, (_, i) => i % 251);
    const heard = await askedOf((stream) => {
      stream.respond(GRPC_HEADERS, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      const bytes = framed(sent);
      for (let at = 0; at < bytes.length; at += 5) stream.write(bytes.subarray(at, at + 5));
      stream.end();
    });
    expect((await heard.ended).code).toBe(GrpcCode.ok);
    expect(heard.messages).toEqual([sent]);
  });

  it('carries more than a window both ways, in order, while it is open', async () => {
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS);
      stream.pipe(stream);
    });
    const heard = new Heard(connectionTo(peer));
    const large = new Uint8Array(400_000).fill(3);
    for (let i = 0; i < 500; i++) heard.call.write(message(i));
    await eventually(() => {
      expect(heard.messages).toHaveLength(500);
    });
    for (let i = 0; i < 10; i++) heard.call.write(large);
    await eventually(() => {
      expect(heard.messages).toHaveLength(510);
    });
    expect(heard.messages.slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, i) => message(i)));
    expect(heard.messages.slice(500).every(({ length }) => length === large.length)).toBe(true);
    expect(heard.ends).toEqual([]);
  });

  it('sends what is written in one turn together', async () => {
    const chunks: number[] = [];
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS);
      stream.on('data', (chunk: Uint8Array) => chunks.push(chunk.length));
    });
    const heard = new Heard(connectionTo(peer));
    heard.call.write(new Uint8Array());
    await eventually(() => {
      expect(chunks).toEqual([5]);
    });
    for (let i = 0; i < 1_000; i++) heard.call.write(message(i));
    await eventually(() => {
      expect(chunks.reduce((sum, length) => sum + length)).toBe(5 + 1_000 * 7);
    });
    expect(chunks.length).toBeLessThan(5);
  });

  it('ends when it is cancelled, hears nothing more, and the server is told', async () => {
    const codes: number[] = [];
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS);
      stream.write(concat(framed(message(1)), framed(message(2))));
      stream.on('close', () => codes.push(stream.rstCode));
    });
    const heard = new Heard(connectionTo(peer));
    heard.onMessage = () => {
      heard.call.cancel('enough');
    };
    expect(await heard.ended).toEqual({ code: GrpcCode.cancelled, details: 'enough' });
    await eventually(() => {
      expect(codes).toEqual([constants.NGHTTP2_CANCEL]);
    });
    heard.call.cancel('again');
    heard.call.write(message(3));
    heard.call.finish();
    expect(heard.messages).toEqual([message(1)]);
    expect(heard.ends).toHaveLength(1);
  });

  it('that is cancelled before there is a connection never reaches the server', async () => {
    let calls = 0;
    const connection = connectionTo(
      await serveHttp2((stream) => {
        calls++;
        answer(stream, []);
      }),
    );
    const heard = asked(connection);
    heard.call.cancel('no');
    expect(heard.ends).toEqual([{ code: GrpcCode.cancelled, details: 'no' }]);
    expect((await asked(connection).ended).code).toBe(GrpcCode.ok);
    expect(calls).toBe(1);
  });

  it('ends in time when the server is silent', async () => {
    const codes: number[] = [];
    const heard = await askedOf(
      (stream) => {
        stream.on('close', () => codes.push(stream.rstCode));
      },
      { timeoutMs: 500 },
    );
    expect((await heard.ended).code).toBe(GrpcCode.deadlineExceeded);
    await eventually(() => {
      expect(codes).toEqual([constants.NGHTTP2_CANCEL]);
    });
  });

  it('ends when the server no longer reads, and holds no more than its limit', async () => {
    const peer = await serveHttp2((stream) => {
      stream.respond(GRPC_HEADERS);
    });
    const heard = new Heard(connectionTo(peer), { maxUnsentBytes: 1_000_000 });
    const write = setInterval(() => {
      for (let i = 0; i < 10; i++) heard.call.write(new Uint8Array(50_000));
    }, 1);
    onTestFinished(() => {
      clearInterval(write);
    });
    expect(await heard.ended).toMatchObject({ code: GrpcCode.unavailable, details: matching(/no longer reads/) });
  });

  it('that waits for a connection holds no more than its limit', async () => {
    const heard = new Heard(connectionTo(await serveHttp2(() => undefined)), { maxUnsentBytes: 1_000 });
    for (let i = 0; i < 10; i++) heard.call.write(new Uint8Array(500));
    expect(heard.ends).toEqual([]);
    expect(await heard.ended).toMatchObject({ details: matching(/no longer reads/) });
  });
});

describe('a server that', () => {
  it.each<[string, ServeStream, GrpcCode, RegExp]>([
    [
      'refuses in one go',
      (stream) => {
        stream.respond({ ...GRPC_HEADERS, 'grpc-status': '2', 'grpc-message': 'wallet%20locked' }, { endStream: true });
      },
      GrpcCode.unknown,
      /^wallet locked$/,
    ],
    [
      'refuses after a message',
      (stream) => {
        answer(stream, [message(1)], { 'grpc-status': '5', 'grpc-message': 'gone' });
      },
      GrpcCode.notFound,
      /^gone$/,
    ],
    [
      'is a web server behind a proxy',
      (stream) => {
        stream.respond({ ':status': 502, 'content-type': 'text/html' });
        stream.end('<html>Bad gateway</html>');
      },
      GrpcCode.unavailable,
      /HTTP status 502 and text\/html/,
    ],
    [
      'sends no trailers',
      (stream) => {
        stream.respond(GRPC_HEADERS);
        stream.end(framed(message(1)));
      },
      GrpcCode.unavailable,
      /without a status/,
    ],
    [
      'sends trailers without a status',
      (stream) => {
        answer(stream, [message(1)], { 'grpc-message': 'x' });
      },
      GrpcCode.unavailable,
      /without a status/,
    ],
    [
      'invents a status',
      (stream) => {
        answer(stream, [], { 'grpc-status': '99', 'grpc-message': 'x' });
      },
      GrpcCode.unknown,
      /status 99: x/,
    ],
    [
      'breaks off in a message and calls it well',
      (stream) => {
        stream.respond(GRPC_HEADERS, { waitForTrailers: true });
        stream.on('wantTrailers', () => {
          stream.sendTrailers({ 'grpc-status': '0' });
        });
        stream.end(framed(new Uint8Array(100)).subarray(0, 50));
      },
      GrpcCode.unavailable,
      /middle of a message/,
    ],
    [
      'announces a message beyond measure',
      (stream) => {
        stream.respond(GRPC_HEADERS);
        stream.write(Uint8Array.of(0, 255, 255, 255, 255));
      },
      GrpcCode.unavailable,
      /more than the 1000000 allowed/,
    ],
    [
      'compresses',
      (stream) => {
        stream.respond(GRPC_HEADERS);
        stream.write(Uint8Array.of(1, 0, 0, 0, 1, 7));
      },
      GrpcCode.unavailable,
      /compressed/,
    ],
    [
      'talks nonsense',
      (stream) => {
        stream.respond(GRPC_HEADERS);
        stream.write('SSH-2.0-OpenSSH');
      },
      GrpcCode.unavailable,
      /unknown flags/,
    ],
    [
      'resets the stream',
      (stream) => {
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      },
      GrpcCode.internal,
      /HTTP\/2 error 2/,
    ],
    [
      'breaks the connection',
      (stream) => {
        stream.session!.destroy();
      },
      GrpcCode.unavailable,
      /./,
    ],
    [
      'scolds us and goes',
      (stream) => {
        stream.session!.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings\n'));
      },
      GrpcCode.unavailable,
      /ended the connection: too_many_pings  ?\(HTTP\/2 error 11\)/,
    ],
  ])('%s ends the call once, with the reason', async (_name, serve, code, words) => {
    const heard = await askedOf(serve);
    expect(await heard.ended).toEqual({ code, details: matching(words) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard.ends).toHaveLength(1);
  });

  it('resets every one of a thousand calls ends each of them once, and the connection stays good', async () => {
    let calls = 0;
    const peer = await serveHttp2((stream) => {
      if (++calls > 1_000) answer(stream, []);
      else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    const connection = connectionTo(peer);
    expect((await asked(connection).ended).code).toBe(GrpcCode.internal);
    for (let round = 0; round < 9; round++) {
      const all = Array.from({ length: 111 }, () => asked(connection));
      expect(new Set((await Promise.all(all.map(({ ended }) => ended))).map(({ code }) => code))).toEqual(
        new Set([GrpcCode.internal]),
      );
      expect(all.every(({ ends }) => ends.length === 1)).toBe(true);
    }
    await asked(connection).ended;
    expect((await asked(connection).ended).code).toBe(GrpcCode.ok);
    expect(peer.sessions).toHaveLength(1);
  });
});
