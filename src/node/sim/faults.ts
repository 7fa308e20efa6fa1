/** Faults as verbs. Each one leaves a line in the trace; those that last end by themselves or by their counterpart. */
import type { BlockDelta, Millis } from '../../wire/units.js';
import type { Interceptor } from './interceptor.js';
import type { SimNetwork } from './network.js';
import type { ForwardCheat } from './cheat.js';
import type { Range } from './types.js';

export class Faults {
  readonly #network: SimNetwork;

  constructor(network: SimNetwork) {
    this.#network = network;
  }

  /** The stream of a node breaks; answers on their way are lost, the node keeps what it holds. */
  dropStream(node: string): void {
    this.#note(`drop stream of ${node}`);
    this.#interceptor(node).drop('stream dropped');
  }

  /** The stream delivers nothing in either direction and heartbeats hang, for a while. */
  freezeStream(node: string, duration: Millis): void {
    this.#note(`freeze stream of ${node} for ${duration}`);
    this.#interceptor(node).session?.freeze(duration);
  }

  /** How likely each HTLC is shown twice, from now on. */
  duplicatePresentation(node: string, probability: number): void {
    this.#note(`duplicate presentation at ${node} ${probability}`);
    this.#interceptor(node).faults.twice = probability;
  }

  /** Each HTLC is shown after a delay of its own, so that unequal ones change the order, from now on. */
  delayPresentation(node: string, delayMs: Range): void {
    this.#note(`delay presentation at ${node} ${delayMs.join('-')}`);
    this.#interceptor(node).faults.delayMs = delayMs;
  }

  /** Final results are no longer streamed (or are again); looking them up works. */
  loseFinals(node: string, lose = true): void {
    this.#note(`lose finals of ${node} ${lose}`);
    this.#interceptor(node).faults.loseFinals = lose;
  }

  /** The node's process dies: streams break, links go down, answers that were not signed yet are forgotten. */
  crashNode(node: string): void {
    this.#network.node(node).crash();
  }

  restartNode(node: string): void {
    this.#network.node(node).restart();
  }

  /** The connection between two neighbours breaks; what was on its way arrives after it is healed. */
  cutLink(first: string, second: string): void {
    this.#network.channelBetween(first, second).cut = true;
  }

  healLink(first: string, second: string): void {
    this.#network.channelBetween(first, second).cut = false;
  }

  /** The node sees blocks this many too late, from now on; 0 lets it catch up. */
  lagHeight(node: string, blocks: BlockDelta): void {
    this.#note(`${node} lags ${blocks}`);
    this.#network.node(node).lag = blocks;
  }

  mineBlocks(count: number): void {
    this.#network.mine(count);
  }

  forceClose(first: string, second: string): void {
    this.#network.channelBetween(first, second).forceClose();
  }

  /** A relay forwards something else than it was asked to; undefined makes it honest again. */
  cheat(node: string, cheat: ForwardCheat | undefined): void {
    const { skimMsat = 0n, skimBlocks = 0, garbleByte = -1 } = cheat ?? {};
    this.#note(`${node} cheats ${skimMsat} ${skimBlocks} ${garbleByte}`);
    this.#network.node(node).cheat = cheat;
  }

  /** Onion messages and messages of applications that a node sends are lost with this probability, from now on. */
  loseMessages(node: string, probability: number): void {
    this.#note(`lose messages of ${node} ${probability}`);
    this.#network.connections.setFaults(node, { lose: probability });
  }

  /** They arrive twice with this probability, from now on. */
  duplicateMessages(node: string, probability: number): void {
    this.#note(`duplicate messages of ${node} ${probability}`);
    this.#network.connections.setFaults(node, { twice: probability });
  }

  /** Each of them takes a delay of its own beside the latency, so that unequal ones change the order, from now on. */
  delayMessages(node: string, delayMs: Range): void {
    this.#note(`delay messages of ${node} ${delayMs.join('-')}`);
    this.#network.connections.setFaults(node, { delayMs });
  }

  /** Whoever listens to messages at a node loses the stream; what arrives then is lost. */
  dropMessageStreams(node: string): void {
    this.#note(`drop message streams of ${node}`);
    this.#network.node(node).messages.drop('stream dropped');
  }

  /** A connection that was dialled ends; one over which a channel runs is cut by {@link cutLink}. */
  hangUp(first: string, second: string): void {
    this.#note(`${first} and ${second} hang up`);
    this.#network.connections.hangUp(this.#network.node(first), this.#network.node(second));
  }

  #interceptor(node: string): Interceptor {
    const { interceptor } = this.#network.node(node);
    if (!interceptor) throw new RangeError(`${node} does not intercept`);
    return interceptor;
  }

  #note(what: string): void {
    this.#network.trace.note(what);
  }
}
