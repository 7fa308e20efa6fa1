/** A daemon that is an LSP, on a simulated network with two wallets behind its node alpha, on the wall clock. */
import { createServer } from 'node:http';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { AddressInfo } from 'node:net';
import { decodeInvoice } from '../../../src/bolt11/index.js';
import { randomBytes } from '../../../src/crypto/index.js';
import { assembleDaemon, type DaemonParts } from '../../../src/daemon/assemble.js';
import { parseConfig } from '../../../src/daemon/config/load.js';
import { createApp } from '../../../src/daemon/http/app.js';
import { createLog } from '../../../src/daemon/log.js';
import type { Scope } from '../../../src/daemon/scopes.js';
import type { PeerMessage } from '../../../src/messages/index.js';
import type { Faults } from '../../../src/node/sim/faults.js';
import type { SimNetwork } from '../../../src/node/sim/network.js';
import type { FakePayer } from '../../../src/node/sim/payer.js';
import { presetWorld, type PresetWorld } from '../../../src/node/sim/preset.js';
import { issueSimInvoice } from '../../../src/node/sim/sim-invoice.js';
import { SimNodePort } from '../../../src/node/sim/sim-node-port.js';
import {
  askLsp,
  hearLsp,
  type LspsCall,
  LSPS0_MESSAGE_TYPE,
  NEW_LSPS_SESSION,
  type SeenNotifications,
  verifyNotification,
} from '../../../src/offline/wake/index.js';
import { wallClock } from '../../../src/receive/clock.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { CONFIG, RING, until } from '../support.js';

export const LSP_CONFIG = `${CONFIG}
[offline]
enabled = true
max_held = 3
max_held_sat = 1000000
[wake]
allow_loopback = true
`;

const HEIGHT = 860_000;
let tokens = 0;

export interface LspWorld {
  readonly app: OpenAPIHono;
  readonly parts: DaemonParts;
  readonly store: Store;
  readonly sim: PresetWorld;
  readonly network: SimNetwork;
  readonly faults: Faults;
  readonly logged: () => string;
  readonly idOf: (name: string) => string;
  readonly token: (...scopes: Scope[]) => Promise<string>;
  /** Somebody far away pays a wallet. */
  readonly pay: (name: string, amountMsat: bigint) => ReturnType<FakePayer['start']> & { readonly paymentHash: string };
  /** Ends the daemon; the network and the store go on. */
  readonly end: () => Promise<void>;
}

export interface LspOptions {
  readonly config?: string;
  /** Goes on where this daemon ended. */
  readonly after?: LspWorld;
}

export async function makeLsp({ config = LSP_CONFIG, after }: LspOptions = {}): Promise<LspWorld> {
  const store = after?.store ?? (await openStore({ url: 'sqlite::memory:', inProcess: true }));
  const options = { seed: 'lsp', clock: wallClock, height: HEIGHT, hold: true, wallets: ['ann', 'bob'] };
  const sim = after?.sim ?? presetWorld(options);
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } });
  const parts = assembleDaemon(
    { config: parseConfig(config, '/nowhere/manifold.toml', {}), ring: RING, log, clock: wallClock, random: () => 0.5 },
    store,
    { nodes: sim.ports.map((port) => ({ port })), senders: [], embedded: undefined, close: async () => undefined },
  );
  for (const part of parts.startable) await part.start();
  const app = createApp(parts.api);
  await until(() => parts.api.receiver.status().every(({ state }) => state === 'live'));
  await until(() => lines.filter((line) => line.includes('onion messages of this node are heard')).length === 3);
  const { network, faults } = sim;
  let hasEnded = false;
  return {
    ...{ app, parts, store, sim, network, faults },
    logged: () => lines.join(''),
    idOf: (name: string): string => toHex(network.node(name).nodeId),
    async token(...scopes: Scope[]) {
      const text = `mft_${String(++tokens).padStart(64, '0')}`;
      await store.tokens.add(text, { id: `tok_${tokens}`, name: 'test', scopes });
      return text;
    },
    pay(name: string, amountMsat: bigint) {
      const wallet = network.node(name);
      const [preimage, paymentSecret] = [randomBytes(32), randomBytes(32)];
      const now = Math.floor(Date.now() / 1000);
      const { bolt11, paymentHash } = issueSimInvoice(wallet, {
        ...{ amountMsat, preimage, paymentSecret, now, description: 'tea' },
      });
      const [channel] = wallet.channels;
      const hint = {
        nodeId: network.node('alpha').nodeId,
        shortChannelId: channel!.aliases[channel!.sideOf(network.node('alpha'))],
        feeBaseMsat: 1_000,
        feeProportionalMillionths: 1_000,
        cltvExpiryDelta: 80,
      };
      const invoice = { ...unwrap(decodeInvoice(bolt11)), routeHints: [[hint]], minFinalCltvExpiryDelta: 144 };
      return { ...sim.payers[0]!.start({ invoice }), paymentHash: toHex(paymentHash) };
    },
    async end() {
      if (hasEnded) return;
      hasEnded = true;
      for (const part of [...parts.startable].reverse()) await part.stop();
    },
  };
}

/** A wallet's own process: speaks with its LSP by peer messages. */
export async function walletOf({ network }: Pick<LspWorld, 'network'>, name: string) {
  const heard: PeerMessage[] = [];
  const port = new SimNodePort(network, network.node(name));
  const session = await port.peerMessages.open({ onMessage: (one) => void heard.push(one), onClosed: () => undefined });
  const peer = network.node('alpha').nodeId;
  return {
    heard,
    send: (type: number, payload: Uint8Array) => session.send({ peer, type, payload }),
    /** The result, or the code of the error. */
    async ask(call: LspsCall): Promise<unknown> {
      const asked = askLsp(NEW_LSPS_SESSION, call, { random: randomBytes(10), now: 0, timeoutMs: 60_000 });
      if (asked.kind !== 'asked') throw new Error(asked.reason);
      const answers = () =>
        heard.map(({ payload }) => hearLsp(asked.session, payload, 0).answer).filter(({ kind }) => kind !== 'ignored');
      // The LSP listens once it serves the node.
      await until(async () => {
        await session.send({ peer, type: LSPS0_MESSAGE_TYPE, payload: asked.bytes });
        await new Promise((resolve) => setTimeout(resolve, 50));
        return answers().length > 0;
      });
      const [answer] = answers();
      return answer!.kind === 'result' ? answer!.result : answer!.kind === 'error' ? answer!.error.code : answer!.kind;
    },
  };
}

/** Where a wallet is woken: the methods of the calls that its LSP has signed. */
export async function wakeEndpoint(lspNodeId: Uint8Array) {
  const calls: string[] = [];
  let seen: SeenNotifications = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const rawBody = Buffer.concat(chunks);
      const result = verifyNotification({ headers: request.headers, rawBody, lspNodeId, now: Date.now(), seen });
      if (result.ok) ({ seen } = result.value);
      calls.push(result.ok ? result.value.notification.method : result.error.code);
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    calls,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/wake`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
