/** What a server says instead of an answer. */
import { constants } from 'node:http2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foreignHeaders, GrpcCode, statusIn, statusOfReset } from '../../../../src/node/lnd/grpc/status.js';

describe('statusIn', () => {
  it.each<[string, string | undefined, GrpcCode, string]>([
    ['0', undefined, GrpcCode.ok, ''],
    ['5', 'not%20found: 100%25', GrpcCode.notFound, 'not found: 100%'],
    ['2', 'Gr%C3%BC%C3%9Fe', GrpcCode.unknown, 'Grüße'],
    ['2', 'cut %4 and %zz stay', GrpcCode.unknown, 'cut %4 and %zz stay'],
    ['2', 'no UTF-8: %ff', GrpcCode.unknown, 'no UTF-8: \ufffd'],
    ['2', 'a%0d%0aforged%1b[31m line', GrpcCode.unknown, 'a  forged [31m line'],
    ['17', 'new', GrpcCode.unknown, 'status 17: new'],
    ['-1', 'x', GrpcCode.unknown, 'status -1: x'],
    ['', 'x', GrpcCode.unknown, 'status : x'],
    ['0x0', 'x', GrpcCode.unknown, 'status 0x0: x'],
    ['00', 'x', GrpcCode.unknown, 'status 00: x'],
  ])('reads %s "%s"', (status, message, code, details) => {
    expect(statusIn({ 'grpc-status': status, ...(message !== undefined && { 'grpc-message': message }) })).toEqual({
      code,
      details,
    });
  });

  it('says that there is none', () => {
    expect(statusIn({ 'grpc-message': 'x' })).toBeUndefined();
  });

  it('takes any text, and no more of it than a log can bear', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 5_000 }),
        fc.string({ unit: 'binary', maxLength: 5_000 }),
        (status, message) => {
          const { details } = statusIn({ 'grpc-status': status, 'grpc-message': message })!;
          expect(details.length).toBeLessThan(2_100);
          expect(details).not.toMatch(/\p{Cc}/u);
        },
      ),
    );
  });
});

describe('foreignHeaders', () => {
  it.each(['application/grpc', 'application/grpc+proto', 'application/grpc; charset=utf-8'])('takes %s', (type) => {
    expect(foreignHeaders({ ':status': 200, 'content-type': type })).toBeUndefined();
  });

  it.each([
    [{ ':status': 502, 'content-type': 'text/html' }, /HTTP status 502 and text\/html, which is not gRPC/],
    [{ ':status': 200, 'content-type': 'text/html' }, /status 200 and text\/html/],
    [{ ':status': 200, 'content-type': 'application/grpc-web' }, /grpc-web/],
    [{ ':status': 200 }, /no content type/],
    [{ ':status': 404, 'content-type': 'application/grpc' }, /404/],
    [{ 'content-type': 'application/grpc' }, /status none/],
  ])('refuses %j', (headers, words) => {
    expect(foreignHeaders(headers)).toMatchObject({
      code: GrpcCode.unavailable,
      details: expect.stringMatching(words) as string,
    });
  });
});

describe('statusOfReset', () => {
  it.each<[keyof typeof constants, GrpcCode]>([
    ['NGHTTP2_NO_ERROR', GrpcCode.unavailable],
    ['NGHTTP2_CANCEL', GrpcCode.cancelled],
    ['NGHTTP2_REFUSED_STREAM', GrpcCode.unavailable],
    ['NGHTTP2_ENHANCE_YOUR_CALM', GrpcCode.resourceExhausted],
    ['NGHTTP2_PROTOCOL_ERROR', GrpcCode.internal],
    ['NGHTTP2_INTERNAL_ERROR', GrpcCode.internal],
    ['NGHTTP2_STREAM_CLOSED', GrpcCode.internal],
  ])('%s', (name, code) => {
    expect(statusOfReset(constants[name] as number).code).toBe(code);
  });
});
