/** Which hosts a stranger may have us call: none inside the operator's network, but for this machine if he says so. */
import type { UrlRules } from '../../offline/wake/lsps5/requests.js';
import { postTo } from '../webhooks/post.js';
import { refusedTarget } from '../webhooks/target.js';

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

function isLoopback({ hostname }: URL): boolean {
  return LOOPBACK.has(hostname);
}

/** @param allowLoopback for demos and tests: http and https to this machine */
export function wakeUrlRules(allowLoopback: boolean): UrlRules {
  return {
    allowsHttp: (url) => allowLoopback && isLoopback(url),
    refusal: (url) =>
      (allowLoopback && isLoopback(url)) || refusedTarget(url.href, false) === undefined
        ? undefined
        : 'this host cannot be called from outside',
  };
}

export interface WakePost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Sends calls; checks again where a name points, follows no redirect, reads nothing but the status. */
export function wakePoster(
  allowLoopback: boolean,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): (post: WakePost) => Promise<number> {
  return (post) => {
    const url = new URL(post.url);
    // What was allowed when it was stored need not be allowed now.
    if (url.protocol !== 'https:' && !(allowLoopback && isLoopback(url)))
      return Promise.reject(new Error('only https is called; see allow_loopback'));
    return postTo({ ...post, timeoutMs, allowPrivate: allowLoopback && isLoopback(url) });
  };
}
