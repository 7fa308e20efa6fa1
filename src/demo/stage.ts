/** A simulated network whose people run whole daemons, and what it takes to look at all of it from outside. */
import { Faults } from '../node/sim/faults.js';
import { SimNetwork, type SimNetworkOptions } from '../node/sim/network.js';
import { presetWorld } from '../node/sim/preset.js';
import type { Random } from '../node/sim/random.js';
import type { HtlcObservation } from '../node/sim/types.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import { toHex } from '../wire/bytes.js';
import type { Millis, Msat } from '../wire/units.js';
import { Party, type PartyOptions } from './party.js';
import { type Patience, sleepOn, untilOn } from './waiting.js';

export interface StageOptions {
  readonly seed: string;
  readonly clock: SimClock;
  readonly keepTrace?: boolean;
}

export type CastOptions = Omit<PartyOptions, 'network' | 'random'>;

/** Nodes that are up find each other, and daemons their nodes. */
const START_UP_MS: Millis = 5_000;

export class Stage {
  readonly clock: SimClock;
  readonly parties: Party[] = [];
  readonly #options: SimNetworkOptions;
  #network: SimNetwork | undefined;
  #faults: Faults | undefined;
  #random: Random | undefined;

  constructor({ seed, clock, keepTrace = false }: StageOptions) {
    this.clock = clock;
    this.#options = { seed, clock, keepTrace };
  }

  /** Builds the network that most of the demonstration plays in. */
  preset(): SimNetwork {
    return this.#built(presetWorld({ ...this.#options, seed: this.#options.seed }).network);
  }

  /** Builds a network of its own. */
  empty(): SimNetwork {
    return this.#built(new SimNetwork(this.#options));
  }

  #built(network: SimNetwork): SimNetwork {
    this.#network = network;
    this.#faults = new Faults(network);
    this.#random = network.random.fork('stage');
    return network;
  }

  get network(): SimNetwork {
    return this.#network ?? this.empty();
  }

  get faults(): Faults {
    return (this.#faults ??= new Faults(this.network));
  }

  /** For choices of the story; the network's own chances are drawn elsewhere. */
  get random(): Random {
    return (this.#random ??= this.network.random.fork('stage'));
  }

  /** Somebody enters, with a process that runs. */
  async enter(options: CastOptions): Promise<Party> {
    const { network } = this;
    const random = this.random.fork(`party ${options.nodes.join(' ')}`);
    const party = await Party.open({ ...options, network, random });
    this.parties.push(party);
    return party;
  }

  /** Until everybody who entered is ready. */
  settleIn(): Promise<void> {
    return this.sleep(START_UP_MS);
  }

  get now(): Millis {
    return this.clock.now();
  }

  sleep(ms: Millis): Promise<void> {
    return sleepOn(this.clock, ms);
  }

  /** Waits for something. @throws {ClaimFailed} naming `what` if it does not come */
  until(probe: () => boolean | Promise<boolean>, what: string, patience?: Patience): Promise<void> {
    return untilOn(this.clock, probe, what, patience);
  }

  /** Waits until nothing of any payment is in flight anywhere. */
  untilQuiet(timeoutMs: Millis = 30_000): Promise<void> {
    return this.until(() => this.network.liveHtlcs().length === 0, 'no HTLC in flight', { timeoutMs });
  }

  /** A whole number of satoshi, drawn from the seed. */
  drawAmount(leastSat: number, mostSat: number): Msat {
    return BigInt(this.random.int(leastSat, mostSat)) * 1000n;
  }

  /** HTLCs of a payment that reached one of these nodes. */
  arrivals(paymentHash: string, nodes: readonly string[]): HtlcObservation[] {
    const { htlcs } = this.network.observations();
    return htlcs.filter(
      (htlc) => htlc.paymentHash === paymentHash && htlc.committedAt !== undefined && nodes.includes(htlc.to),
    );
  }

  /** A node's name by its id in hex. */
  nameOf(nodeId: string): string {
    return this.network.nodes.find((node) => toHex(node.nodeId) === nodeId)?.name ?? nodeId;
  }

  async close(): Promise<void> {
    for (const party of this.parties) await party.close();
  }
}
