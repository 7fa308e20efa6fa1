/** The process of the lean LNDs: shows HTLCs as it is told and measures when they are answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InterceptAction } from '../../src/node/lnd/rpc/intercept.js';
import { sampleForward, samplePayment } from '../../src/bench/payments.js';
import { benchRing } from '../../src/bench/receive.js';
import type { InterceptedHtlc } from '../../src/receive/node-port.js';
import { sharedCertificate } from '../../test/fake-lnd/certificate.js';
import { LeanLnd } from './lean-lnd.js';
import type { Numbered, Opened, Order, Waits } from './orders.js';

/** One part, ready to be shown. */
interface Ready {
  readonly node: LeanLnd;
  readonly htlc: InterceptedHtlc;
  readonly bytes: Uint8Array;
}

const FORWARD_EVERY_MS = 3;
const ring = benchRing();
let nodes: LeanLnd[] = [];
let payments: Ready[][] = [];
let stopLoad = (): void => undefined;
/** Who waits for the answer of an HTLC; ids are unique over all nodes. */
const waiting = new Map<bigint, (action: number) => void>();
let freshId = 1n << 40n;

function answered(htlcId: bigint, action: number): void {
  const waits = waiting.get(htlcId);
  waiting.delete(htlcId);
  waits?.(action);
}

async function open(count: number): Promise<Opened> {
  nodes = Array.from({ length: count }, (_, i) => new LeanLnd(`${i} of ${process.pid}`));
  for (const node of nodes) node.onReply = answered;
  const addresses = await Promise.all(nodes.map((node) => node.listen()));
  return { certificate: new TextDecoder().decode((await sharedCertificate()).certificate), addresses };
}

function newPayment(i: number, parts: number): Ready[] {
  const order = nodes.map((_, n) => nodes[(i + n) % nodes.length]!);
  const htlcs = samplePayment(
    ring,
    order.map(({ nodeId }) => nodeId),
    parts,
  );
  return htlcs.map((htlc, part) => ({
    node: order[part % order.length]!,
    htlc,
    bytes: LeanLnd.offerOf(htlc),
  }));
}

/** Shows the parts of one payment. Resolves with the ms until the last answer. */
function pay(parts: readonly Ready[]): Promise<number> {
  const start = performance.now();
  let open = parts.length;
  return new Promise((resolve, reject) => {
    for (const { node, htlc, bytes } of parts) {
      waiting.set(htlc.key.htlcId, (action) => {
        if (action !== InterceptAction.settle) reject(new Error(`a payment was answered with action ${action}`));
        if (--open === 0) resolve(performance.now() - start);
      });
      node.show(bytes);
    }
  });
}

async function saturate(window: number): Promise<Waits> {
  const waits: number[] = [];
  const queue = payments.splice(0);
  const atOnce = Math.max(1, Math.floor(window / queue[0]!.length));
  const start = performance.now();
  const worker = async (): Promise<void> => {
    for (let parts = queue.pop(); parts; parts = queue.pop()) waits.push(await pay(parts));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { waits, tookMs: performance.now() - start };
}

async function oneByOne(): Promise<Waits> {
  const waits: number[] = [];
  const start = performance.now();
  for (const parts of payments.splice(0)) {
    waits.push(await pay(parts));
    await sleep(2);
  }
  return { waits, tookMs: performance.now() - start };
}

/**
 * The prepared payments first, then the same again under new ids: those are answered with a failure, after a decision of
 * the ledger like the others.
 */
function load(window: number): void {
  stopLoad();
  let running = true;
  let shown = 0;
  const showNext = (): void => {
    const ready = payments[shown % payments.length]![0]!;
    const { node, htlc, bytes } = shown < payments.length ? ready : underNewId(ready);
    shown++;
    waiting.set(htlc.key.htlcId, () => {
      if (running) showNext();
    });
    node.show(bytes);
  };
  for (let i = 0; i < window; i++) showNext();
  stopLoad = () => {
    running = false;
  };
}

function underNewId({ node, htlc }: Ready): Ready {
  const again = { ...htlc, key: { ...htlc.key, htlcId: freshId++ } };
  return { node, htlc: again, bytes: LeanLnd.offerOf(again) };
}

async function forwards(count: number): Promise<Waits> {
  const [node] = nodes;
  const sample = sampleForward(node!.nodeId, samplePayment(ring, [node!.nodeId], 1)[0]!);
  const pending: Promise<number>[] = [];
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const htlc = { ...sample, key: { ...sample.key, htlcId: freshId++ } };
    const bytes = LeanLnd.offerOf(htlc);
    const shownAt = performance.now();
    pending.push(
      new Promise((resolve, reject) => {
        waiting.set(htlc.key.htlcId, (action) => {
          if (action === InterceptAction.resume) resolve(performance.now() - shownAt);
          else reject(new Error(`a forward was answered with action ${action}`));
        });
      }),
    );
    node!.show(bytes);
    await sleep(FORWARD_EVERY_MS);
  }
  return { waits: await Promise.all(pending), tookMs: performance.now() - start };
}

async function steady(perSecond: number, seconds: number): Promise<Waits> {
  const waits: number[] = [];
  const pending = new Set<Promise<void>>();
  const start = performance.now();
  for (let made = 0; made < perSecond * seconds; made++) {
    const ahead = (made / perSecond) * 1000 - (performance.now() - start);
    if (ahead > 0) await sleep(ahead);
    const paid: Promise<void> = pay(newPayment(made, 1)).then((ms) => {
      waits.push(ms);
      pending.delete(paid);
    });
    pending.add(paid);
  }
  await Promise.all(pending);
  return { waits, tookMs: performance.now() - start };
}

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'open':
      return open(order.nodes);
    case 'prepare':
      payments = Array.from({ length: order.payments }, (_, i) => newPayment(i, order.parts));
      return null;
    case 'saturate':
      return saturate(order.window);
    case 'one-by-one':
      return oneByOne();
    case 'load':
      load(order.window);
      return null;
    case 'forwards':
      return forwards(order.count);
    case 'steady':
      return steady(order.perSecond, order.seconds);
  }
}

process.on('message', ({ id, body }: Numbered<Order>) => {
  obey(body).then(
    (result) => process.send?.({ id, body: { result } }),
    (error: unknown) => process.send?.({ id, body: { error: String(error) } }),
  );
});
process.on('disconnect', () => process.exit(0));
