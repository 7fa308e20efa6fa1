/** The demonstration's cluster behind the daemon's own HTTP API, on the loopback interface, with payers to try it with. */
import { decodeInvoice } from '../bolt11/index.js';
import { randomBytes } from '../crypto/index.js';
import { EmbeddedNetwork, type SimInvoiceRequest, type SimPayRequest } from '../daemon/embedded.js';
import { EventHub } from '../daemon/event-hub.js';
import { HintBook } from '../daemon/hints.js';
import { createApp } from '../daemon/http/app.js';
import type { ApiContext } from '../daemon/http/context.js';
import { type ApiServer, serveApi } from '../daemon/http/server.js';
import { createLog } from '../daemon/log.js';
import { Metrics } from '../daemon/metrics.js';
import { PaymentService } from '../daemon/paying/service.js';
import { VERSION } from '../daemon/version.js';
import { WebhookDeliverer } from '../daemon/webhooks/deliverer.js';
import type { PartPlan, PaymentRecord } from '../node/sim/payment.js';
import type { KeyRing } from '../phantom/index.js';
import type { Paying } from '../send/run/types.js';
import { toHex } from '../wire/bytes.js';
import { err, ok, type Result } from '../wire/result.js';
import type { Msat } from '../wire/units.js';
import { type DemoWorld, MEMBERS } from './world.js';

export interface Serving {
  readonly url: string;
  /** May do everything with this demonstration. */
  readonly token: string;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

/** Carol and Dave, for whoever asks the API to have an invoice paid. */
class DemoPayers extends EmbeddedNetwork {
  readonly #world: DemoWorld;
  readonly #stopped: Promise<void>;
  readonly #stop: () => void;
  #turn = 0;

  constructor(world: DemoWorld) {
    super(world.clock);
    this.#world = world;
    let stop = (): void => undefined;
    this.#stopped = new Promise((resolve) => {
      stop = resolve;
    });
    this.#stop = stop;
  }

  override async pay({ invoice: text, amountMsat, parts, waitMs }: SimPayRequest): Promise<Result<PaymentRecord>> {
    const decoded = decodeInvoice(text);
    if (!decoded.ok) return decoded;
    const invoice = decoded.value;
    const total = amountMsat ?? invoice.amountMsat;
    if (total === undefined) {
      return err({ code: 'amount_missing', message: 'the invoice leaves the amount to the payer: pass amount_msat' });
    }
    const payer = this.#world.payer(this.#turn++ % 2 === 0 ? 'carol' : 'dave');
    const plans = evenParts(total, parts, invoice.routeHints.length);
    const { record, done } = payer.start({ invoice, amountMsat: total, parts: plans });
    await Promise.race([done, this.#world.sleep(waitMs), this.#stopped]);
    return ok(record);
  }

  /** Carol's, for whoever asks the API to pay somebody. */
  override invoice({ amountMsat, description }: SimInvoiceRequest): ReturnType<EmbeddedNetwork['invoice']> {
    const { node } = this.#world.payer('carol');
    return this.#world.issueFor(node, amountMsat, description);
  }

  override stop(): void {
    super.stop();
    this.#stop();
  }
}

/** A single part may go where it likes; several are spread over the hints. */
function evenParts(total: Msat, count: number, hints: number): PartPlan[] {
  const share = total / BigInt(count);
  return Array.from({ length: count }, (_, i) => ({
    amountMsat: i === 0 ? total - share * BigInt(count - 1) : share,
    ...(count > 1 && hints > 0 && { hint: i % hints }),
  }));
}

/**
 * Serves on `port`, or on any free one if that is taken. The process behind the API is always the world's newest one.
 * Rejects if no port can be listened on.
 */
export async function serveWorld(world: DemoWorld, port: number): Promise<Serving> {
  const { store, clock } = world;
  const log = createLog({ level: 'silent', destination: { write: () => undefined } });
  const hub = new EventHub({ store, clock, log });
  const payers = new DemoPayers(world);
  const cluster = await world.payingCluster();
  const { api, deliverer } = assemble(world, { hub, log, embedded: payers }, cluster.paying);
  const token = `mft_${toHex(randomBytes(32))}`;
  await store.tokens.add(token, { id: 'tok_demo', name: 'demo', scopes: ['admin'] });
  const app = createApp(api);
  const server = await listen((at) => serveApi(app, LOOPBACK, at), port);
  hub.start();
  deliverer.start();
  return {
    url: server.url,
    token,
    async stop() {
      payers.stop();
      const closed = server.close();
      await Promise.all([deliverer.stop(), hub.stop()]);
      await closed;
    },
  };
}

interface Assembled {
  readonly api: ApiContext;
  readonly deliverer: WebhookDeliverer;
}

/** As the daemon does, but following the world to its newest process. */
function assemble(world: DemoWorld, given: Pick<ApiContext, 'hub' | 'log' | 'embedded'>, paying: Paying): Assembled {
  const { store, clock, ring } = world;
  const keys = (): KeyRing => ring;
  const streams = { open: 0 };
  const receiver = {
    status: () => world.process.receiver.status(),
    nodeIds: () => world.process.receiver.nodeIds(),
    get cluster() {
      return world.process.receiver.cluster;
    },
  };
  const metrics = new Metrics(receiver.status, () => streams.open);
  // Whoever tries webhooks here receives them on this very machine.
  const allowPrivate = true;
  const chances = world.random.fork('webhooks');
  const random = (): number => chances.fraction();
  const deliverer = new WebhookDeliverer({ ...given, store, keys, clock, metrics, allowPrivate, random });
  const payments = new PaymentService({
    store: store.payments,
    sender: () => paying,
    names: MEMBERS,
    keys,
    currency: 'bcrt',
    now: () => clock.now(),
    defaults: {},
  });
  const api: ApiContext = {
    ...given,
    paying: {
      payments,
      status: () => paying.status(),
      names: { nodeName: (id) => (world.nameOf(id) === id ? undefined : world.nameOf(id)) },
    },
    store,
    receiver,
    get invoices() {
      return world.process.invoices;
    },
    hints: new HintBook({ meta: store.meta, keys, ownNodeIds: receiver.nodeIds }),
    keys,
    currency: 'bcrt',
    clock,
    metrics,
    allowPrivateWebhooks: allowPrivate,
    retryWebhooks: () => deliverer.forgetPauses(),
    version: VERSION,
    streams,
    now: () => performance.now(),
  };
  return { api, deliverer };
}

async function listen(serve: (port: number) => Promise<ApiServer>, port: number): Promise<ApiServer> {
  try {
    return await serve(port);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown;
    return serve(0);
  }
}
