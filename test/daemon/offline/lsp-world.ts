/** An LSP on a simulated network that serves wallets: payer – hub – lsp – wallet, the wallet private and mostly away. */
import { onTestFinished } from 'vitest';
import {
  buildDerivedOffer,
  buildInvoiceRequest,
  buildStaticInvoice,
  decodeOffer,
  encodeOfferString,
  encodeRecords,
  encodeStaticInvoice,
  signerOf,
} from '../../../src/bolt12/index.js';
import { ec } from '../../../src/crypto/index.js';
import { createLog } from '../../../src/daemon/log.js';
import { type ClientDocument, ClientService } from '../../../src/daemon/offline/clients.js';
import { MailboxService, type MailboxServiceOptions } from '../../../src/daemon/offline/mailbox.js';
import { StaticInvoiceService } from '../../../src/daemon/offline/static-invoices.js';
import { type Content, Messenger, type Received, type Stray } from '../../../src/messages/index.js';
import { Faults } from '../../../src/node/sim/faults.js';
import { SimNetwork } from '../../../src/node/sim/network.js';
import { SimNodePort } from '../../../src/node/sim/sim-node-port.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import type { OfflineClient } from '../../../src/offline/clients.js';
import type { InvoiceSlot } from '../../../src/offline/static-invoices/index.js';
import type { BlindedPath } from '../../../src/onion/index.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { BITCOIN, filled, pathTo, payInfo } from '../../bolt12/support.js';
import { testRandom } from '../../messages/network.js';

const BALANCES = { balances: [1_000_000_000n, 1_000_000_000n] } as const;
export const quietLog = createLog({ level: 'silent', destination: { write: () => undefined } });

let seed = 4_000;

/** A messenger at one node of the network. */
export class Party {
  readonly messenger: Messenger;
  readonly strays: Stray[] = [];
  readonly faults: unknown[] = [];
  onStray: (stray: Stray) => void = (stray) => void this.strays.push(stray);
  onUnsent: (stray: Stray) => boolean = () => false;
  onPeer: (peer: Uint8Array, connected: boolean) => void = () => undefined;
  readonly name: string;
  readonly #port: SimNodePort;

  constructor(world: LspWorld, name: string, secretByte: number) {
    this.name = name;
    this.#port = new SimNodePort(world.network, world.network.node(name));
    const secret = filled(secretByte);
    this.messenger = new Messenger({
      virtualNodes: [{ nodeId: ec.publicKey(secret), secret, contextKey: filled(secretByte + 100) }],
      graph: this.#port.messageGraph,
      clock: world.clock,
      random: testRandom(secretByte),
      onStray: (stray) => {
        this.onStray(stray);
      },
      onUnsent: (stray) => this.onUnsent(stray),
      onPeer: (peer, connected) => {
        this.onPeer(peer, connected);
      },
      onFault: (error) => this.faults.push(error),
    });
  }

  get graph() {
    return this.#port.messageGraph;
  }

  async open(): Promise<void> {
    const { nodeId } = await this.#port.info();
    await this.messenger.addMember(this.name, nodeId, this.#port.messages);
  }
}

/** The LSP's part of a daemon. */
export class Lsp {
  readonly clients: ClientService;
  readonly invoices: StaticInvoiceService;
  readonly mailbox: MailboxService;
  readonly woken: number[] = [];

  constructor(world: LspWorld, party: Party, options: Partial<MailboxServiceOptions> = {}) {
    const { clock, store, network } = world;
    const { messenger } = party;
    this.clients = new ClientService({
      documents: store.documents<ClientDocument>('client'),
      ...{ messenger, clock, log: quietLog },
    });
    this.invoices = new StaticInvoiceService({
      documents: store.documents<InvoiceSlot>('static_invoice'),
      ...{ messenger, clients: this.clients, clock, log: quietLog },
      graph: party.graph,
      isOwnNode: (nodeId) => network.nodeOfId(nodeId)?.name === party.name,
      chain: BITCOIN,
    });
    this.mailbox = new MailboxService({
      store: store.mailbox,
      ...{ messenger, clients: this.clients, clock, log: quietLog },
      onWaiting: ({ number }) => this.woken.push(number),
      ...options,
    });
    party.onStray = (stray) => void this.mailbox.onStray(stray);
    party.onUnsent = (stray) => this.mailbox.onStray(stray);
    party.onPeer = (peer, connected) => {
      this.mailbox.onPeer(peer, connected);
    };
  }

  async start(): Promise<void> {
    await this.clients.start();
    this.mailbox.start();
    this.invoices.start();
  }

