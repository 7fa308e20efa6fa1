import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../src/daemon/config/load.js';

const HEAD = 'network = "bitcoin"\n[cluster]\nseed_env = "SEED"\n';
const LND = '[[nodes]]\nname = "alice"\nkind = "lnd"\naddress = "10.0.0.5:10009"\nmacaroon = "alice.macaroon"\n';

const parse = (text: string) => parseConfig(text, '/etc/manifold/manifold.toml', {});

function mistakes(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message.split('\n').map((line) => line.replace('/etc/manifold/manifold.toml', ''));
    throw error;
  }
  return [];
}

describe('an LND node', () => {
  it('needs an address and a macaroon, and has safe defaults', () => {
    expect(parse(HEAD + LND).nodes).toEqual([
      {
        name: 'alice',
        kind: 'lnd',
        address: '10.0.0.5:10009',
        macaroon: '/etc/manifold/alice.macaroon',
        force_close: false,
        register_preimages: true,
      },
    ]);
    expect(parse(HEAD + LND).receive.guard_blocks).toBe(24);
    expect(mistakes(`${HEAD}[[nodes]]\nname = "alice"\nkind = "lnd"\n`)).toEqual([
      ':4: nodes.0.address is missing',
      ':4: nodes.0.macaroon is missing',
    ]);
  });

  it('has its files counted from the configuration, unless they are absolute', () => {
    const [node] = parse(`${HEAD}${LND.replace('alice.macaroon', '../m/a')}tls_cert = "/srv/tls.cert"\n`).nodes;
    expect(node).toMatchObject({ macaroon: '/etc/m/a', tls_cert: '/srv/tls.cert' });
  });

  it.each(['bitcoin', 'testnet', 'signet', 'regtest', 'simnet'])('may be on %s', (network) => {
    expect(mistakes(HEAD.replace('bitcoin', network) + LND)).toEqual([]);
  });

  it('is on regtest if a simulated node stands beside it', () => {
    const both = `${HEAD}${LND}[[nodes]]\nname = "s"\nkind = "sim"\n`;
    expect(mistakes(both)).toEqual([':1: network must be "regtest": the nodes are simulated']);
    expect(mistakes(both.replace('"bitcoin"', '"regtest"'))).toEqual([]);
  });

  it('on the main network is told its name', () => {
    expect(mistakes(HEAD.replace('bitcoin', 'mainnet') + LND)).toEqual([
      ':1: network must be "bitcoin": the main network is called so here',
    ]);
  });

  it('has its own keys, and typos get the nearest of them', () => {
    expect(mistakes(`${HEAD}${LND}tls_crt = "x"\nforceclose = true\nurl = "tcp://127.0.0.1:1"\nfoo = 1\n`)).toEqual([
      ':9: unknown key nodes.0.tls_crt; did you mean tls_cert?',
      ':10: unknown key nodes.0.forceclose; did you mean force_close?',
      ':11: unknown key nodes.0.url: only nodes of kind = "sim" have it',
      expect.stringMatching(/^:12: unknown key nodes\.0\.foo/) as string,
    ]);
    expect(mistakes(`${HEAD}[[nodes]]\nname = "s"\nkind = "sim"\nmacaroon = "m"\n`)).toContain(
      ':7: unknown key nodes.0.macaroon: only nodes of kind = "lnd" have it',
    );
  });

  it.each([
    ['address = "10.0.0.5:10009"', 'address = "10.0.0.5"', /address must be host:port of the gRPC listener/],
    ['address = "10.0.0.5:10009"', 'address = "https://10.0.0.5:10009"', /address must be host:port/],
    ['address = "10.0.0.5:10009"', 'address = "u:pw@h:10009"', /address must be host:port/],
    ['address = "10.0.0.5:10009"', 'address = "h:99999"', /address: there is no such port/],
    ['kind = "lnd"', 'kind = "lnd"\nforce_close = "yes"', /force_close must be true or false/],
    ['kind = "lnd"', 'kind = "lnd"\nnode_id = "02ab"', /node_id must be a node id/],
    ['kind = "lnd"', 'kind = "lnd"\ntls_server_name = "a b"', /tls_server_name must be the name of a host/],
    ['kind = "lnd"', 'kind = "LND"', /kind must be "lnd" or "sim"; did you mean lnd\?/],
    ['kind = "lnd"', 'kind = 7', /kind must be "lnd" or "sim"/],
    ['macaroon = "alice.macaroon"', 'macaroon = ""', /macaroon must not be empty/],
  ])('instead of %s refuses %s', (good, bad, says) => {
    const found = mistakes(HEAD + LND.replace(good, bad));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(says);
  });

  it('takes an IPv6 address', () => {
    expect(mistakes(HEAD + LND.replace('10.0.0.5', '[::1]'))).toEqual([]);
  });

  it('never has a secret repeated that was written in place of its file', () => {
    const hex = `0201036c6e640258${'ab'.repeat(60)}`;
    const base64 = Buffer.from(hex, 'hex').toString('base64');
    for (const secret of [hex, base64]) {
      const found = mistakes(HEAD + LND.replace('alice.macaroon', secret));
      expect(found).toEqual([':8: nodes.0.macaroon must be the name of a file, not the macaroon itself']);
      expect(found.join()).not.toContain(secret.slice(0, 20));
    }
    const pem = '-----BEGIN CERTIFICATE-----\\nMIIB\\n';
    expect(mistakes(`${HEAD}${LND}tls_cert = "${pem}"\n`)).toEqual([
      ':9: nodes.0.tls_cert must be the name of a file, not the certificate itself',
    ]);
  });

  it('is configured once: another entry of its address or id is refused', () => {
    const again = LND.replace('alice', 'bob');
    expect(mistakes(HEAD + LND + again)).toEqual([':12: nodes.1.address: "alice" has this address already']);
    const id = `02${'ab'.repeat(32)}`;
    const second = again.replace('10.0.0.5', '10.0.0.6');
    const text = `${HEAD}${LND}node_id = "${id}"\n${second}node_id = "${id.toUpperCase()}"\n`;
    expect(mistakes(text)).toEqual([':15: nodes.1.node_id: "alice" is this node already']);
  });

  it.each(['guard_blocks = 21', 'guard_blocks = 1001', 'guard_blocks = 24.5'])('has no guard with %s', (line) => {
    expect(mistakes(`${HEAD}${LND}[receive]\n${line}\n`)[0]).toMatch(/^:10: receive\.guard_blocks must be/);
  });

  it('may be served by a daemon with a name', () => {
    expect(parse(`${HEAD}${LND}[daemon]\nname = "shop-1"\n`).daemon.name).toBe('shop-1');
    for (const bad of ['', 'a/b', 'x'.repeat(65), 'a b'])
      expect(mistakes(`${HEAD}${LND}[daemon]\nname = "${bad}"\n`)[0]).toMatch(/daemon\.name must be 1 to 64/);
  });

  it('fails as a configuration error whatever stands in its table', () => {
    const keys = ['name', 'kind', 'address', 'macaroon', 'tls_cert', 'url', 'node_id', 'zz'];
    const values = ['"lnd"', '"sim"', '"x"', '1', 'true', '[]', '{}', '"a:1"', '""'];
    const line = fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...values));
    fc.assert(
      fc.property(fc.uniqueArray(line, { selector: ([key]) => key }), (lines) => {
        const table = lines.map(([key, value]) => `${key} = ${value}\n`).join('');
        try {
          parse(`${HEAD}[[nodes]]\n${table}`);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
    );
  });
});
