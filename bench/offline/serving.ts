/** Static invoices served per second: a request comes in, is peeled, looked up, and answered over the payer's path. */
import { bytes32 } from '../../src/bench/fixtures.js';
import { type BenchResult, compared, quantile } from '../../src/bench/measure.js';
import {
  buildDerivedOffer,
  buildInvoiceRequest,
  buildStaticInvoice,
  encodeRecords,
  encodeStaticInvoice,
  signerOf,
} from '../../src/bolt12/index.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { StaticInvoiceService } from '../../src/daemon/offline/static-invoices.js';
import { buildOnionMessage, encodeContent, messagePath } from '../../src/messages/index.js';
import { issuePaths, judgeServe, slotId, tagsOf } from '../../src/offline/static-invoices/index.js';
import { chainHashOf, type OnionMessage, peelOnionMessage } from '../../src/onion/index.js';
import { unwrap } from '../../src/wire/result.js';
import { leanLsp, type LeanLsp, MEMBER, MEMBER_ID, PEER_ID, quiet } from './lean-lsp.js';

const WALLETS = 50;
const REQUESTS = 400;
const AT_ONCE = 32;
/** Copies of a request within 30 s are not answered each. */
const ROUND_MS = 31_000;
/** Serving peels one message, and builds two of up to five hops: for the payer, and for the wallet. */
const LEAST_OF_PEELING = 0.1;
const PEEL_MS = 200;
const CHAIN = chainHashOf('bitcoin');
const ENDLESS = { perSecond: 1e9, burst: 1e9 };

const payInfo = {
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 144,
  htlcMinimumMsat: 1n,
  htlcMaximumMsat: 1_000_000_000n,
  features: [],
};

/** A wallet with an invoice in its slot, and what a payer sends who wants it. */
async function wallet(lsp: LeanLsp, n: number): Promise<(request: number) => OnionMessage> {
  const { clients, messenger, store, clock } = lsp;
  const nodeId = ec.publicKey(bytes32(`wallet ${n}`));
  const { number } = unwrap(await clients.enrol({ nodeId, name: `wallet ${n}` }));
  const now = clock.now();
  const expiry = Math.floor(now / 1000) + 365 * 86_400;
  const pathId = messenger.pathId({ kind: 'static_invoice_requested', client: number, slot: 0, expiry });
  const paths = messenger.pathsToVirtual(pathId, { end: 'member' });
  const { offer, signer } = unwrap(buildDerivedOffer(bytes32('offers'), bytes32(`nonce ${n}`).slice(0, 16), { paths }));
  const toWallet = (): ReturnType<typeof messagePath> =>
    messagePath({ nodes: [MEMBER_ID, nodeId], pathId }, randomBytes);
  const invoice = unwrap(
    buildStaticInvoice({
      ...{ offer, signer },
      paymentPaths: [{ path: toWallet(), payInfo }],
      messagePaths: [toWallet()],
      createdAt: Math.floor(now / 1000),
    }),
  );
  const slot = issuePaths({ client: number, slot: 0, issued: [] }, { tags: tagsOf(paths), expiry }, 0);
  const served = judgeServe(
    slot,
    { staticInvoice: encodeStaticInvoice(invoice), forwardPath: toWallet() },
    { now, chain: CHAIN, isNear: () => true },
  );
  if (!served.ok) throw new Error(served.error.message);
  const document = { id: slotId(number, 0), scope: String(number), isOpen: true, body: served.value };
  await store.documents('static_invoice').write(document, 0);
  return (request) => {
    const { records } = unwrap(
      buildInvoiceRequest({
        offer,
        metadata: bytes32(`request ${request}`),
        amountMsat: 5_000n,
        signer: signerOf(bytes32(`payer ${request}`)),
      }),
    );
    const replyPath = messagePath(
      { nodes: [PEER_ID, PEER_ID, PEER_ID, PEER_ID], pathId: bytes32('reply') },
      randomBytes,
    );
    const content = encodeContent({ name: 'invoice_request', bytes: encodeRecords(records) });
    return buildOnionMessage({ target: { path: paths[0]! }, content, replyPath }, randomBytes)!;
  };
}

export async function servingRows(quick: boolean): Promise<BenchResult[]> {
  const lsp = await leanLsp();
  await lsp.clients.start();
  const service = new StaticInvoiceService({
    documents: lsp.store.documents('static_invoice'),
    ...{ messenger: lsp.messenger, clients: lsp.clients, graph: lsp.graph, clock: lsp.clock, log: quiet },
    isOwnNode: () => true,
    chain: CHAIN,
    rate: ENDLESS,
  });
  service.start();
  const wallets: ((request: number) => OnionMessage)[] = [];
  for (let n = 0; n < WALLETS; n++) wallets.push(await wallet(lsp, n));
  const rates: number[] = [];
  const peels: number[] = [];
  for (let round = 0; round < (quick ? 2 : 7); round++) {
    const messages = Array.from({ length: quick ? 100 : REQUESTS }, (_, i) => wallets[i % WALLETS]!(i));
    lsp.clock.time += ROUND_MS;
    peels.push(peelRate(messages));
    rates.push(await serveAll(lsp, messages));
  }
  const dropped = [...service.dropped, ...lsp.messenger.dropped];
  service.stop();
  await lsp.close();
  if (dropped.length > 0) throw new Error(`requests were not answered: ${dropped.join(' ')}`);
  // The first round compiles.
  const median = (values: readonly number[]): number => quantile(values.slice(1), 0.5);
  return [
    compared(
      'static invoices served (peeled, looked up in SQLite, answered, passed on)',
      median(rates),
      { name: 'peeling alone', value: median(peels) },
      LEAST_OF_PEELING,
    ),
  ];
}

/** Messages per second that are only peeled: what the machine does at that moment. */
function peelRate(messages: readonly OnionMessage[]): number {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < PEEL_MS) unwrap(peelOnionMessage(MEMBER, messages[count++ % messages.length]!));
  return (count / (performance.now() - start)) * 1000;
}

/** Answers per second; so many requests are on their way at one time. */
async function serveAll(lsp: LeanLsp, messages: readonly OnionMessage[]): Promise<number> {
  const start = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    let answered = 0;
    lsp.onSent = () => {
      if (++answered === messages.length) resolve();
      else if (sent < messages.length) lsp.arrive(messages[sent++]!);
    };
    while (sent < Math.min(AT_ONCE, messages.length)) lsp.arrive(messages[sent++]!);
  });
  return (messages.length / (performance.now() - start)) * 1000;
}
