/** `manifold init` with LND nodes: by options, and by asking a person. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/daemon/config/load.js';
import { toHex } from '../../src/wire/bytes.js';
import type { FakeLndOptions } from '../fake-lnd/server.js';
import { type LndFolder, lndFolder } from './lnd.js';
import { atTerminal, CTRL_D, inProcess, type Reply } from './support.js';

async function setUp(options: FakeLndOptions = {}): Promise<LndFolder & { readonly config: string }> {
  const found = await lndFolder(options);
  onTestFinished(() => found.close());
  return { ...found, config: join(found.folder, 'etc', 'manifold.toml') };
}

const COUNT = /How many LND nodes/;
const NAME = /Name, as it is/;
const ADDRESS = /Address of its gRPC/;
const CERTIFICATE = /tls\.cert/;
const PREIMAGES = /told preimages/;
const CLOSE = /close a channel/;
const MACAROON = /Path of the macaroon/;
const WRONG = /put right/;

describe('init --lnd', () => {
  it('looks at the nodes, takes their network and pins their ids', async () => {
    const { nodes, config } = await setUp({ network: 'signet' });
    const args = [
      'init',
      '--config',
      config,
      '--seed-env',
      'SEED',
      ...nodes.flatMap(({ option }) => ['--lnd', option]),
    ];
    const { code, stdout, stderr } = await inProcess(args);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/alpha\n +ok +certificate/)]);
    const written = await readFile(config, 'utf8');
    const values = parseConfig(written, config, {});
    expect(values.network).toBe('signet');
    expect(values.nodes).toEqual(
      nodes.map(({ name, lnd, certificatePath, macaroonPath }) => ({
        name,
        kind: 'lnd',
        address: lnd.address,
        tls_cert: certificatePath,
        macaroon: macaroonPath,
        node_id: toHex(lnd.node.nodeId),
        force_close: false,
        register_preimages: true,
      })),
    );
    for (const { lnd } of nodes)
      for (const form of ['hex', 'base64'] as const)
        expect(written + stdout + stderr).not.toContain(Buffer.from(lnd.macaroon).toString(form));
    const baked = [...stdout.matchAll(/^lncli bakemacaroon --save_to .*$/gm)].map(([line]) => line);
    expect(baked).toHaveLength(6);
    expect(baked[0]).not.toMatch(/AddInvoice|CloseChannel|SendToRoute/);
    expect(baked[1]).toMatch(/SendToRouteV2/);
    expect(baked[2]).toMatch(/SendToRouteV2.*AddInvoice|AddInvoice.*SendToRouteV2/);
    expect(baked[3]).toMatch(/AddInvoice/);
    expect(baked[4]).toMatch(/CloseChannel/);
    expect(baked[5]).toMatch(/SubscribeOnionMessages/);
  });

  it('writes nothing if a node is not fit, unless told not to look', async () => {
    const { nodes, config, folder } = await setUp({ requireInterceptor: false });
    const args = ['init', '--config', config, '--seed-env', 'SEED', '--lnd', nodes[0].option];
    const refused = await inProcess(args);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/FAIL +lnd\.conf/);
    expect(refused.stderr).toMatch(/^ +requireinterceptor=true$/m);
    expect(refused.stderr).toMatch(/--no-check/);
    expect(await readdir(folder)).not.toContain('etc');
    const blind = await inProcess([...args, '--no-check']);
    expect([blind.code, blind.stderr]).toEqual([2, expect.stringMatching(/say it with --network/)]);
    const told = await inProcess([...args, '--no-check', '--network', 'regtest', '--json']);
    expect([told.code, told.stderr]).toEqual([0, '']);
    expect(JSON.parse(told.stdout)).toMatchObject({ network: 'regtest', nodes: ['alpha'] });
    expect(parseConfig(await readFile(config, 'utf8'), config, {}).nodes[0]).not.toHaveProperty('node_id');
  });

  it('refuses a node of another network than the one asked for', async () => {
    const { nodes, config } = await setUp();
    const args = ['init', '--config', config, '--seed-env', 'SEED', '--network', 'bitcoin', '--lnd', nodes[0].option];
    const { code, stderr } = await inProcess(args);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/FAIL +network +LND is on regtest, the cluster on bitcoin/),
    ]);
  });

  it.each([
    ['alpha', /--lnd: address is missing/],
    ['alpha,address=nowhere,macaroon=m', /--lnd: address must be host:port/],
    ['alpha,address=h:1,macaroon=m,adress=h:2', /there is no key "adress"; did you mean address\?/],
    ['alpha,address=h:1,macaroon=m,force_close=yes', /force_close is true or false/],
    ['alpha,address=h:1,address=h:2', /address is given twice/],
    ['alpha,address=h:1,m', /part 3 is not key=value/],
    [`alpha,address=h:1,macaroon=0201036c6e64${'ab'.repeat(60)}`, /macaroon must be the name of a file/],
    ['a b,address=h:1,macaroon=m', /--lnd: name must be 1 to 64/],
  ])('explains --lnd %s', async (option, says) => {
    const { code, stdout, stderr } = await inProcess([
      'init',
      '--config',
      '/nowhere/m.toml',
      '--seed-env',
      'S',
      '--lnd',
      option,
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('abababab');
  });

  it('says which file is missing, and how to make a macaroon', async () => {
    const { nodes, config, folder } = await setUp();
    const option = nodes[0].option.replace('alpha.macaroon', 'none.macaroon');
    const { code, stderr } = await inProcess(['init', '--config', config, '--seed-env', 'S', '--lnd', option]);
    expect(code).toBe(1);
    expect(stderr).toContain(`there is no file ${join(folder, 'none.macaroon')}`);
    expect(stderr).toMatch(/lncli bakemacaroon .*HtlcInterceptor/);
  });
});

describe('init at a terminal', () => {
  it('asks for each node, looks at it at once, and names its files', async () => {
    const { nodes, config } = await setUp();
    const [alpha, beta] = nodes;
    const replies: Reply[] = [
      [COUNT, 'two'],
      [/a number from 0/, '2'],
      [NAME, 'alpha'],
      [ADDRESS, 'https://nowhere'],
      [/must be host:port/, alpha.lnd.address],
      [CERTIFICATE, alpha.certificatePath],
      [PREIMAGES, ''],
      [CLOSE, 'y'],
      [MACAROON, alpha.macaroonPath],
      [NAME, 'alpha'],
      [/has this name already/, 'beta'],
      [ADDRESS, beta.lnd.address],
      [CERTIFICATE, beta.certificatePath],
      [PREIMAGES, 'n'],
      [CLOSE, ''],
      [MACAROON, beta.macaroonPath],
    ];
    const done = await atTerminal(['init', '--config', config, '--seed-env', 'SEED'], replies);
    expect(done.unasked).toEqual([]);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toMatch(/bakemacaroon .*CloseChannel/);
    expect(parseConfig(await readFile(config, 'utf8'), config, {}).nodes).toMatchObject([
      { name: 'alpha', force_close: true, register_preimages: true, node_id: toHex(alpha.lnd.node.nodeId) },
      { name: 'beta', force_close: false, register_preimages: false, macaroon: beta.macaroonPath },
    ]);
  });

  it('asks again on failure, and lets the operator go on', async () => {
    const { nodes, config } = await setUp({ storeFinals: false });
    const [alpha] = nodes;
    const values: Reply[] = [
      [ADDRESS, alpha.lnd.address],
      [CERTIFICATE, alpha.certificatePath],
      [PREIMAGES, ''],
      [CLOSE, ''],
      [MACAROON, alpha.macaroonPath],
    ];
    const replies: Reply[] = [
      [COUNT, '2'],
      [NAME, 'a'],
      ...values,
      [WRONG, 'x'],
      [/answer l, c, t or o/, 'c'],
      [NAME, 'alpha'],
      ...values.map(([question]): Reply => [question, '']),
      [WRONG, 'l'],
      [WRONG, 't'],
      [NAME, 'beta'],
      [ADDRESS, '127.0.0.1:1'],
      ...values.slice(1),
      [WRONG, 'o'],
    ];
    const done = await atTerminal(['init', '--config', config, '--seed-env', 'SEED'], replies);
    expect(done.unasked).toEqual([]);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr.match(/store-final-htlc-resolutions=true/g)).toHaveLength(3);
    expect(done.stderr).toMatch(/nobody answers at 127\.0\.0\.1:1/);
    const { nodes: written } = parseConfig(await readFile(config, 'utf8'), config, {});
    expect(written.map(({ name }) => name)).toEqual(['alpha']);
  });

  it('takes the simulated network for no nodes', async () => {
    const { config } = await setUp();
    const done = await atTerminal(['init', '--config', config, '--seed-env', 'SEED'], [[COUNT, '']]);
    expect([done.code, done.unasked]).toEqual([0, []]);
    const { nodes, network } = parseConfig(await readFile(config, 'utf8'), config, {});
    expect([network, nodes.map(({ kind }) => kind)]).toEqual(['regtest', ['sim', 'sim', 'sim']]);
  });

  it('writes nothing if the person goes away', async () => {
    const { config, folder } = await setUp();
    const replies: Reply[] = [
      [COUNT, '1'],
      [NAME, CTRL_D],
    ];
    const done = await atTerminal(['init', '--config', config, '--seed-env', 'SEED'], replies);
    expect([done.code, done.stderr]).toEqual([1, expect.stringMatching(/nothing was written/)]);
    expect(await readdir(folder)).not.toContain('etc');
  });
});
