/** What `inspectLnd` finds, and the words it gives for it. */
import { createServer, type Server } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { generate } from 'selfsigned';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inspectLnd, type LndExpectations } from '../../../src/node/lnd/check.js';
import type { LndEndpoint } from '../../../src/node/lnd/client.js';
import type { LndFinding } from '../../../src/node/lnd/finding.js';
import { grantsOf, isGranted } from '../../../src/node/lnd/macaroon.js';
import { bakeLine, permissionsFor } from '../../../src/node/lnd/permissions.js';
import { listChannels } from '../../../src/node/lnd/rpc/channels.js';
import type { Draft } from '../../../src/node/lnd/rpc/codec.js';
import { getInfo, type GetInfoResponse, getState } from '../../../src/node/lnd/rpc/node.js';
import { fromHex } from '../../../src/wire/bytes.js';
import { type Certificate, newCertificate } from '../../fake-lnd/certificate.js';
import { RpcError } from '../../fake-lnd/rpc-server.js';
import { channel, INFO, NODE_ID, type TinyOptions, TinyLnd } from './tiny-lnd.js';

const DAY = 24 * 3600 * 1000;
const NOW = Date.now();

/** Of nodes that are no more, baked by LND 0.21.2. */
const BAKED =
  '0201036c6e6402f002030a10cb2e07441d7401ae2d94e1b397095caa1201301ad7020a03757269122e2f636861696e7270632e436861696e4e6f7469666965722f5265676973746572426c6f636b45706f63684e74666e121b2f6c6e7270632e4c696768746e696e672f416464496e766f696365121d2f6c6e7270632e4c696768746e696e672f436c6f73654368616e6e656c121c2f6c6e7270632e4c696768746e696e672f4765744368616e496e666f12182f6c6e7270632e4c696768746e696e672f476574496e666f121d2f6c6e7270632e4c696768746e696e672f4c6973744368616e6e656c7312252f6c6e7270632e4c696768746e696e672f4c6f6f6b757048746c635265736f6c7574696f6e12212f726f757465727270632e526f757465722f48746c63496e746572636570746f7212252f726f757465727270632e526f757465722f53756273637269626548746c634576656e7473121c2f7665727270632e56657273696f6e65722f47657456657273696f6e0000062074f9bda9e47c80a6b96cc2970b5b2c69c92ae122eef8de4a8aecbb58375cc1fb';
const READONLY =
  '0201036c6e6402ac01030a10c42e07441d7401ae2d94e1b397095caa1201301a0f0a07616464726573731204726561641a0c0a04696e666f1204726561641a100a08696e766f696365731204726561641a100a086d616361726f6f6e1204726561641a0f0a076d6573736167651204726561641a100a086f6666636861696e1204726561641a0f0a076f6e636861696e1204726561641a0d0a0570656572731204726561641a0e0a067369676e65721204726561640000062023176fe8e9bab61d3628013bddb56e0707fe39b5fb422b28fe6ea33570b26f5c';
const ALL = ['receive', 'register-preimages', 'force-close'] as const;

const good: TinyOptions = {
  macaroon: fromHex(BAKED),
  answers: { [listChannels.path]: () => ({ channels: [channel()] }) },
};
const saying = (changes: Draft<GetInfoResponse>): TinyOptions => ({
  ...good,
  answers: { ...good.answers, [getInfo.path]: () => ({ ...INFO, ...changes }) },
});

async function inspect(
  options: TinyOptions = good,
  expected: Partial<LndExpectations> = {},
  endpoint: Partial<LndEndpoint> = {},
): Promise<readonly LndFinding[]> {
  const tiny = await TinyLnd.serve(options);
  const report = await inspectLnd({ ...tiny.endpoint, ...endpoint }, { purposes: ALL, now: NOW, ...expected });
  return report.findings;
}

const bad = (findings: readonly LndFinding[]): LndFinding[] => findings.filter(({ level }) => level !== 'ok');

function addressOf(server: Server): string {
  const listening = server.address();
  if (listening === null || typeof listening === 'string') throw new Error('no port');
  return `127.0.0.1:${listening.port}`;
}

async function certificate(name: string, notAfterDate: Date): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'lnd' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(NOW - 400 * DAY),
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
    ],
  });
  return { certificate: new TextEncoder().encode(cert), key: new TextEncoder().encode(key) };
}

describe('a node in order', () => {
  it('has nothing to complain about, and tells who it is', async () => {
    const tiny = await TinyLnd.serve(good);
    const expected = { purposes: ALL, now: NOW, network: 'regtest', nodeId: NODE_ID } as const;
    const { findings, node } = await inspectLnd(tiny.endpoint, expected);
    expect(bad(findings)).toEqual([]);
    expect(findings.map(({ what }) => what)).toEqual([
      'certificate',
      'macaroon',
      'permissions',
      'node',
      'version',
      'lnd.conf',
      'chain',
      'channels',
      'sending',
    ]);
    expect(node).toMatchObject({ nodeId: fromHex(NODE_ID), network: 'regtest' });
    expect(tiny.interceptors).toHaveLength(0);
  });
});

