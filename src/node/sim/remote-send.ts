/** Paying from a node of a simulated network in another process: its send port and its graph port. */
import { z } from 'zod';
import type { GraphHandlers, GraphPort } from '../../send/graph/port.js';
import type { LookUpAnswer, PartOutcome } from '../../send/payment/messages.js';
import type { LookUp, NodeBalances, OutgoingPart, PartTold, SendPort } from '../../send/run/ports.js';
import { Asker, Wire } from './remote-connection.js';
import { lookUpAnswer, nodeBalances, outgoingPart, partOutcome } from './remote-send-wire.js';

export interface RemoteNodeAddress {
  /** `tcp://127.0.0.1:PORT` */
  readonly url: string;
  /** Name of the node in its network. */
  readonly node: string;
}

type PartAccepted = (told?: PartTold) => void;

export class RemoteSendPort implements SendPort {
  readonly canHoldAtPeer = true;
  readonly canSendFirstHopRecords = true;
  readonly #node: string;
  readonly #asker: Asker;

  /** Connects when it is first used. @throws {RangeError} if the address is none */
  constructor({ url, node }: RemoteNodeAddress) {
    this.#node = node;
    this.#asker = new Asker(url);
  }

  async balances(): Promise<NodeBalances> {
    return z.decode(nodeBalances, (await this.#ask('balances')) as z.input<typeof nodeBalances>);
  }

  async send(part: OutgoingPart, accepted: PartAccepted): Promise<PartOutcome> {
    const answer = await this.#ask('send', { part: z.encode(outgoingPart, part) }, accepted);
    return z.decode(partOutcome, answer as z.input<typeof partOutcome>);
  }

  async lookUp(question: LookUp): Promise<LookUpAnswer> {
    try {
      const answer = await this.#ask('look_up', { part: z.encode(outgoingPart, question) });
      return z.decode(lookUpAnswer, answer as z.input<typeof lookUpAnswer>);
    } catch {
      return { kind: 'unavailable' };
    }
  }

  /** Lets go of the connection; a later call opens it again. */
  close(): Promise<void> {
    return this.#asker.close();
  }

  #ask(verb: string, more: Readonly<Record<string, unknown>> = {}, accepted?: PartAccepted): Promise<unknown> {
    return this.#asker.ask({ verb, node: this.#node, ...more }, accepted);
  }
}

export class RemoteGraphPort implements GraphPort {
  readonly #address: RemoteNodeAddress;

  constructor(address: RemoteNodeAddress) {
    this.#address = address;
  }

  async follow(handlers: GraphHandlers): Promise<{ close(): void }> {
    const { url, node } = this.#address;
    let isOpen = true;
    const end = (reason: string): void => {
      if (!isOpen) return;
      isOpen = false;
      wire?.end();
      handlers.onClosed(reason);
    };
    let isStarted = false;
    const wire: Wire | undefined = await Wire.open(
      url,
      (event) => {
        if (!isOpen) return;
        if (event.event === 'news') handlers.onNews(event.news);
        else if (event.event === 'loaded') handlers.onLoaded();
        else if (event.event === 'closed') end(event.reason);
      },
      () => {
        if (isStarted) end('connection lost');
      },
    );
    try {
      await wire.ask({ verb: 'follow', node });
      isStarted = true;
    } catch (thrown) {
      isOpen = false;
      wire.end();
      throw thrown;
    }
    if (wire.closed) setImmediate(() => end('connection lost'));
    return {
      close() {
        isOpen = false;
        wire.end();
      },
    };
  }
}
