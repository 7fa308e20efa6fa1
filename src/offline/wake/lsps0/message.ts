/** LSPS0 (bLIP-50): one JSON-RPC 2.0 object as UTF-8 in one peer message. */
import { utf8, utf8Text } from '../../../wire/bytes.js';
import { refusable, refuse, type Result } from '../../../wire/result.js';

/** Type of the peer message that carries all LSPS protocols. */
export const LSPS0_MESSAGE_TYPE = 37913;
/** Set by LSPs only, in `init` and `node_announcement`. */
export const LSPS_FEATURE = 729;
/** What a peer message holds besides its type. */
export const MAX_LSPS0_BYTES = 65_533;

export type JsonObject = Readonly<Record<string, unknown>>;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonObject;
}

export interface RpcRequest {
  readonly kind: 'request';
  readonly id: string;
  readonly method: string;
  /** Undefined if they are not by name, which bLIP-50 forbids. */
  readonly params: JsonObject | undefined;
}

export type RpcMessage =
  | RpcRequest
  | { readonly kind: 'result'; readonly id: string; readonly result: unknown }
  /** The id is null if the other side could not read ours. */
  | { readonly kind: 'error'; readonly id: string | null; readonly error: RpcError }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject };

/** Codes of JSON-RPC 2.0. */
export const RpcErrorCode = {
  parseError: -32700,
  methodNotFound: -32601,
  invalidParams: -32602,
} as const;

export const PARSE_ERROR: RpcError = {
  code: RpcErrorCode.parseError,
  message: 'Parse error: send one JSON-RPC 2.0 object per message',
};

/**
 * Reads a payload. Bounded by `maxBytes`; whatever is not one complete JSON-RPC object is refused with code `too_long`,
 * `not_utf8`, `not_json`, `not_object` or `not_json_rpc`.
 */
export function decodeRpc(payload: Uint8Array, maxBytes = MAX_LSPS0_BYTES): Result<RpcMessage> {
  return refusable(() => {
    if (payload.length > maxBytes) refuse('too_long', `a message has at most ${maxBytes} bytes`);
    const text = utf8Text(payload);
    if (text === undefined) refuse('not_utf8', 'the message is not UTF-8');
    return messageOf(objectOf(text));
  });
}

/** The one JSON object that a text is. Texts are bounded by the caller. @throws {Refusal} `not_json`, `not_object` */
function objectOf(text: string): JsonObject {
  const value = parse(text);
  if (!isObject(value)) refuse('not_object', 'the message is not a JSON object');
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Also where an engine gives up on deep nesting.
    return refuse('not_json', 'the message is not one complete JSON text');
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function messageOf(object: JsonObject): RpcMessage {
  const { jsonrpc, id, method, params, result, error } = object;
  if (jsonrpc !== '2.0') refuse('not_json_rpc', 'member jsonrpc is not "2.0"');
  if (typeof method === 'string') {
    if (id === undefined && isObject(params)) return { kind: 'notification', method, params };
    if (typeof id !== 'string') refuse('not_json_rpc', 'a request needs a text as id');
    return { kind: 'request', id, method, params: params === undefined ? {} : isObject(params) ? params : undefined };
  }
  if (error !== undefined) {
    if (typeof id !== 'string' && id !== null) refuse('not_json_rpc', 'an error needs the id of its request, or null');
    return { kind: 'error', id, error: errorOf(error) };
  }
  if (typeof id !== 'string' || result === undefined) refuse('not_json_rpc', 'neither a request nor its answer');
  return { kind: 'result', id, result };
}

const LONGEST_ERROR_TEXT = 500;

function errorOf(value: unknown): RpcError {
  if (!isObject(value)) refuse('not_json_rpc', 'member error is not an object');
  const { code, message, data } = value;
  if (typeof code !== 'number' || !Number.isInteger(code))
    refuse('not_json_rpc', 'an error needs a whole number as code');
  const text = typeof message === 'string' ? harmless(message) : '';
  return isObject(data) ? { code, message: text, data } : { code, message: text };
}

/** Errors are shown to people: nothing that a terminal or a page would act on. */
function harmless(text: string): string {
  return text.slice(0, LONGEST_ERROR_TEXT).replace(/[^\p{L}\p{N}\p{P}\p{Sc}\p{Sm}\x20]|[<>]/gu, '?');
}

export function encodeRequest({ id, method, params }: Omit<RpcRequest, 'kind'>): Uint8Array {
  return encode({ method, id, params: params ?? {} });
}

export function encodeResult(id: string, result: JsonObject): Uint8Array {
  return encode({ id, result });
}

/** @param id null if the request's own could not be read */
export function encodeError(id: string | null, error: RpcError): Uint8Array {
  return encode({ id, error });
}

function encode(members: JsonObject): Uint8Array {
  return utf8(JSON.stringify({ jsonrpc: '2.0', ...members }));
}
