/**
 * The members of the standard simulated network as fake LNDs, in a process of their own:
 * `tsx test/fake-lnd/main.ts [seed [folder]]`. Prints one line of JSON:
 * `{adminPort, controlPort, nodes: [{name, address, certificatePath, macaroonPath, nodeId}]}`. The admin port is that of the
 * simulated network (payments, blocks, crashes), the control port that of the fake LNDs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { presetWorld } from '../../src/node/sim/preset.js';
import { serveSimNetwork } from '../../src/node/sim/remote-server.js';
import { wallClock } from '../../src/receive/clock.js';
import { toHex } from '../../src/wire/bytes.js';
import { serveControl } from './control.js';
import type { FakeLndDescription } from './description.js';
import { type FakeLnd, serveFakeLnd } from './server.js';

const given = process.argv[3];
const folder = given ?? mkdtempSync(join(tmpdir(), 'fake-lnd-'));

const certificatePath = ({ node }: FakeLnd): string => join(folder, `${node.name}.cert`);
const macaroonPath = ({ node }: FakeLnd): string => join(folder, `${node.name}.macaroon`);

function writeCredentials(lnd: FakeLnd): void {
  writeFileSync(certificatePath(lnd), lnd.certificate);
  writeFileSync(macaroonPath(lnd), lnd.macaroon, { mode: 0o600 });
}

const { network, members } = presetWorld({
  seed: process.argv[2] ?? '1',
  clock: wallClock,
  capacityMsat: 200_000_000_000n,
});
const lnds = new Map<string, FakeLnd>();
for (const { name } of members) lnds.set(name, await serveFakeLnd(network, name));
for (const lnd of lnds.values()) writeCredentials(lnd);
const [admin, controls] = [await serveSimNetwork(network), await serveControl(lnds, writeCredentials)];

const description: FakeLndDescription = {
  adminPort: admin.port,
  controlPort: controls.port,
  nodes: [...lnds.values()].map((lnd) => ({
    name: lnd.node.name,
    address: lnd.address,
    certificatePath: certificatePath(lnd),
    macaroonPath: macaroonPath(lnd),
    nodeId: toHex(lnd.node.nodeId),
  })),
};
process.stdout.write(`${JSON.stringify(description)}\n`);

const stop = (): void => {
  if (given === undefined) rmSync(folder, { recursive: true, force: true });
  process.exit(0);
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
