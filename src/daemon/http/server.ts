/** The API on a socket, with limits on everything a client can make us hold. */
import { createServer, type Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';

export interface ApiServer {
  /** Where it listens. */
  readonly url: string;
  /** Takes nothing new, lets what runs end, and cuts off what does not. */
  close(): Promise<void>;
}

const PATIENCE_MS = 5_000;
const SWEEP_MS = 50;

/** Rejects if the address cannot be listened on. */
export async function serveApi(app: Pick<OpenAPIHono, 'fetch'>, host: string, port: number): Promise<ApiServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    serverOptions: {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1_000, // both limits above are looked at so often only
      keepAliveTimeout: 30_000,
      maxHeaderSize: 16_384,
    },
    overrideGlobalObjects: false,
  }) as Server;
  server.maxConnections = 1_024;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', () => undefined);
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    close: () => close(server),
  };
}

function close(server: Server): Promise<void> {
  // A client that never pauses would keep its connection busy at every sweep.
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
    }, PATIENCE_MS);
    // Connections whose last answer ends only now become idle one by one.
    const sweep = setInterval(() => {
      server.closeIdleConnections();
    }, SWEEP_MS);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(sweep);
      resolve();
    });
  });
}
