/** The network of a world, in a process of its own, and what a daemon has to be told of its members. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { control, type ControlOrder, type FakeLndStatus } from '../fake-lnd/control.js';
import type { FakeLndDescription } from '../fake-lnd/description.js';
import { Child, repositoryPath } from './processes.js';

/** How daemons reach the members: over the simulated network's own protocol, or as LNDs over gRPC and TLS. */
export type MemberKind = 'sim' | 'lnd';

export type LndAddress = FakeLndDescription['nodes'][number];
/** Something put between daemons and nodes: returns where the daemons are to go instead. */
export type Detour = (nodes: readonly LndAddress[]) => Promise<readonly LndAddress[]>;

export interface MemberNetwork {
  readonly simUrl: string;
  /** `[[nodes]]` of a configuration file. */
  readonly nodeTables: string;
  /** Present if the members are fake LNDs: tells them what to do. */
  readonly order?: (wish: ControlOrder) => Promise<FakeLndStatus>;
  /** An end that nobody asked for. */
  death(): string | undefined;
  kill(): Promise<void>;
}

export const MEMBERS = ['alpha', 'beta', 'gamma'] as const;

/** @param folder of the world, which removes it */
export function startNetwork(
  kind: MemberKind,
  { seed, folder, detour }: { readonly seed: string; readonly folder: string; readonly detour?: Detour },
): Promise<MemberNetwork> {
  return kind === 'sim' ? startSim(seed) : startLnds(seed, join(folder, 'nodes'), detour);
}

async function startSim(seed: string): Promise<MemberNetwork> {
  const { child, printed } = await startServer<{ readonly port: number }>(['test/e2e/sim-process.ts', seed]);
  const simUrl = `tcp://127.0.0.1:${printed.port}`;
  const nodeTables = MEMBERS.map((name) => table({ name, kind: 'sim', url: simUrl })).join('');
  return { simUrl, nodeTables, ...ends(child) };
}

async function startLnds(seed: string, folder: string, detour?: Detour): Promise<MemberNetwork> {
  mkdirSync(folder, { mode: 0o700 });
  const { child, printed } = await startServer<FakeLndDescription>(['test/fake-lnd/main.ts', seed, folder]);
  const { nodes, adminPort, controlPort } = printed;
  const addresses = detour ? await detour(nodes) : nodes;
  const nodeTables = addresses
    .map(({ name, address, certificatePath, macaroonPath, nodeId }) =>
      table({ name, kind: 'lnd', address, tls_cert: certificatePath, macaroon: macaroonPath, node_id: nodeId }),
    )
    .join('');
  const order = (wish: ControlOrder): Promise<FakeLndStatus> => control(controlPort, wish);
  return { simUrl: `tcp://127.0.0.1:${adminPort}`, nodeTables, order, ...ends(child) };
}

/** A process that serves until it is killed, and prints one line of JSON once it does. */
async function startServer<T>([script, ...args]: readonly string[]): Promise<{ child: Child; printed: T }> {
  let found = (_: T): void => undefined;
  const printed = new Promise<T>((resolve) => {
    found = resolve;
  });
  const child = Child.start(['--import', 'tsx', repositoryPath(script!), ...args], {
    onLine(line) {
      if (line.startsWith('{')) found(JSON.parse(line) as T);
    },
  });
  const ended = child.exited.then(() => {
    throw new Error(`the network ended:\n${child.output}`);
  });
  ended.catch(() => undefined);
  return { child, printed: await Promise.race([printed, ended]) };
}

function ends(child: Child): Pick<MemberNetwork, 'death' | 'kill'> {
  return {
    death: () => (child.exit ? `the network ended by itself:\n${child.output}` : undefined),
    kill: () => child.kill(),
  };
}

function table(entries: Readonly<Record<string, string>>): string {
  const lines = Object.entries(entries).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  return `[[nodes]]\n${lines.join('')}`;
}
