/** LND's words, and those of the way to it, as they were seen: what kind of trouble they are and what is said about it. */
import { describe, expect, it } from 'vitest';
import { lndErrorOf, type LndErrorKind } from '../../../src/node/lnd/errors.js';
import { GrpcCode } from '../../../src/node/lnd/grpc/status.js';

const INTERCEPT = '/routerrpc.Router/HtlcInterceptor';
const INFO = '/lnrpc.Lightning/GetInfo';

describe('errors', () => {
  it.each<[GrpcCode, string, string, LndErrorKind, RegExp]>([
    [GrpcCode.unknown, 'interceptor already exists', INTERCEPT, 'refused', /another program intercepts/],
    [GrpcCode.unknown, 'permission denied', INTERCEPT, 'denied', /does not grant \/routerrpc.Router\/HtlcInterceptor/],
    [GrpcCode.unknown, 'expected 1 macaroon, got 0', INFO, 'denied', /wants a macaroon/],
    [
      GrpcCode.unknown,
      'verification failed: signature mismatch after caveat verification',
      INFO,
      'denied',
      /not accept/,
    ],
    [GrpcCode.unknown, 'cannot determine data format of binary-encoded macaroon', INFO, 'denied', /damaged/],
    [GrpcCode.unknown, 'caveat "time-before 2026" not satisfied: macaroon has expired', INFO, 'denied', /expired/],
    [GrpcCode.unknown, 'wallet locked, unlock it to enable full RPC access', INFO, 'not-ready', /lncli unlock/],
    [GrpcCode.unknown, 'wallet not created, create one to enable full RPC access', INFO, 'not-ready', /lncli create/],
    [
      GrpcCode.unknown,
      'the RPC server is in the process of starting up, but not yet ready',
      INFO,
      'not-ready',
      /starting/,
    ],
    [GrpcCode.unknown, 'waiting to start, RPC services not available', INFO, 'not-ready', /starting/],
    [
      GrpcCode.unknown,
      'forward does not exist',
      INTERCEPT,
      'refused',
      /refused HtlcInterceptor: forward does not exist/,
    ],
    [GrpcCode.unimplemented, 'unknown service chainrpc.ChainNotifier', INFO, 'unsupported', /has no GetInfo/],
    [GrpcCode.deadlineExceeded, 'Deadline exceeded', INFO, 'timeout', /in time/],
    [GrpcCode.unavailable, 'self-signed certificate', INFO, 'certificate', /\(self-signed certificate\)/],
    [
      GrpcCode.unavailable,
      "Hostname/IP does not match certificate's altnames: Host: x",
      INFO,
      'certificate',
      /name the host/,
    ],
    [GrpcCode.unavailable, 'connect ECONNREFUSED 127.0.0.1:2', INFO, 'unreachable', /\(connect ECONNREFUSED/],
    [
      GrpcCode.unavailable,
      'Client network socket disconnected before secure TLS connection was established',
      INFO,
      'unreachable',
      /check address/,
    ],
    [GrpcCode.unavailable, 'Protocol error', INFO, 'unreachable', /\(Protocol error\)/],
    [GrpcCode.unavailable, 'Connection dropped', INTERCEPT, 'unreachable', /\(Connection dropped\)/],
  ])('%i "%s" of %s', (code, details, path, kind, words) => {
    const error = lndErrorOf({ code, details }, path, 'host:10009');
    expect(error.kind).toBe(kind);
    expect(error.message).toMatch(words);
    expect(error.message).toContain('host:10009');
  });
});