  async stop(): Promise<void> {
    this.invoices.stop();
    await Promise.all([this.mailbox.stop(), this.clients.stop()]);
  }
}

const NONCE = filled(0x33, 16);
const PAYMENT = filled(0x55, 16);

/** What a wallet does, by hand. */
export class Wallet {
  readonly party: Party;
  readonly world: LspWorld;
  readonly offered: Received<'offer_paths', 'offer_paths'>[] = [];
  readonly persisted: unknown[] = [];
  readonly requests: Received<'invoice_request', 'invoice_request'>[] = [];
  readonly held: Received<'held_htlc_available', 'inbound_payment'>[] = [];

  constructor(world: LspWorld, name: string, secretByte: number) {
    this.world = world;
    this.party = new Party(world, name, secretByte);
    const { messenger } = this.party;
    messenger.handle('offer_paths', 'offer_paths', (message) => void this.offered.push(message));
    messenger.handle(
      'static_invoice_persisted',
      'static_invoice_persisted',
      ({ context }) => void this.persisted.push(context),
    );
    messenger.handle('invoice_request', 'invoice_request', (message) => void this.requests.push(message));
    messenger.handle('held_htlc_available', 'inbound_payment', (message) => void this.held.push(message));
  }

  get node() {
    return this.world.network.node(this.party.name);
  }

  /** Asks for paths; resolves to the offer message that came, if one did. */
  async ask(paths: readonly BlindedPath[], slot: number): Promise<Received<'offer_paths'> | undefined> {
    const { messenger } = this.party;
    const before = this.offered.length;
    const pathId = messenger.pathId({ kind: 'offer_paths', slot, expiry: this.seconds + 7200 });
    const [replyPath] = messenger.pathsToVirtual(pathId);
    void messenger.send({ name: 'offer_paths_request', slot }, { path: paths[0]! }, { replyPath: replyPath! });
    await this.world.run();
    return this.offered[before];
  }

  get seconds(): number {
    return Math.floor(this.world.clock.now() / 1000);
  }

  offerOver(paths: readonly BlindedPath[], absoluteExpiry?: number, nonce = NONCE) {
    return unwrap(
      buildDerivedOffer(filled(0x77), nonce, {
        paths,
        ...(absoluteExpiry !== undefined && { absoluteExpiry: BigInt(absoluteExpiry) }),
      }),
    );
  }

  invoiceFor(
    { offer, signer }: ReturnType<Wallet['offerOver']>,
    { createdAt = this.seconds, relativeExpirySeconds = 1_000_000, extra = 0 } = {},
  ): Uint8Array {
    const { messenger } = this.party;
    const reference = filled(1, 8);
    const pathId = messenger.pathId({ kind: 'inbound_payment', reference, expiry: createdAt + 2_000_000 });
    return encodeStaticInvoice(
      unwrap(
        buildStaticInvoice({
          offer: unwrap(decodeOffer(encodeOfferString(offer))),
          paymentPaths: [{ path: pathTo(11), payInfo }],
          messagePaths: messenger.pathsToVirtual(pathId),
          createdAt,
          relativeExpirySeconds,
          signer,
          ...(extra > 0 && { extraRecords: [{ type: 3_000_000_001n, value: filled(1, extra) }] }),
        }),
      ),
    );
  }

  forwardPath(): BlindedPath {
    const { messenger } = this.party;
    return messenger.pathsToVirtual(messenger.pathId({ kind: 'invoice_request', nonce: NONCE }))[0]!;
  }

  /** Hands an invoice in; true if it was acknowledged. */
  async serve(
    over: BlindedPath,
    staticInvoice: Uint8Array,
    { forwardPath = this.forwardPath(), slot = 0 }: { forwardPath?: BlindedPath; slot?: number } = {},
  ): Promise<boolean> {
    const { messenger } = this.party;
    const before = this.persisted.length;
    const [replyPath] = messenger.pathsToVirtual(
      messenger.pathId({ kind: 'static_invoice_persisted', slot, createdAt: this.seconds, offerId: filled(2, 8) }),
    );
    void messenger.send(
      { name: 'serve_static_invoice', staticInvoice, forwardPath },
      { path: over },
      { replyPath: replyPath! },
    );
    await this.world.run();
    return this.persisted.length > before;
  }

