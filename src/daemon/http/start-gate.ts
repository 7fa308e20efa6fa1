/** Answers for the API while the daemon starts: the address is taken before the work begins. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Problem, problemResponse } from './problems.js';

export class StartGate {
  readonly #app: OpenAPIHono;
  #isOpen = false;
  /** What the start waits for. */
  waitsFor: string | undefined;

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
    const detail =
      this.waitsFor === undefined
        ? 'the daemon is starting; ask again in a second'
        : `the daemon is starting and waits for the database (${this.waitsFor}); forwards of the nodes go on`;
    return problemResponse(new Problem(503, 'starting', detail, { headers }));
  };
}
