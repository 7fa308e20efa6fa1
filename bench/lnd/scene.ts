/** Manifold as it runs beside LNDs: the real receiver and adapter here, lean LNDs in a process of their own. */
import { benchRing, serveNodes } from '../../src/bench/receive.js';
import { LndNode } from '../../src/node/lnd/node.js';
import type { LndEndpoint } from '../../src/node/lnd/client.js';
import type { LedgerStore } from '../../src/receive/ledger/store-port.js';
import { OwnProcess } from './own-process.js';
import type { Opened, Order } from './orders.js';

export interface LeanLnds {
  readonly endpoints: readonly LndEndpoint[];
  ask<T>(order: Order): Promise<T>;
  close(): void;
}

export async function openLnds(nodes: number): Promise<LeanLnds> {
  const lean = new OwnProcess<Order>('./lean-process.ts');
  const { certificate, addresses } = await lean.ask<Opened>({ do: 'open', nodes });
  const pem = new TextEncoder().encode(certificate);
  return {
    endpoints: addresses.map((address) => ({ address, certificate: pem, macaroon: undefined })),
    ask: (order) => lean.ask(order),
    close: () => {
      lean.close();
    },
  };
}

export interface Scene extends LeanLnds {
  stop(): Promise<void>;
}

export async function openScene(store: LedgerStore, nodeCount: number): Promise<Scene> {
  const lnds = await openLnds(nodeCount);
  const nodes = lnds.endpoints.map(
    (endpoint, i) => new LndNode({ ...endpoint, name: `lnd-${i}`, forceClose: false, registerPreimages: false }),
  );
  const receiver = await serveNodes(store, benchRing(), nodes);
  return {
    ...lnds,
    async stop() {
      await receiver.stop();
      for (const node of nodes) node.close();
      lnds.close();
    },
  };
}
