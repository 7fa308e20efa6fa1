/** One HTTP request to a webhook's endpoint: bounded in time and memory, and only to addresses that are allowed. */
import { lookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isInnerAddress, refusedTarget } from './target.js';

export interface PostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly allowPrivate: boolean;
  readonly signal?: AbortSignal;
}

/** Resolves with the status of the answer, whose body is thrown away; redirects are not followed. Rejects if there is none. */
export function postTo({ url, headers, body, timeoutMs, allowPrivate, signal }: PostOptions): Promise<number> {
  const refused = refusedTarget(url, allowPrivate);
  if (refused !== undefined) return Promise.reject(new Error(refused));
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal: signal ? AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) : AbortSignal.timeout(timeoutMs),
      agent: false,
      ...(!allowPrivate && { lookup: outerLookup }),
    });
    request.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.on('error', () => undefined);
      response.destroy(); // whatever else it says costs nothing
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Resolves names to outer addresses only: a name may point inside although its URL looks harmless. */
const outerLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const addresses: LookupAddress[] = error ? [] : found;
    const outer = addresses.filter(({ address }) => !isInnerAddress(address));
    const refusal =
      error ??
      (outer.length === 0 ? new Error(`${hostname} is an address inside the own network; see allow_private`) : null);
    if (refusal) callback(refusal, '', 0);
    else if (options.all) callback(null, outer);
    else callback(null, outer[0]!.address, outer[0]!.family);
  });
};
