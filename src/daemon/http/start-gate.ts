/** Answers for the API while the daemon starts: the address is taken before the work begins. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Problem, problemResponse } from './problems.js';

export class StartGate {
  readonly #app: OpenAPIHono;
  #isOpen = false;

  constructor(app: OpenAPIHono) {
    this.#app = app;
  }

  /** From now on the API itself answers. */
  open(): void {
    this.#isOpen = true;
  }

  readonly fetch: OpenAPIHono['fetch'] = (request, ...rest) => {
    if (this.#isOpen || new URL(request.url).pathname === '/healthz') return this.#app.fetch(request, ...rest);
    const headers = { 'retry-after': '1' };
    return problemResponse(new Problem(503, 'starting', 'the daemon is starting; ask again in a second', { headers }));
  };
}
