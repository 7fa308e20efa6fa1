/** An LSP's wake service on a store in memory, wallets that talk to it in bytes, and endpoints on loopback. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from '../../../src/crypto/index.js';
import { createLog } from '../../../src/daemon/log.js';
import type { WakeOutcome } from '../../../src/daemon/wake/deliverer.js';
import { WakeService, type WakeServiceOptions } from '../../../src/daemon/wake/service.js';
import {
  askLsp,
  hearLsp,
  type LspsCall,
  NEW_LSPS_SESSION,
  type SeenNotifications,
  signMessage,
  verifyNotification,
} from '../../../src/offline/wake/index.js';
import type { Activity } from '../../../src/offline/wake/lsps5/state.js';
import { wallClock } from '../../../src/receive/clock.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { CLIENT, LSP_ID, LSP_KEY } from '../../offline/wake/support.js';

export type Answer = number | 'hang' | 'cut' | 'flood' | 'drip';

export interface Endpoint {
  readonly url: string;
  /** Every call that came, in order: its method if it verifies, else why not. */
  readonly calls: string[];
  readonly raw: { readonly headers: IncomingHttpHeaders; readonly body: string; readonly method: string }[];
}

export type CleanUps = (() => Promise<unknown>)[];

/** A notification service: believes what the LSP signed, and answers as it is told. */
export async function endpoint(cleanUps: CleanUps, answer: (nth: number) => Answer = () => 200): Promise<Endpoint> {
  const calls: string[] = [];
  const raw: Endpoint['raw'] = [];
  let seen: SeenNotifications = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      raw.push({ headers: request.headers, body: body.toString(), method: request.method ?? '' });
      const result = verifyNotification({
        headers: request.headers,
        rawBody: body,
        lspNodeId: LSP_ID,
        now: Date.now(),
        seen,
      });
      if (result.ok) ({ seen } = result.value);
      const nth = calls.push(result.ok ? result.value.notification.method : result.error.code);
      respond(response, answer(nth));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?k=s3cret`, calls, raw };
}

function respond(response: ServerResponse, answer: Answer): void {
  if (answer === 'cut') response.socket?.destroy();
  else if (answer === 'flood') {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  } else if (answer === 'drip') {
    // A header that never ends.
    response.socket?.write('HTTP/1.1 200 OK\r\nx: ');
    const timer = setInterval(() => response.socket?.write('y'), 5);
    response.socket?.on('close', () => {
      clearInterval(timer);
    });
  } else if (answer !== 'hang') response.writeHead(answer, { location: '/elsewhere' }).end('x'.repeat(100_000));
}

export interface Lsp {
  readonly service: WakeService;
  readonly store: Store;
  readonly outcomes: WakeOutcome[];
  readonly connected: Set<string>;
  readonly logged: () => string;
  activity: Activity;
  /** Sends a request in bytes and resolves with the result, or the code of the error. */
  readonly ask: (call: LspsCall, client?: string) => Promise<unknown>;
}

export interface LspOptions extends Partial<Omit<WakeServiceOptions, 'store'>> {
  readonly store?: Store;
}

export async function lsp(cleanUps: CleanUps, { store: given, ...overrides }: LspOptions = {}): Promise<Lsp> {
  const store = given ?? (await openStore({ url: 'sqlite::memory:', inProcess: true }));
  if (!given) cleanUps.push(() => store.close());
  const lines: string[] = [];
  const outcomes: WakeOutcome[] = [];
  const connected = new Set<string>();
  const service = new WakeService({
    nodeId: toHex(LSP_ID),
    store: store.wakes,
    sign: (message) => signMessage(message, LSP_KEY),
    clock: wallClock,
    isConnected: (client) => connected.has(client),
    hasActivity: () => made.activity,
    log: createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } }),
    metrics: { wakeCall: (outcome) => void outcomes.push(outcome) },
    allowLoopback: true,
    random: () => 0.5,
    pollMs: 20,
    firstRetryMs: 20,
    ...overrides,
  });
  service.start();
  cleanUps.push(() => service.close());
  const made: Lsp = {
    service,
    store,
    outcomes,
    connected,
    logged: () => lines.join(''),
    activity: 'channel',
    async ask(call, client = CLIENT) {
      const options = { random: randomBytes(10), now: 0, timeoutMs: 1_000 };
      const asked = askLsp(NEW_LSPS_SESSION, call, options);
      if (asked.kind !== 'asked') throw new Error(asked.reason);
      const payload = await service.onMessage(client, asked.bytes);
      if (!payload) return 'nothing';
      const { answer } = hearLsp(asked.session, payload, 0);
      return answer.kind === 'result' ? answer.result : answer.kind === 'error' ? answer.error.code : answer.kind;
    },
  };
  return made;
}

/** A service is closed before what it uses. */
export async function cleanUp(cleanUps: CleanUps): Promise<void> {
  for (const task of cleanUps.splice(0).reverse()) await task();
}
