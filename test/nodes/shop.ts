/** A shop on real nodes: a network, a daemon over its members, and a payer. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LndPurpose, permissionsFor } from '../../src/node/lnd/permissions.js';
import { fromHex } from '../../src/wire/bytes.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { type DaemonOptions, type InvoiceJson, ManifoldDaemon } from './daemon.js';
import { Link } from './link.js';
import type { Lnd } from './lnd.js';
import { Network, type NetworkPlan } from './network.js';
import { until } from './program.js';
import { bakeMacaroon } from './rpc.js';
import { WalletPayment, type PayOptions } from './sender.js';

export interface ShopOptions {
  readonly engine?: 'sqlite' | 'postgres';
  readonly forceClose?: boolean;
  readonly registerPreimages?: boolean;
  /** Default: a payer beside the two members. */
  readonly plan?: NetworkPlan;
  /** The members pay too. */
  readonly pays?: boolean;
}

const MEMBERS = ['alpha', 'beta'] as const;

type Rights = Omit<ShopOptions, 'engine' | 'plan'>;

/** A macaroon with the rights that the configuration needs, and no other. */
async function bake(folder: string, { name, client }: Lnd, rights: Rights): Promise<string> {
  const { forceClose = false, registerPreimages = true, pays = false } = rights;
  const purposes: LndPurpose[] = pays ? ['receive', 'send'] : ['receive'];
  if (registerPreimages) purposes.push('register-preimages');
  if (forceClose) purposes.push('force-close');
  const permissions = permissionsFor(purposes).map(({ uri }) => ({ entity: 'uri', action: uri }));
  const { macaroon } = await client.call(bakeMacaroon, { permissions });
  const path = join(folder, `${name}.macaroon`);
  writeFileSync(path, fromHex(macaroon), { mode: 0o600 });
  return path;
}

export class Shop {
  readonly net: Network;
  readonly daemon: ManifoldDaemon;
  /** Between the daemon and each member's gRPC. */
  readonly wires: ReadonlyMap<string, Link>;
  readonly #cluster: Omit<DaemonOptions, 'name'>;
  readonly #others: ManifoldDaemon[] = [];
  readonly #dropDatabase: () => Promise<void>;

  private constructor(
    net: Network,
    daemon: ManifoldDaemon,
    wires: ReadonlyMap<string, Link>,
    cluster: Omit<DaemonOptions, 'name'>,
    drop: () => Promise<void>,
  ) {
    this.net = net;
    this.daemon = daemon;
    this.wires = wires;
    this.#cluster = cluster;
    this.#dropDatabase = drop;
  }

  /** @returns undefined where there is no PostgreSQL to test with */
  static async open({ engine = 'sqlite', plan, ...rights }: ShopOptions = {}): Promise<Shop | undefined> {
    const server = engine === 'postgres' ? await postgresUrl() : undefined;
    if (engine === 'postgres' && server === undefined) return undefined;
    const net = await Network.open(plan);
    const database = server === undefined ? undefined : await createDatabase(server);
    const drop = async (): Promise<void> => database?.drop();
    const wires = new Map<string, Link>();
    try {
      const members = [];
      for (const name of MEMBERS) {
        const node = net.node(name);
        const wire = await Link.to(Number(node.address.split(':')[1]));
        wires.set(name, wire);
        const macaroonPath = await bake(net.folder, node, rights);
        members.push({ node, address: `127.0.0.1:${wire.port}`, macaroonPath, ...rights });
      }
      const cluster = {
        folder: net.folder,
        databaseUrl: database?.url ?? `sqlite:${join(net.folder, 'manifold.db')}`,
        seed: randomBytes(32).toString('hex'),
        members,
      };
      const daemon = await ManifoldDaemon.prepare({ ...cluster, name: 'daemon' });
      const shop = new Shop(net, daemon, wires, cluster, drop);
      await daemon.start();
      return shop;
    } catch (error) {
      for (const wire of wires.values()) wire.close();
      await net.close();
      await drop();
      throw error;
    }
  }

  /** One more daemon of the same cluster, which waits for the nodes of the first. */
  async another(name: string): Promise<ManifoldDaemon> {
    const { tokenPath } = this.daemon;
    const daemon = await ManifoldDaemon.prepare({ ...this.#cluster, name, tokenPath });
    this.#others.push(daemon);
    daemon.launch();
    await until(`${name} to stand by`, async () => (await daemon.nodes()).every(({ state }) => state === 'standby'), {
      onLate: () => daemon.tail(),
    });
    return daemon;
  }

  get payer(): Lnd {
    return this.net.node('payer');
  }

  get alpha(): Lnd {
    return this.net.node('alpha');
  }

  get beta(): Lnd {
    return this.net.node('beta');
  }

  wire(name: (typeof MEMBERS)[number]): Link {
    return this.wires.get(name)!;
  }

  pay({ bolt11 }: InvoiceJson, options: Omit<PayOptions, 'paymentRequest'> = {}): WalletPayment {
    return new WalletPayment(this.payer, { paymentRequest: bolt11, ...options });
  }

  /** A hold invoice, paid: its parts are held by the members until it is settled or canceled. */
  async heldPayment(
    amountMsat: bigint,
    parts: number,
    options: Pick<PayOptions, 'outgoingChannel'> = {},
  ): Promise<{ invoice: InvoiceJson; payment: WalletPayment }> {
    const invoice = await this.daemon.invoice({ amount_msat: amountMsat.toString(), hold: true });
    const maxShardSizeMsat = parts === 1 ? undefined : amountMsat / BigInt(parts);
    const payment = this.pay(invoice, {
      ...options,
      maxParts: parts,
      ...(maxShardSizeMsat !== undefined && { maxShardSizeMsat }),
    });
    await this.daemon.untilState(invoice.payment_hash, 'accepted');
    return { invoice, payment };
  }

  async settle({ payment_hash: hash }: InvoiceJson): Promise<string> {
    return (await this.daemon.ask<InvoiceJson>('POST', `/v1/invoices/${hash}/settle`)).state;
  }

  /** First hops over which the parts of a payment went that have not failed. */
  hopsOf(payment: WalletPayment): Set<string> {
    const names = new Map(this.net.nodes.map((node) => [Buffer.from(node.nodeId).toString('hex'), node.name]));
    const parts = payment.last?.htlcs.filter(({ failure }) => failure === undefined) ?? [];
    return new Set(parts.map(({ route }) => names.get(route!.hops[0]!.pubKey) ?? 'somebody'));
  }

  logs(): string {
    return `${this.daemon.tail(60)}\n${this.net.logs()}`;
  }

  async close(): Promise<void> {
    for (const daemon of [this.daemon, ...this.#others]) await daemon.kill();
    for (const wire of this.wires.values()) wire.close();
    await this.net.close();
    await this.#dropDatabase();
  }
}
