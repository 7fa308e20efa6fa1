/** Waking wallets: one service for each own node that can sign, since a wallet's webhooks are those of the node it knows as its LSP. */
import { LSPS0_MESSAGE_TYPE, type WakeMethod, type WakeParams, type WakeStore } from '../../offline/wake/index.js';
import type { Messenger, PeerMessage } from '../../messages/index.js';
import type { OfflineClient } from '../../offline/clients.js';
import type { Clock } from '../../receive/clock.js';
import type { NodePort } from '../../receive/node-port.js';
import { equalBytes, fromHex, toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';
import type { PeerMessages } from '../messages/peers.js';
import type { WakeOutcome } from '../wake/deliverer.js';
import { WakeService } from '../wake/service.js';

export interface WakersOptions {
  readonly nodes: readonly Pick<NodePort, 'name' | 'channels' | 'signMessage'>[];
  /** Hex; undefined until the node has told. */
  readonly nodeIdOf: (name: string) => string | undefined;
  readonly store: WakeStore;
  readonly messenger: Pick<Messenger, 'isConnected'>;
  readonly peers: Pick<PeerMessages, 'handle' | 'send'>;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly allowLoopback: boolean;
  readonly metrics?: { wakeCall(outcome: WakeOutcome): void };
  /** A wallet has spoken: it listens now. */
  readonly onHello?: (peer: NodeId) => void;
  readonly lookMs?: Millis;
}

/** Why a wallet is to wake up. */
export interface Wake<M extends WakeMethod = WakeMethod> {
  readonly method: M;
  readonly params: WakeParams<M>;
}

export interface WebhookView {
  /** Node id of the LSP, hex. */
  readonly nodeId: string;
  readonly appName: string;
  readonly usedAt: Millis;
  /** Calls that are owed to it. */
  readonly owed: number;
}

const LOOK_MS: Millis = 500;
const RETRY_MS: Millis = 2_000;
/** Wallets that could not be called because the database was away. */
const MOST_WANTED = 10_000;
/** How long what a node told of its channels is good for a wallet that changes its webhooks. */
const CHANNELS_MS: Millis = 5_000;

export class Wakers {
  readonly #options: WakersOptions;
  readonly #services = new Map<string, WakeService>();
  readonly #ids = new Map<string, string>();
  /** By wallet and method. */
  readonly #wanted = new Map<string, Wake & { readonly client: string }>();
  #calling: Promise<void> | undefined;
  #cancelLook: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #isStopped = true;

  constructor(options: WakersOptions) {
    this.#options = { ...options, nodes: options.nodes.filter(({ signMessage }) => signMessage !== undefined) };
    options.peers.handle(LSPS0_MESSAGE_TYPE, (message, node) => this.#answer(message, node));
  }

  /** Whether any node can sign at all. */
  get isPossible(): boolean {
    return this.#options.nodes.length > 0;
  }

  start(): void {
    this.#isStopped = false;
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelLook?.();
    this.#cancelRetry?.();
    await this.#calling;
    await Promise.all([...this.#services.values()].map((service) => service.close()));
  }

  /** Calls the wallet's webhooks unless it is here. Does not wait; asked again for as long as the database is away. */
  wake(client: Pick<OfflineClient, 'nodeId'>, { method, params }: Wake): void {
    if (!this.isPossible || this.#isStopped || this.#wanted.size >= MOST_WANTED) return;
    const id = toHex(client.nodeId);
    this.#wanted.set(`${id} ${method}`, { client: id, method, params });
    this.#call();
  }

  /** A peer of a member came or went. */
  onPeer(peer: NodeId, isConnected: boolean, node: string): void {
    const service = this.#services.get(node);
    void (isConnected ? service?.onConnected(toHex(peer)) : service?.onDisconnected(toHex(peer)));
  }

  /** Of all nodes. Rejects if the database is away. */
  async webhooksOf(nodeId: NodeId): Promise<readonly WebhookView[]> {
    const views: WebhookView[] = [];
    for (const [name, service] of this.#services) {
      const { webhooks, owed } = await service.client(toHex(nodeId));
      for (const { appName, usedAt } of webhooks) {
        const own = owed.filter((call) => call.appName === appName).length;
        views.push({ nodeId: this.#ids.get(name)!, appName, usedAt, owed: own });
      }
    }
    return views;
  }

  /** A node's id is part of what its service does, and shows once the node is there. */
  #look(): void {
    const { nodes, nodeIdOf, clock, lookMs = LOOK_MS } = this.#options;
    for (const node of nodes) {
      const nodeId = this.#services.has(node.name) ? undefined : nodeIdOf(node.name);
      if (nodeId !== undefined) this.#open(node, nodeId);
    }
    if (this.#isStopped || this.#services.size === nodes.length) return;
    this.#cancelLook = clock.after(lookMs, () => {
      this.#look();
    });
  }

  #open(node: WakersOptions['nodes'][number], nodeId: string): void {
    const { store, messenger, clock, log, random, allowLoopback, metrics } = this.#options;
    const hasChannel = channelLook(node, clock);
    const service = new WakeService({
      ...{ nodeId, store, clock, log, random, allowLoopback },
      sign: (message) => node.signMessage!(message),
      isConnected: (client) => messenger.isConnected(fromHex(client)),
      hasActivity: async (client) => ((await hasChannel(fromHex(client))) ? 'channel' : 'none'),
      ...(metrics && { metrics }),
    });
    this.#services.set(node.name, service);
    this.#ids.set(node.name, nodeId);
    service.start();
    this.#call();
  }

  async #answer({ peer, type, payload }: PeerMessage, node: string): Promise<void> {
    this.#options.onHello?.(peer);
    const answer = await this.#services.get(node)?.onMessage(toHex(peer), payload);
    if (answer) await this.#options.peers.send(peer, type, answer, node);
  }

  #call(): void {
    if (this.#services.size === 0) return;
    this.#calling ??= this.#callAll().then((isDone) => {
      this.#calling = undefined;
      if (isDone && this.#wanted.size > 0) this.#call();
    });
  }

  /** False if nothing more can be done now. */
  async #callAll(): Promise<boolean> {
    for (const [key, wanted] of this.#wanted) {
      if (this.#isStopped) return false;
      try {
        for (const service of this.#services.values()) await notify(service, wanted);
      } catch (error) {
        const { log, clock } = this.#options;
        log.debug({ err: error, client: wanted.client }, 'a wallet could not be woken; trying again');
        this.#cancelRetry?.();
        this.#cancelRetry = clock.after(RETRY_MS, () => {
          this.#call();
        });
        return false;
      }
      // What was asked for meanwhile is told again.
      if (this.#wanted.get(key) === wanted) this.#wanted.delete(key);
    }
    return true;
  }
}

const notify = (service: WakeService, { client, method, params }: Wake & { readonly client: string }) =>
  service.notify(client, method, params);

/** A channel counts while its wallet sleeps too: that is when webhooks are for. */
function channelLook(node: Pick<NodePort, 'channels'>, clock: Pick<Clock, 'now'>): (peer: NodeId) => Promise<boolean> {
  let read: { readonly at: Millis; readonly channels: ReturnType<NodePort['channels']> } | undefined;
  return async (peer) => {
    const at = clock.now();
    if (!read || at - read.at >= CHANNELS_MS) {
      const now = { at, channels: node.channels() };
      read = now;
      now.channels.catch(() => {
        if (read === now) read = undefined;
      });
    }
    return (await read.channels).some(({ peerId, ready }) => ready && equalBytes(peerId, peer));
  };
}
