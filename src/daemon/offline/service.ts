/** The wallets that this LSP serves while they sleep, as callers of the API see them. */
import type { ClientLimits, OfflineClient } from '../../offline/clients.js';
import type { MailStore } from '../../offline/mailbox/index.js';
import { encodeBlindedPath } from '../../onion/index.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis, NodeId, UnixSeconds } from '../../wire/units.js';
import type { RequestOrigin } from '../request-origin.js';
import type { ServiceError } from '../service-error.js';
import {
  clientDetails,
  type ClientDetails,
  type ClientView,
  offlineOverview,
  type OverviewSources,
} from './clients-view.js';
import type { ClientService, EnrolClient } from './clients.js';
import { type HeldNames, heldView, type HeldView, isHeldFor } from './held-view.js';
import type { HoldService } from './hold-service.js';
import type { StaticInvoiceService } from './static-invoices.js';
import type { Wakers } from './wakers.js';

export interface OfflineServiceOptions {
  readonly clients: ClientService;
  readonly invoices: Pick<StaticInvoiceService, 'slotsOf'>;
  readonly mail: Pick<MailStore, 'box' | 'boxes' | 'totals'>;
  readonly hold: Pick<HoldService, 'list' | 'clientsChanged'>;
  readonly wakers: Pick<Wakers, 'webhooksOf' | 'isPossible'>;
  readonly isConnected: (nodeId: NodeId) => boolean;
  readonly ownNodes: () => readonly { readonly name: string; readonly nodeId: NodeId }[];
  /** Of a wallet that is enrolled, unless the order says otherwise. */
  readonly limits: Partial<ClientLimits>;
  readonly now: () => Millis;
}

export interface HeldSum {
  readonly count: number;
  readonly amount_msat: string;
  /** The nearest block from which one of them is given up. */
  readonly until_block?: number;
}

export interface ListedClient extends ClientView {
  readonly held: HeldSum;
  readonly slots_used: number;
  readonly max_slots: number;
  readonly webhooks: number;
}

export interface ClientList {
  readonly clients: readonly ListedClient[];
  /** Number of the last one, if there may be more. */
  readonly next?: number;
  readonly enrolled: number;
  readonly asleep: number;
  readonly held: HeldSum;
  readonly mailbox: { readonly boxes: number; readonly messages: number; readonly bytes: number };
}

export interface ShownClient extends ClientDetails {
  readonly held: readonly HeldView[];
  readonly webhooks: readonly {
    readonly node_id: string;
    readonly app_name: string;
    readonly used_at: string;
    readonly calls_owed: number;
  }[];
}

/** To be handed over out of band, as hex: whoever has them speaks as the wallet. */
export interface WalletPaths {
  readonly server_paths: readonly string[];
  readonly rod_paths: readonly string[];
}

/** More held HTLCs are not looked at for one answer. */
const MOST_HELD = 5_000;

export class OfflineService {
  readonly #options: OfflineServiceOptions;

  constructor(options: OfflineServiceOptions) {
    this.#options = options;
  }

