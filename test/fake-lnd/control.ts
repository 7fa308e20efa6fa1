/**
 * What is wrong with fake LNDs, told from another process: lines of JSON over loopback, one request and one answer each.
 * What is wrong with the network beneath them goes through the simulated network's own server.
 */
import { connect, createServer, type Socket } from 'node:net';
import { z } from 'zod';
import { readLines, writeLine } from '../../src/node/sim/lines.js';
import type { FakeLnd } from './server.js';

const paths = z.array(z.string().max(256)).max(64);
const milliseconds = z.number().int().min(0).max(86_400_000);

const settings = z.object({
  version: z.string().max(64).exactOptional(),
  requireInterceptor: z.boolean().exactOptional(),
  storeFinals: z.boolean().exactOptional(),
  walletState: z.number().int().min(0).max(255).exactOptional(),
  permissions: z.literal('all').or(paths).exactOptional(),
});

const faults = z.object({
  slowMs: milliseconds.exactOptional(),
  garbage: paths.exactOptional(),
  interceptorTaken: z.boolean().exactOptional(),
  offerCopies: z.number().int().min(1).max(10).exactOptional(),
  loseFinals: z.boolean().exactOptional(),
  claimsSynced: z.boolean().exactOptional(),
});

const node = z.string().max(256);

const order = z.discriminatedUnion('verb', [
  /** Stops the process and starts it again with these settings. */
  z.object({ verb: z.literal('restart'), node, settings: settings.default({}) }),
  z.object({ verb: z.literal('faults'), node, faults }),
  z.object({ verb: z.literal('black-hole'), node, on: z.boolean() }),
  z.object({ verb: z.literal('freeze'), node, ms: milliseconds }),
  z.object({ verb: z.literal('cut'), node }),
  z.object({ verb: z.literal('swap-certificate'), node }),
  z.object({ verb: z.literal('revoke-macaroon'), node }),
  z.object({ verb: z.literal('status'), node }),
]);
export type ControlOrder = z.input<typeof order>;

const status = z.object({
  online: z.boolean(),
  streams: z.number().int(),
  replies: z.number().int(),
  isBlocked: z.boolean(),
  /** Hex of payment hashes whose preimage came with AddInvoice. */
  registered: z.array(z.string()),
});
export type FakeLndStatus = z.output<typeof status>;

const answer = z.object({ status }).or(z.object({ error: z.string() }));

const MAX_LENGTH = 65_536;

export interface ControlServer {
  readonly port: number;
  close(): Promise<void>;
}

/** @param onCredentials a node has another certificate or macaroon than before */
export function serveControl(
  lnds: ReadonlyMap<string, FakeLnd>,
  onCredentials: (lnd: FakeLnd) => void,
): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    readLines(socket, MAX_LENGTH, (line) => {
      const parsed = order.safeParse(line);
      if (!parsed.success) return false;
      carryOut(lnds, parsed.data, onCredentials).then(
        (lnd) => {
          writeLine(socket, { status: statusOf(lnd) });
        },
        (thrown: unknown) => {
          writeLine(socket, { error: thrown instanceof Error ? thrown.message : 'unknown error' });
        },
      );
      return true;
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : 0,
        close: () =>
          new Promise((closed) => {
            server.close(() => {
              closed();
            });
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

async function carryOut(
  lnds: ReadonlyMap<string, FakeLnd>,
  wish: z.output<typeof order>,
  onCredentials: (lnd: FakeLnd) => void,
): Promise<FakeLnd> {
  const lnd = lnds.get(wish.node);
  if (!lnd) throw new RangeError(`no fake LND is called ${wish.node}`);
  switch (wish.verb) {
    case 'restart': {
      const { permissions, ...rest } = wish.settings;
      const granted = Array.isArray(permissions) ? new Set(permissions) : permissions;
      await lnd.restart({ ...rest, ...(granted !== undefined && { permissions: granted }) });
      break;
    }
    case 'faults': {
      const { garbage, ...rest } = wish.faults;
      Object.assign(lnd.faults, rest, garbage && { garbage: new Set(garbage) });
      break;
    }
    case 'black-hole':
      lnd.blackHole(wish.on);
      break;
    case 'freeze':
      lnd.freeze(wish.ms);
      break;
    case 'cut':
      lnd.cutConnections();
      break;
    case 'swap-certificate':
      await lnd.swapCertificate();
      onCredentials(lnd);
      break;
    case 'revoke-macaroon':
      lnd.revokeMacaroon();
      onCredentials(lnd);
      break;
    case 'status':
      break;
  }
  return lnd;
}

function statusOf(lnd: FakeLnd): FakeLndStatus {
  const { counts, isBlocked, registered, node: simNode } = lnd;
  return { online: simNode.online, ...counts, isBlocked, registered: [...registered.keys()] };
}

/** Tells the fake LNDs of another process what to do, one order at a time over a connection of its own. */
export function control(port: number, wish: ControlOrder): Promise<FakeLndStatus> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      writeLine(socket, wish);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error('the fake LNDs ended the connection; check the order'));
    });
    readLines(socket, MAX_LENGTH, (line) => {
      const parsed = answer.parse(line);
      if ('error' in parsed) reject(new Error(parsed.error));
      else resolve(parsed.status);
      socket.end();
      return true;
    });
  });
}
