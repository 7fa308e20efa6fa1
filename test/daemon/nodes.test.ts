/** From the configuration of LND nodes to a cluster that is paid at them. */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeInvoice } from '../../src/bolt11/index.js';
import { parseConfig } from '../../src/daemon/config/load.js';
import { openNodes } from '../../src/daemon/nodes.js';
import { wallClock } from '../../src/receive/clock.js';
import { unwrap } from '../../src/wire/result.js';
import { type LndFolder, lndFolder } from '../cli/lnd.js';
import type { FakeLndOptions } from '../fake-lnd/server.js';
import { call, makeWorld, ready, until, type World } from './support.js';

async function twoLnds(options: FakeLndOptions = {}): Promise<LndFolder> {
  const found = await lndFolder(options);
  onTestFinished(() => found.close());
  return found;
}

const configOf = ({ nodes }: LndFolder, network = 'regtest'): string =>
  `network = "${network}"\n[cluster]\nseed_env = "SEED"\n[database]\nurl = "sqlite::memory:"\n[daemon]\nname = "shop"\n${nodes.map(({ toml }) => toml).join('')}`;

async function world(config: string): Promise<World> {
  const made = await makeWorld({ config });
  onTestFinished(() => made.stop());
  return made;
}

interface NodeJson {
  readonly name: string;
  readonly state: string;
  readonly health: string;
  readonly alarms: readonly { readonly code: string; readonly message: string }[];
  readonly [field: string]: unknown;
}

async function nodesOf(made: World): Promise<NodeJson[]> {
  const { json } = await call(made, 'GET', '/v1/nodes', await made.token('nodes:read'));
  return json['nodes'] as NodeJson[];
}

describe('LND nodes of the configuration', () => {
  it('are served, shown with their owner, and paid', async () => {
    const lnds = await twoLnds();
    const made = await world(configOf(lnds));
    await ready(made);
    await made.parts.api.receiver.cluster.refresh();
    await until(async () => (await nodesOf(made)).every(({ owner }) => owner === 'shop'));
    for (const node of await nodesOf(made))
      expect(node).toMatchObject({
        kind: 'lnd',
        state: 'live',
        health: 'good',
        owner: 'shop',
        served_here: true,
        lag_blocks: 0,
        held_htlcs: 0,
        held_msat: '0',
        alarms: [],
        version: expect.stringMatching(/^0\.21/) as unknown,
      });
    const created = await call(made, 'POST', '/v1/invoices', await made.token('invoices:write'), {
      amount_msat: '1000000',
    });
    const invoice = unwrap(decodeInvoice(String(created.json['bolt11'])));
    const paid = await lnds.world.payer.pay({ invoice, parts: [{ amountMsat: 1_000_000n }] });
    expect(paid.outcome).toBe('settled');
  });

  it('that refuse are shown with the reason and an alarm, until they are put right', async () => {
    const lnds = await twoLnds();
    const [alpha] = lnds.nodes;
    await alpha.lnd.restart({ requireInterceptor: false });
    const made = await world(configOf(lnds));
    const shown = async (): Promise<NodeJson> => (await nodesOf(made)).find(({ name }) => name === 'alpha')!;
    await until(async () => (await shown()).alarms.length > 0);
    const refused = await shown();
    expect(refused).toMatchObject({ health: 'bad', refusals: [expect.stringMatching(/requireinterceptor=true/)] });
    expect(refused.alarms).toMatchObject([{ code: 'node-refused' }]);
    await until(async () => {
      const { json } = await call(made, 'GET', '/v1/events?after=0&types=alarm', await made.token('events:read'));
      return JSON.stringify(json).includes('node-refused');
    });
    const metrics = await made.parts.api.metrics.registry.metrics();
    expect(metrics).toMatch(/^manifold_member_refused\{member="alpha"\} 1$/m);
    expect(metrics).toMatch(/^manifold_alarms_total\{code="node-refused"\} 1$/m);
    await alpha.lnd.restart({ requireInterceptor: true });
    await until(async () => (await shown()).state === 'live', 30_000);
    expect((await shown()).alarms).toEqual([]);
  });

  it('may not be on another network', async () => {
    const made = await world(configOf(await twoLnds({ network: 'signet' })));
    await until(async () => (await nodesOf(made)).every(({ reason }) => /signet/.test(String(reason))));
  });
});

describe('files of LND nodes', () => {
  const open = async (lnds: LndFolder): Promise<string[]> => {
    const warnings: string[] = [];
    const { nodes } = parseConfig(configOf(lnds), join(lnds.folder, 'm.toml'), {});
    const opened = await openNodes(nodes, { clock: wallClock, warn: (message) => warnings.push(message) });
    await opened.close();
    return warnings;
  };

  it('that others can read are warned of, once each', async () => {
    const lnds = await twoLnds();
    expect(await open(lnds)).toEqual([]);
    const { macaroonPath } = lnds.nodes[1];
    await chmod(macaroonPath, 0o640);
    expect(await open(lnds)).toEqual([expect.stringContaining(`chmod 600 ${macaroonPath}`)]);
  });

  it('that are missing or something else end the start, and what is in them is not told', async () => {
    const lnds = await twoLnds();
    const { macaroonPath, certificatePath } = lnds.nodes[1];
    await rm(macaroonPath);
    await expect(open(lnds)).rejects.toThrow(`node beta: there is no file ${macaroonPath}`);
    await writeFile(macaroonPath, 'AgEDbG5kAvgBsecret');
    await expect(open(lnds)).rejects.toThrow(/not a macaroon file: it is text/);
    await expect(open(lnds)).rejects.not.toThrow(/secret/);
    await writeFile(macaroonPath, lnds.nodes[1].lnd.macaroon);
    await rm(certificatePath);
    await expect(open(lnds)).rejects.toThrow(`there is no file ${certificatePath}; correct tls_cert`);
    await expect(
      open({
        ...lnds,
        nodes: [lnds.nodes[0], { ...lnds.nodes[1], toml: lnds.nodes[1].toml.replace(certificatePath, lnds.folder) }],
      }),
    ).rejects.toThrow(/cannot be read: it is a folder/);
  });
});
