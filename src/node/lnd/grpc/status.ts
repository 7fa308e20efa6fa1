/** How a call ended: gRPC's codes, and what else an HTTP/2 peer can say instead of one. */
import { constants, type IncomingHttpHeaders } from 'node:http2';

/** https://grpc.io/docs/guides/status-codes */
export const GrpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode];

export interface GrpcStatus {
  readonly code: GrpcCode;
  /** The server's words, or ours where it has none. */
  readonly details: string;
}

export const unavailable = (details: string): GrpcStatus => ({ code: GrpcCode.unavailable, details });

/** Longer texts are cut: what the peer says ends up in logs. */
const MAX_DETAILS = 2_000;

const CODES: ReadonlyMap<string, GrpcCode> = new Map(Object.values(GrpcCode).map((code) => [String(code), code]));

/** The status among trailers, or among the headers of an answer that has nothing else. Undefined: there is none. */
export function statusIn(headers: IncomingHttpHeaders): GrpcStatus | undefined {
  const text = headers['grpc-status'];
  if (text === undefined) return undefined;
  const words = headers['grpc-message'];
  const details = typeof words === 'string' ? printable(percentDecoded(words)) : '';
  const code = typeof text === 'string' ? CODES.get(text) : undefined;
  if (code !== undefined) return { code, details };
  return { code: GrpcCode.unknown, details: `status ${printable(String(text)).slice(0, 40)}: ${details}` };
}

type ResponseHeaders = Pick<IncomingHttpHeaders, 'content-type'> & { readonly ':status'?: number | undefined };

/** What is wrong with the headers of an answer. Undefined: it is gRPC's. */
export function foreignHeaders(headers: ResponseHeaders): GrpcStatus | undefined {
  const type = headers['content-type'];
  if (headers[':status'] === 200 && type !== undefined && /^application\/grpc($|[+;])/.test(type)) return undefined;
  const kind = type === undefined ? 'no content type' : printable(type).slice(0, 80);
  return unavailable(`it answers with HTTP status ${headers[':status'] ?? 'none'} and ${kind}, which is not gRPC`);
}

/** gRPC over HTTP/2, "HTTP2 Transport Mapping": error codes of RST_STREAM. */
export function statusOfReset(http2Code: number): GrpcStatus {
  switch (http2Code) {
    case constants.NGHTTP2_CANCEL:
      return { code: GrpcCode.cancelled, details: 'the server cancelled the call' };
    case constants.NGHTTP2_REFUSED_STREAM:
      return unavailable('the server takes no calls at the moment');
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return { code: GrpcCode.resourceExhausted, details: 'the server wants fewer or smaller calls' };
    case constants.NGHTTP2_NO_ERROR:
      return unavailable('the answer ended without a status');
    default:
      return { code: GrpcCode.internal, details: `the server reset the stream with HTTP/2 error ${http2Code}` };
  }
}

/** Without the characters that could forge a line of a log or steer a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, ' ').slice(0, MAX_DETAILS);
}

/** What is not an escape stands for itself; bytes that are no UTF-8 are replaced. */
function percentDecoded(text: string): string {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
