/** Errors of LSPS5: 500 to 503 and 1010 of bLIP-55, the others as LDK numbers them. */
import { type RpcError, RpcErrorCode } from '../lsps0/message.js';
import { MAX_APP_NAME_BYTES, MAX_WEBHOOK_CHARS } from './limits.js';

export const Lsps5ErrorCode = {
  tooLong: 500,
  urlParseError: 501,
  unsupportedProtocol: 502,
  tooManyWebhooks: 503,
  unknown: 1000,
  serialization: 1001,
  slowDown: 1002,
  noPriorActivity: 1003,
  appNameNotFound: 1010,
} as const;

const { tooLong, urlParseError, unsupportedProtocol, tooManyWebhooks, unknown } = Lsps5ErrorCode;
const { slowDown, noPriorActivity, appNameNotFound } = Lsps5ErrorCode;

export const APP_NAME_TOO_LONG: RpcError = {
  code: tooLong,
  message: `app_name is too long: use at most ${MAX_APP_NAME_BYTES} bytes`,
};
export const WEBHOOK_TOO_LONG: RpcError = {
  code: tooLong,
  message: `webhook is too long: use at most ${MAX_WEBHOOK_CHARS} characters`,
};
export const UNSUPPORTED_PROTOCOL: RpcError = {
  code: unsupportedProtocol,
  message: 'webhook has an unsupported protocol: use https',
};
export const NO_PRIOR_ACTIVITY: RpcError = {
  code: noPriorActivity,
  message: 'webhooks are for clients of this LSP: open a channel with it first',
};
export const SLOW_DOWN: RpcError = { code: slowDown, message: 'too many requests: wait a minute and try again' };
export const TRY_AGAIN: RpcError = { code: unknown, message: 'the LSP could not do this now: try again later' };
export const APP_NAME_NOT_FOUND: RpcError = {
  code: appNameNotFound,
  message: 'no webhook has this app_name: ask lsps5.list_webhooks for those that exist',
};

export function badWebhookUrl(reason: string): RpcError {
  return { code: urlParseError, message: `webhook is not usable: ${reason}` };
}

export function tooMany(maxWebhooks: number): RpcError {
  return {
    code: tooManyWebhooks,
    message: `there are ${maxWebhooks} webhooks already: remove one first`,
    data: { max_webhooks: maxWebhooks },
  };
}

/** bLIP-50 wants the names of parameters that are not known, even if there are none. */
export function invalidParams(reason: string, unrecognized: readonly string[] = []): RpcError {
  return { code: RpcErrorCode.invalidParams, message: `Invalid params: ${reason}`, data: { unrecognized } };
}

export const METHOD_NOT_FOUND: RpcError = {
  code: RpcErrorCode.methodNotFound,
  message: 'Method not found: ask lsps0.list_protocols for what is supported',
};
