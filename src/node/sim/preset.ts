/**
 * The standard world of the demo and of many tests: three members that intercept, two routers, two payers. Everything that
 * could identify an HTLC (keys, channel ids) follows from the seed, so worlds of different seeds share no HTLC key.
 *
 * ```
 * carol ── north ──── alpha          gamma has a private channel only
 *   │    ╳       ╲  ╱
 *  dave ── south ── beta,  south ··· gamma
 * ```
 */
import type { Msat } from '../../wire/units.js';
import { Faults } from './faults.js';
import { SimNetwork, type AddNodeOptions, type SimNetworkOptions } from './network.js';
import type { SimNode } from './node.js';
import { FakePayer } from './payer.js';
import { SimNodePort } from './sim-node-port.js';

const PRESET_MEMBERS = ['alpha', 'beta', 'gamma'] as const;
const PRESET_PAYERS = ['carol', 'dave'] as const;

export interface PresetOptions extends SimNetworkOptions {
  readonly interceptor?: AddNodeOptions['interceptor'];
  /** Capacity of every channel; each side has half of it. Default 20 million sat. */
  readonly capacityMsat?: Msat;
  /** Whether the members hold HTLCs on request. */
  readonly hold?: AddNodeOptions['hold'];
  /** Names of private nodes, each with a channel to alpha as its LSP. Default none. */
  readonly wallets?: readonly string[];
}

export interface PresetWorld {
  readonly network: SimNetwork;
  readonly members: readonly SimNode[];
  /** Ports of the members, in their order. */
  readonly ports: readonly SimNodePort[];
  readonly payers: readonly FakePayer[];
  readonly faults: Faults;
}

const CHANNELS: readonly (readonly [first: string, second: string, announced: boolean])[] = [
  ['carol', 'north', true],
  ['carol', 'south', true],
  ['dave', 'north', true],
  ['dave', 'south', true],
  ['north', 'south', true],
  ['north', 'alpha', true],
  ['south', 'alpha', true],
  ['north', 'beta', true],
  ['south', 'beta', true],
  ['south', 'gamma', false],
];

export function presetWorld({
  interceptor = true,
  capacityMsat = 20_000_000_000n,
  hold = false,
  wallets = [],
  ...options
}: PresetOptions): PresetWorld {
  const network = new SimNetwork(options);
  for (const name of ['north', 'south', ...PRESET_PAYERS]) network.addNode(name);
  const members = PRESET_MEMBERS.map((name) => network.addNode(name, { interceptor, hold }));
  const half = capacityMsat / 2n;
  for (const [first, second, announced] of CHANNELS) {
    network.openChannel(network.node(first), network.node(second), { balances: [half, half], announced });
  }
  for (const name of wallets) {
    const wallet = network.addNode(name, { private: true });
    network.openChannel(network.node('alpha'), wallet, { balances: [half, half] });
  }
  return {
    network,
    members,
    ports: members.map((node) => new SimNodePort(network, node)),
    payers: PRESET_PAYERS.map((name) => new FakePayer(network, network.node(name))),
    faults: new Faults(network),
  };
}
