/** A daemon's parts in this process: SQLite in memory, the embedded network on the wall clock, no socket. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { parseConfig } from '../../src/daemon/config/load.js';
import { assembleDaemon, type AssemblyOptions, type DaemonParts } from '../../src/daemon/assemble.js';
import { createApp } from '../../src/daemon/http/app.js';
import type { Scope } from '../../src/daemon/scopes.js';
import { createLog } from '../../src/daemon/log.js';
import { openNodes } from '../../src/daemon/nodes.js';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import { wallClock } from '../../src/receive/clock.js';
import { openStore, type Store, StoreUnavailable } from '../../src/store/index.js';

export const SEED = new Uint8Array(32).fill(7);
export const RING = new KeyRing({ id: 1, keys: new ClusterKeys(SEED) });

export const CONFIG = `network = "regtest"
[cluster]
seed_env = "SEED"
[database]
url = "sqlite::memory:"
[[nodes]]
name = "alpha"
kind = "sim"
[[nodes]]
name = "beta"
kind = "sim"
[[nodes]]
name = "gamma"
kind = "sim"
`;

export interface World {
  readonly app: OpenAPIHono;
  readonly parts: DaemonParts;
  readonly store: Store;
  /** Everything logged so far. */
  readonly logged: () => string;
  /** The database goes away and comes back. */
  readonly setAway: (away: boolean) => void;
  /** A token with these scopes. */
  token(...scopes: Scope[]): Promise<string>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly config?: string;
  readonly store?: Store;
  readonly maxPages?: number;
  readonly ring?: KeyRing;
  /** Stands for the sender. */
  readonly newSender?: AssemblyOptions['newSender'];
  /** Start the members, the sequence, the webhooks. Default true. */
  readonly start?: boolean;
}

let tokens = 0;

export async function makeWorld({
  config = CONFIG,
  maxPages,
  ring = RING,
  start = true,
  newSender,
  ...given
}: WorldOptions = {}): Promise<World> {
  const opened =
    given.store ??
    (await openStore({ url: 'sqlite::memory:', inProcess: true, ...(maxPages !== undefined && { maxPages }) }));
  const { store, setAway } = interruptible(opened);
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } });
  const values = parseConfig(config, '/nowhere/manifold.toml', {});
  const nodes = await openNodes(values.nodes, { clock: wallClock, network: values.network });
  const parts = assembleDaemon(
    { config: values, ring, log, clock: wallClock, random: () => 0.5, ...(newSender && { newSender }) },
    store,
    nodes,
  );
  if (start) for (const part of parts.startable) await part.start();
  return {
    app: createApp({ ...parts.api, heartbeatMs: 150 }),
    parts,
    store: opened,
    logged: () => lines.join(''),
    setAway,
    async token(...scopes) {
      const text = `mft_${String(++tokens).padStart(64, '0')}`;
      await opened.tokens.add(text, { id: `tok_${tokens}`, name: 'test', scopes });
      return text;
    },
    async stop() {
      setAway(false);
      if (start) for (const part of [...parts.startable].reverse()) await part.stop();
      await nodes.close();
      if (!given.store) await opened.close();
    },
  };
}

/** The store behind a switch: while it is off every call is refused as by a lost database. */
function interruptible(store: Store): { store: Store; setAway: (away: boolean) => void } {
  let isAway = false;
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value === 'function') {
          if (name === 'onHint' || name === 'close') return value.bind(target) as unknown;
          return (...args: unknown[]): unknown =>
            isAway
              ? Promise.reject(new StoreUnavailable('switched off', 'not_committed'))
              : (value as (...all: unknown[]) => unknown).apply(target, args);
        }
        return typeof value === 'object' && value !== null ? wrap(value) : value;
      },
    });
  return {
    store: wrap(store),
    setAway(away) {
      isAway = away;
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

export async function call(
  world: Pick<World, 'app'>,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await world.app.request(path, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

export async function until(condition: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it never happened');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function ready(world: World): Promise<void> {
  await until(() => world.parts.api.receiver.status().every(({ state }) => state === 'live'));
}
