/** What a sleeping wallet costs: memory of the process and disk, with some messages waiting for each. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bytes32 } from '../../src/bench/fixtures.js';
import { atLeast, type BenchResult } from '../../src/bench/measure.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import type { ClientDocument } from '../../src/daemon/offline/clients.js';
import { MailboxService } from '../../src/daemon/offline/mailbox.js';
import { DEFAULT_CLIENT_LIMITS, type OfflineClient } from '../../src/offline/clients.js';
import type { OnionMessage } from '../../src/onion/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { leanLsp, quiet } from './lean-lsp.js';

const MESSAGES = 3;
/** As most onion messages are on the wire. */
const PACKET = 1366;
const ENDLESS = { perSecond: 1e9, burst: 1e9 };
const MEGABYTE = 1024 * 1024;
const MOST_MEMORY = 1_024;
const LEAST_KEPT = 500;
/** Written one by one; the store takes some at once. */
const AT_ONCE = 64;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function memory(): number {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function row(what: string, bytes: number, wallets: number, mostEach: number): BenchResult {
  const each = Math.round(bytes / wallets);
  return {
    what: `${what}: ${each} bytes each of ${wallets} wallets`,
    unit: 'MB',
    ours: Number((bytes / MEGABYTE).toFixed(1)),
    peer: null,
    peer_name: null,
    ratio: null,
    target: `< ${mostEach} bytes each`,
    ok: each < mostEach,
  };
}

export async function mailboxRows(quick: boolean): Promise<BenchResult[]> {
  const wallets = quick ? 2_000 : 100_000;
  const lsp = await leanLsp();
  const { store, clients, messenger, clock } = lsp;
  const documents = store.documents<ClientDocument>('client');
  const nodeIdOf = (n: number): Uint8Array => ec.publicKey(bytes32(`sleeper ${n}`));
  const enrol = async (n: number): Promise<void> => {
    const client: OfflineClient = {
      ...{ number: n, nodeId: nodeIdOf(n), name: `wallet ${n}` },
      ...{ limits: DEFAULT_CLIENT_LIMITS, enrolledAt: clock.now() },
    };
    const body = { kind: 'client', client } as const;
    await documents.write({ id: toHex(client.nodeId), scope: String(n), isOpen: true, body }, 0);
  };
  for (let n = 1; n <= wallets; n += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, wallets - n + 1) }, (_, i) => enrol(n + i)));
  }
  const before = memory();
  await clients.start();
  let woken = 0;
  const mailbox = new MailboxService({
    ...{ store: store.mailbox, messenger, clients, clock, log: quiet },
    onWaiting: () => woken++,
    limits: { perPeer: ENDLESS, perClient: ENDLESS },
  });
  mailbox.start();
  const nodeIds = clients.list().map(({ nodeId }) => nodeId);
  const pathKey = ec.publicKey(bytes32('path key'));
  const start = performance.now();
  for (let n = 0; n < wallets * MESSAGES; n++) {
    const message: OnionMessage = { pathKey, packet: randomBytes(PACKET) };
    mailbox.onStray({ to: { nodeId: nodeIds[n % wallets]! }, message });
    if (n % 1_000 === 999) while (woken < n - 500) await new Promise(setImmediate);
  }
  await mailbox.stop();
  const perSecond = (wallets * MESSAGES * 1_000) / (performance.now() - start);
  const after = memory();
  const { messages } = await store.mailbox.totals();
  if (messages !== wallets * MESSAGES) throw new Error(`${messages} messages were kept`);
  const disk = await lsp.close();
  const wireBytes = MESSAGES * (PACKET + 37);
  return [
    row(`sleeping wallet, memory, ${MESSAGES} messages waiting`, after - before, wallets, MOST_MEMORY),
    row(
      `sleeping wallet, disk, enrolled and ${MESSAGES} messages waiting (${wireBytes} bytes on the wire)`,
      disk,
      wallets,
      2 * wireBytes,
    ),
    atLeast('onion messages kept for sleeping wallets (SQLite)', perSecond, LEAST_KEPT),
  ];
}