describe('what can be sent', () => {
  const sending = async (
    changes: Parameters<typeof channel>[0],
    purposes: LndExpectations['purposes'],
  ): Promise<LndFinding[]> => {
    const answers = { [listChannels.path]: () => ({ channels: [channel(changes)] }) };
    return (await inspect({ ...good, answers }, { purposes })).filter(({ what }) => what === 'sending');
  };

  it('is told of a node that pays, and warned of if it is nothing', async () => {
    expect(await sending({}, ['receive', 'send'])).toEqual([
      { level: 'ok', what: 'sending', detail: expect.stringMatching(/^about 3\d{5} sat can be sent/) as unknown },
    ]);
    expect(await sending({ localBalance: 9_000n }, ['receive', 'send'])).toMatchObject([
      { level: 'warn', detail: expect.stringContaining('nothing can be sent') as unknown },
    ]);
  });

  it('is nothing by intention where the node only receives', async () => {
    expect(await sending({}, ['receive'])).toMatchObject([
      { level: 'ok', detail: expect.stringContaining('nothing is paid from this node') as unknown },
    ]);
  });
});

describe('the connection', () => {
  it('is refused by nobody’s port, by what is no TLS, and by no address', async () => {
    const plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('SSH-2.0-x\r\n');
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void plain.close());
    for (const [address, words] of [
      ['127.0.0.1:1', /nobody answers/],
      [addressOf(plain), /no gRPC listener/],
      ['lnd', /not host:port/],
      ['127.0.0.1:99999', /not host:port/],
    ] as const) {
      const [finding, ...more] = await inspect(good, {}, { address });
      expect(more).toEqual([]);
      expect(finding).toMatchObject({ level: 'fail', what: 'connection' });
      expect(finding!.detail).toMatch(words);
      expect(finding!.fix).toBeTruthy();
    }
  });

  it('is refused by a web server, though it has the certificate', async () => {
    const own = await newCertificate();
    const web = createSecureServer({ cert: Buffer.from(own.certificate), key: Buffer.from(own.key) }, (socket) => {
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void web.close());
    const findings = await inspect(good, {}, { address: addressOf(web), certificate: own.certificate });
    expect(findings).toEqual([expect.objectContaining({ level: 'fail', what: 'connection' })]);
    expect(findings[0]!.detail).toMatch(/not HTTP\/2/);
  });

  it('is refused where the certificate is another one, or none', async () => {
    const [other] = await inspect(good, {}, { certificate: (await newCertificate()).certificate });
    expect(other).toMatchObject({ level: 'fail', what: 'certificate' });
    expect(other!.detail).toMatch(/not the one given/);
    const [none] = await inspect(good, {}, { certificate: new Uint8Array([1, 2]) });
    expect(none!.detail).toMatch(/no PEM certificate/);
  });

  it('is refused where the certificate is for another name, unless that is given', async () => {
    const named = await certificate('lnd.example', new Date(NOW + 300 * DAY));
    const [finding] = await inspect({ ...good, certificate: named });
    expect(finding).toMatchObject({ level: 'fail', what: 'certificate' });
    expect(finding!.fix).toMatch(/tls_server_name/);
    expect(bad(await inspect({ ...good, certificate: named }, {}, { serverName: 'lnd.example' }))).toEqual([]);
  });

  it('is refused where the certificate has expired, and it says so in time', async () => {
    const [expired] = await inspect({ ...good, certificate: await certificate('localhost', new Date(NOW - DAY)) });
    expect(expired).toMatchObject({ level: 'fail', what: 'certificate' });
    expect(expired!.detail).toMatch(/has expired/);
    const soon = await certificate('localhost', new Date(NOW + 10.5 * DAY));
    const [warning, ...rest] = await inspect({ ...good, certificate: soon }, {}, { serverName: 'localhost' });
    expect(warning).toMatchObject({ level: 'warn', what: 'certificate' });
    expect(warning!.detail).toMatch(/in 10 days/);
    expect(bad(rest)).toEqual([]);
  });
});

