/** Fake LND nodes with their files on disk, as an operator has them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeLnd, FakeLndOptions } from '../fake-lnd/server.js';
import { type FakeLndWorld, fakeLndWorld } from '../fake-lnd/world.js';

export interface LndOnDisk {
  readonly name: string;
  readonly lnd: FakeLnd;
  readonly certificatePath: string;
  readonly macaroonPath: string;
  /** As `--lnd` takes it. */
  readonly option: string;
  /** As `[[nodes]]`. */
  readonly toml: string;
}

export interface LndFolder {
  readonly folder: string;
  readonly world: FakeLndWorld;
  readonly nodes: readonly [LndOnDisk, LndOnDisk];
  close(): Promise<void>;
}

export async function lndFolder(options: FakeLndOptions = {}): Promise<LndFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'manifold-lnd-'));
  const world = await fakeLndWorld(options);
  const [alpha, beta] = await Promise.all(world.lnds.map((lnd) => onDisk(folder, lnd)));
  return {
    folder,
    world,
    nodes: [alpha!, beta!],
    async close() {
      await world.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function onDisk(folder: string, lnd: FakeLnd): Promise<LndOnDisk> {
  const { name } = lnd.node;
  const certificatePath = join(folder, `${name}.cert`);
  const macaroonPath = join(folder, `${name}.macaroon`);
  await writeFile(certificatePath, lnd.certificate);
  await writeFile(macaroonPath, lnd.macaroon, { mode: 0o600 });
  const { address } = lnd;
  return {
    name,
    lnd,
    certificatePath,
    macaroonPath,
    option: `${name},address=${address},tls_cert=${certificatePath},macaroon=${macaroonPath}`,
    toml: `[[nodes]]\nname = "${name}"\nkind = "lnd"\naddress = "${address}"\ntls_cert = "${certificatePath}"\nmacaroon = "${macaroonPath}"\n`,
  };
}