  /** All of it: an offer whose invoice is served. */
  async setUp(paths: readonly BlindedPath[], slot = 0) {
    const answer = await this.ask(paths, slot);
    if (answer?.content.name !== 'offer_paths') throw new Error('the server gave no paths');
    const made = this.offerOver(answer.content.paths, answer.content.absoluteExpiry);
    const invoice = this.invoiceFor(made);
    if (!(await this.serve(answer.replyPath!, invoice, { slot }))) throw new Error('the invoice was not kept');
    return { made, invoice, updates: answer.replyPath!, answer };
  }
}

export class Payer {
  readonly party: Party;
  readonly answers: Content[] = [];
  readonly world: LspWorld;
  #count = 0;

  constructor(world: LspWorld) {
    this.world = world;
    this.party = new Party(world, 'payer', 90);
    const { messenger } = this.party;
    for (const name of ['static_invoice', 'invoice', 'invoice_error'] as const) {
      messenger.handle(name, 'outbound_payment_for_offer', ({ content }) => void this.answers.push(content));
    }
  }

  request(made: ReturnType<Wallet['offerOver']>, n = this.#count++): Uint8Array {
    const request = unwrap(
      buildInvoiceRequest({
        offer: made.offer,
        metadata: Uint8Array.of(...filled(9, 16), n & 255, n >> 8),
        amountMsat: 5_000n,
        signer: signerOf(filled(0x42)),
      }),
    );
    return encodeRecords(request.records);
  }

  replyPath(): BlindedPath {
    const { messenger } = this.party;
    return messenger.pathsToVirtual(messenger.pathId({ kind: 'outbound_payment_for_offer', paymentId: PAYMENT }))[0]!;
  }

  /** Asks over one path of the offer; resolves to the answers. */
  async ask(
    path: BlindedPath,
    bytes: Uint8Array,
    replyPaths: readonly BlindedPath[] = [this.replyPath()],
  ): Promise<readonly Content[]> {
    const before = this.answers.length;
    for (const replyPath of replyPaths) {
      void this.party.messenger.send({ name: 'invoice_request', bytes }, { path }, { replyPath });
    }
    await this.world.run();
    return this.answers.slice(before);
  }
}

export class LspWorld {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly faults: Faults;
  store!: Store;
  party!: Party;
  lsp!: Lsp;
  wallet!: Wallet;
  payer!: Payer;
  client!: OfflineClient;
  paths!: BlindedPath[];

  constructor() {
    this.network = new SimNetwork({ seed: ++seed, clock: this.clock });
    this.faults = new Faults(this.network);
    const [payer, hub, lsp] = ['payer', 'hub', 'lsp'].map((name) => this.network.addNode(name));
    const wallet = this.network.addNode('wallet', { private: true });
    this.network.openChannel(payer!, hub!, BALANCES);
    this.network.openChannel(hub!, lsp!, BALANCES);
    this.network.openChannel(lsp!, wallet, BALANCES);
  }

  readonly run = async (ms = 3_000): Promise<void> => {
    await this.clock.runFor(ms);
  };

  async sleep(): Promise<void> {
    this.faults.crashNode(this.wallet.party.name);
    await this.run();
  }

  async wake(): Promise<void> {
    this.faults.restartNode(this.wallet.party.name);
    await this.wallet.party.open();
    await this.run();
  }

  /** The LSP's process dies and starts again. */
  async restartLsp(options: Partial<MailboxServiceOptions> = {}): Promise<void> {
    await this.clock.finish(this.lsp.stop());
    this.party.messenger.close();
    await this.startLsp(options);
  }

  async startLsp(options: Partial<MailboxServiceOptions> = {}): Promise<void> {
    this.party = new Party(this, 'lsp', 80);
    this.lsp = new Lsp(this, this.party, options);
    await this.clock.finish(this.lsp.start());
    await this.party.open();
    await this.run(100);
  }
}

export async function lspWorld(options: Partial<MailboxServiceOptions> = {}): Promise<LspWorld> {
  const world = new LspWorld();
  world.store = await openStore({ url: 'sqlite::memory:', inProcess: true, clock: world.clock });
  await world.startLsp(options);
  world.wallet = new Wallet(world, 'wallet', 70);
  await world.wallet.party.open();
  world.payer = new Payer(world);
  await world.payer.party.open();
  await world.run();
  const { nodeId } = world.wallet.node;
  world.client = unwrap(await world.clock.finish(world.lsp.clients.enrol({ nodeId, name: 'wallet' })));
  world.paths = world.lsp.clients.pathsFor(world.client, 'offer_paths_request');
  onTestFinished(async () => {
    await world.clock.finish(world.lsp.stop());
    await world.store.close();
  });
  return world;
}