  /** By number. Rejects if the store is away. */
  async list(limit: number, after?: number): Promise<ClientList> {
    const { clients, hold, invoices, wakers } = this.#options;
    const overview = await offlineOverview(this.#sources(), { limit, ...(after !== undefined && { after }) });
    const held = await hold.list(MOST_HELD);
    const listed: ListedClient[] = [];
    for (const view of overview.clients) {
      const client = clients.clientNumbered(view.number);
      if (!client) continue;
      const own = held.filter((one) => isHeldFor(one.held, view.number));
      const [slots, webhooks] = [await invoices.slotsOf(view.number), await wakers.webhooksOf(client.nodeId)];
      const numbers = { slots_used: slots.length, max_slots: client.limits.maxSlots, webhooks: webhooks.length };
      listed.push({ ...view, held: sumOf(own), ...numbers });
    }
    const last = overview.clients.length === limit ? overview.clients.at(-1) : undefined;
    const { asleep, mailbox } = overview;
    const all = held.filter(({ held: { phase, isGone } }) => phase === 'held' && !isGone);
    return {
      clients: listed,
      ...(last && { next: last.number }),
      ...{ enrolled: clients.size, asleep, held: sumOf(all), mailbox },
    };
  }

  /** By number, node id or name. */
  async show(text: string): Promise<Result<ShownClient, ServiceError>> {
    const found = await this.#find(text);
    return found.ok ? ok(await this.#shown(found.value)) : found;
  }

  /** HTLCs of all wallets, newest first. @param all those too of which nothing more can come */
  async held(limit: number, all: boolean): Promise<readonly HeldView[]> {
    const listed = await this.#options.hold.list(limit, { open: !all });
    return listed.map((view) => heldView(view, this.#names()));
  }

  /** Errors: those of the clients' service, `own_member`. A request that was interrupted and comes again finds what it made. */
  async enrol(order: EnrolClient, origin?: RequestOrigin): Promise<Result<ShownClient, ServiceError>> {
    const { clients, hold, limits, ownNodes } = this.#options;
    if (ownNodes().some(({ nodeId }) => equalBytes(nodeId, order.nodeId))) return err(OWN_MEMBER);
    const made = await clients.enrol({ ...order, limits: { ...limits, ...order.limits } });
    const known = made.ok || !origin?.isRepeated ? undefined : clients.clientOf(order.nodeId);
    if (known?.name === order.name) return ok(await this.#shown(known));
    if (!made.ok) return made;
    hold.clientsChanged();
    return ok(await this.#shown(made.value));
  }

  async setLimits(text: string, limits: Partial<ClientLimits>): Promise<Result<ShownClient, ServiceError>> {
    const { clients, hold } = this.#options;
    const found = await this.#find(text);
    if (!found.ok) return found;
    const changed = await clients.change(found.value.number, { limits });
    if (!changed.ok) return changed;
    hold.clientsChanged();
    return ok(await this.#shown(changed.value));
  }

  /** @param force also while payments are held for it */
  async remove(text: string, force: boolean): Promise<Result<void, ServiceError>> {
    const { clients, hold } = this.#options;
    const found = await this.#find(text);
    if (!found.ok) return found;
    const { number } = found.value;
    const count = (await hold.list(MOST_HELD)).filter((one) => isHeldFor(one.held, number)).length;
    if (count > 0 && !force) return err(stillHeld(count));
    const removed = await clients.remove(number);
    if (!removed.ok) return removed;
    hold.clientsChanged();
    return ok(undefined);
  }

  /** Fresh ones; earlier ones go on leading here. @param expiry default: never */
  async paths(text: string, expiry?: UnixSeconds): Promise<Result<WalletPaths, ServiceError>> {
    const found = await this.#find(text);
    if (!found.ok) return found;
    const { clients } = this.#options;
    const hexOf = (kind: 'offer_paths_request' | 'rod_enrolment'): string[] =>
      clients.pathsFor(found.value, kind, expiry).map((path) => toHex(encodeBlindedPath(path)));
    const paths = { server_paths: hexOf('offer_paths_request'), rod_paths: hexOf('rod_enrolment') };
    return paths.server_paths.length === 0 ? err(NO_PATH) : ok(paths);
  }

  async #find(text: string): Promise<Result<OfflineClient, ServiceError>> {
    const { clients } = this.#options;
    const known = clients.find(text);
    if (known) return ok(known);
    // Another daemon may have enrolled it a moment ago.
    await clients.refresh();
    const found = clients.find(text);
    return found ? ok(found) : err(NOT_FOUND);
  }

  async #shown(client: OfflineClient): Promise<ShownClient> {
    const { hold, wakers } = this.#options;
    const held = await hold.list(MOST_HELD);
    const webhooks = await wakers.webhooksOf(client.nodeId);
    return {
      ...(await clientDetails(this.#sources(), client)),
      held: held
        .filter(({ held: { payer, payee } }) => payer === client.number || payee === client.number)
        .map((view) => heldView(view, this.#names())),
      webhooks: webhooks.map(({ nodeId, appName, usedAt, owed }) => ({
        node_id: nodeId,
        app_name: appName,
        used_at: new Date(usedAt).toISOString(),
        calls_owed: owed,
      })),
    };
  }

  #sources(): OverviewSources {
    return this.#options;
  }

  #names(): HeldNames {
    const { ownNodes, clients } = this.#options;
    const nodes = ownNodes();
    return {
      nodeName: (nodeId) => nodes.find((node) => equalBytes(node.nodeId, nodeId))?.name,
      clientName: (number) => clients.clientNumbered(number)?.name,
    };
  }
}

function sumOf(held: Awaited<ReturnType<HoldService['list']>>): HeldSum {
  const nearest = held.reduce((least, { until = Infinity }) => Math.min(least, until), Infinity);
  return {
    count: held.length,
    amount_msat: held.reduce((sum, { amountMsat }) => sum + amountMsat, 0n).toString(),
    ...(nearest !== Infinity && { until_block: nearest }),
  };
}

const NOT_FOUND: ServiceError = {
  code: 'not_found',
  message: 'no such wallet is enrolled; `manifold offline list` shows those that are',
};

const OWN_MEMBER: ServiceError = {
  code: 'own_member',
  message: 'this is a node of the cluster itself; enrol the node of the wallet',
};

const NO_PATH: ServiceError = {
  code: 'no_path',
  message:
    'no node that carries onion messages is up, so there is no way to name; try again when `manifold nodes` shows one',
};

const stillHeld = (count: number): ServiceError => ({
  code: 'htlcs_held',
  message: `${count} payment${count === 1 ? ' is' : 's are'} held for this wallet; wait until they have ended, or remove it with --force: what waits for it goes on without it`,
});
