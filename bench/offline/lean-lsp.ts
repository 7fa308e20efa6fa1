/** An LSP's parts around one member that is a stub: what it hands over is counted. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytes32 } from '../../src/bench/fixtures.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { createLog } from '../../src/daemon/log.js';
import { type ClientDocument, ClientService } from '../../src/daemon/offline/clients.js';
import { type MessageGraph, type MessageHandlers, type MessagePort, Messenger } from '../../src/messages/index.js';
import { type OnionMessage, peelOnionMessage } from '../../src/onion/index.js';
import type { Clock } from '../../src/receive/clock.js';
import { openStore, type Store } from '../../src/store/index.js';
import type { Millis, NodeId } from '../../src/wire/units.js';

/** The member's secret key. */
export const MEMBER = bytes32('lsp member');
export const MEMBER_ID = ec.publicKey(MEMBER);
/** A peer that is always there. */
export const PEER_ID = ec.publicKey(bytes32('payer'));

export const quiet = createLog({ level: 'silent', destination: { write: () => undefined } });

/** Time that goes on only when it is told to, so that no limit by time counts. */
export class BenchClock implements Clock {
  time: Millis = 1_700_000_000_000;

  readonly now = (): Millis => this.time;
  readonly soon = (task: () => void): void => void setImmediate(task);
  readonly after = (delay: Millis, task: () => void): (() => void) => {
    const timer = setTimeout(task, delay);
    return () => {
      clearTimeout(timer);
    };
  };
}

export interface LeanLsp {
  readonly store: Store;
  readonly clock: BenchClock;
  readonly messenger: Messenger;
  readonly clients: ClientService;
  readonly graph: MessageGraph;
  /** A message from the peer, as the member's node would tell it. */
  arrive(message: OnionMessage): void;
  /** Called for each message that the member hands to a peer. */
  onSent: (to: NodeId) => void;
  /** Resolves to the size of the database on disk, in bytes. */
  close(): Promise<number>;
}

const ENDLESS = { perSecond: 1e9, burst: 1e9 };

export async function leanLsp(): Promise<LeanLsp> {
  const folder = await mkdtemp(join(tmpdir(), 'manifold-bench-'));
  const file = join(folder, 'bench.db');
  const store = await openStore({ url: `sqlite:${file}` });
  const clock = new BenchClock();
  const graph: MessageGraph = { neighbours: () => [PEER_ID], endsOf: () => undefined, canDial: () => false };
  let handlers: MessageHandlers | undefined;
  const peel: NonNullable<MessagePort['peelOwn']> = async (message) => {
    const peeled = peelOnionMessage(MEMBER, message);
    if (!peeled.ok) return undefined;
    const { value } = peeled;
    if (value.kind === 'forward') return { to: value.to, message: value.message };
    return { payload: value.payload, ...(value.data.pathId && { pathId: value.data.pathId }) };
  };
  const port: MessagePort = {
    open: async (given) => {
      handlers = given;
      given.onPeer(PEER_ID, true);
      return {
        send: async (to) => {
          lsp.onSent(to);
          return 'sent';
        },
        dial: async () => false,
        close: () => undefined,
      };
    },
    peelOwn: peel,
  };
  const secret = bytes32('virtual node');
  const messenger = new Messenger({
    virtualNodes: [{ nodeId: ec.publicKey(secret), secret, contextKey: bytes32('context key') }],
    ...{ graph, clock, random: randomBytes },
    limits: { perPeer: ENDLESS, global: ENDLESS, queued: 100_000, queuedPerPeer: 100_000 },
    // Wallets sleep: the mailbox would keep it.
    onUnsent: () => true,
    onFault: (error) => {
      throw error;
    },
  });
  const clients = new ClientService({
    documents: store.documents<ClientDocument>('client'),
    ...{ messenger, clock, log: quiet },
  });
  const lsp: LeanLsp = {
    ...{ store, clock, messenger, clients, graph },
    arrive: (message) => {
      void peel(message).then((peeled) => {
        if (peeled && !('to' in peeled)) handlers!.onReceived(peeled);
        else if (peeled) handlers!.onUnforwarded({ from: PEER_ID, ...peeled });
      });
    },
    onSent: () => undefined,
    close: async () => {
      await clients.stop();
      messenger.close();
      await store.close();
      const { size } = await stat(file);
      await rm(folder, { recursive: true });
      return size;
    },
  };
  await messenger.addMember('lsp', MEMBER_ID, port);
  return lsp;
}