describe('the macaroon', () => {
  it('that LND does not take comes with the line that bakes another', async () => {
    const findings = await inspect(good, {}, { macaroon: fromHex(READONLY) });
    expect(bad(findings)).toEqual([expect.objectContaining({ level: 'fail', what: 'macaroon', fix: bakeLine(ALL) })]);
    expect(JSON.stringify(findings)).not.toContain(READONLY.slice(0, 40));
  });

  it('that grants too little is told by what is missing', async () => {
    const findings = await inspect({ ...good, macaroon: fromHex(READONLY) });
    const [finding] = bad(findings);
    expect(finding).toMatchObject({ level: 'fail', what: 'permissions', fix: bakeLine(ALL) });
    expect(finding!.detail.match(/\/\S+\/\w+/g)).toEqual([
      '/routerrpc.Router/HtlcInterceptor',
      '/lnrpc.Lightning/AddInvoice',
      '/lnrpc.Lightning/CloseChannel',
    ]);
  });

  it('that grants too much, or cannot be read, is a warning', async () => {
    const [more] = bad(await inspect(good, { purposes: ['receive'] }));
    expect(more).toMatchObject({ level: 'warn', what: 'permissions', fix: bakeLine(['receive']) });
    const [unread] = bad(await inspect({ ...good, macaroon: new Uint8Array([1, 2, 3]) }));
    expect(unread).toMatchObject({ level: 'warn', what: 'permissions' });
  });

  it('is read as LND bakes it, and anything else is not', () => {
    const baked = grantsOf(fromHex(BAKED))!;
    expect([...baked].sort()).toEqual(
      permissionsFor(ALL)
        .map(({ uri }) => `uri:${uri}`)
        .sort(),
    );
    expect(grantsOf(fromHex(READONLY))).toContain('offchain:read');
    const bytes = fromHex(BAKED);
    for (let length = 0; length < 60; length++) expect(grantsOf(bytes.subarray(0, length))).toBeUndefined();
    expect(grantsOf(bytes.map((byte, i) => (i === 0 ? 1 : byte)))).toBeUndefined();
    const close = permissionsFor(['force-close']).find(({ uri }) => uri.endsWith('CloseChannel'))!;
    expect(isGranted(new Set(['offchain:write']), close)).toBe(false);
    expect(isGranted(new Set(['offchain:write', 'onchain:write']), close)).toBe(true);
  });

  it('is baked for what it is for', () => {
    expect(bakeLine(['receive'])).toMatch(/^lncli bakemacaroon --save_to manifold.macaroon uri:\/lnrpc/);
    expect(bakeLine(['receive'])).not.toMatch(/CloseChannel|AddInvoice|SendToRoute/);
    expect(bakeLine(['receive', 'force-close']).match(/ListChannels/g)).toHaveLength(1);
  });
});

describe('the node', () => {
  it.each<[string, TinyOptions, Partial<LndExpectations>, Partial<LndFinding>, RegExp]>([
    ['network', good, { network: 'bitcoin' }, { level: 'fail' }, /on regtest, the cluster on bitcoin/],
    ['node id', good, { nodeId: '03'.padEnd(66, '0') }, { level: 'fail' }, /this is node 02aaa/],
    ['version', saying({ version: '0.18.3-beta' }), {}, { level: 'fail' }, /older than 0.18.4/],
    ['version', saying({ version: '0.20.1-beta' }), {}, { level: 'warn' }, /10892/],
    ['lnd.conf', saying({ requireHtlcInterceptor: false }), {}, { level: 'fail' }, /given up/],
    ['lnd.conf', saying({ storeFinalHtlcResolutions: false }), {}, { level: 'fail' }, /cannot be found out/],
    ['chain', saying({ syncedToChain: false }), {}, { level: 'fail' }, /not synced/],
    ['clock', saying({ bestHeaderTimestamp: BigInt(NOW) / 1000n + 10_000n }), {}, { level: 'warn' }, /contradicts/],
    ['clock', saying({ bestHeaderTimestamp: BigInt(NOW) / 1000n - 9_000n }), {}, { level: 'warn' }, /150 minutes/],
    ['channels', { ...good, answers: {} }, {}, { level: 'warn' }, /0 channels/],
  ])('is told about its %s', async (what, options, expected, finding, words) => {
    const [first, ...more] = bad(await inspect(options, expected));
    expect(more).toEqual([]);
    expect(first).toMatchObject({ what, ...finding });
    expect(first!.detail).toMatch(words);
    expect(first!.fix).toBeTruthy();
  });

  it('may be behind in blocks without a word about clocks', async () => {
    const bestHeaderTimestamp = BigInt(NOW) / 1000n - 90_000n;
    const findings = bad(await inspect(saying({ syncedToChain: false, bestHeaderTimestamp })));
    expect(findings.map(({ what }) => what)).toEqual(['chain']);
    expect(bad(await inspect(saying({ bestHeaderTimestamp: BigInt(NOW) / 1000n - 7_000n })))).toEqual([]);
  });

  it('gives the lines for its configuration file to copy', async () => {
    const findings = await inspect(saying({ requireHtlcInterceptor: false, storeFinalHtlcResolutions: false }));
    const fixes = findings.filter(({ what }) => what === 'lnd.conf').map(({ fix }) => fix!.split('\n').at(-1));
    expect(fixes).toEqual(['requireinterceptor=true', 'store-final-htlc-resolutions=true']);
    const inOrder = (await inspect()).find(({ what }) => what === 'lnd.conf');
    expect(inOrder?.fix).toBe('grpc.server-ping-time=10s\ngrpc.server-ping-timeout=5s');
  });

  it('that is locked, or breaks off, is a finding too', async () => {
    const locked = await inspect({ ...good, answers: { [getState.path]: () => ({ state: 1 }) } });
    expect(bad(locked)).toEqual([expect.objectContaining({ level: 'fail', what: 'wallet' })]);
    const breaking: TinyOptions = {
      ...good,
      answers: {
        [listChannels.path]: () => {
          throw new RpcError('database is locked');
        },
      },
    };
    expect(bad(await inspect(breaking))).toEqual([expect.objectContaining({ level: 'fail', what: 'node' })]);
  });
});
