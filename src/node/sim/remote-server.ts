/**
 * Serves a simulated network on a loopback TCP port, so that it outlives the daemon that uses it: the ports of its nodes,
 * and verbs for paying, mining and faults. It has no authentication and is for demonstrations and tests only.
 */
import { createServer, type Socket } from 'node:net';
import { z } from 'zod';
import { decodeInvoice } from '../../bolt11/index.js';
import { randomBytes } from '../../crypto/index.js';
import type { InterceptSession } from '../../receive/node-port.js';
import type { OutgoingPart, PartTold } from '../../send/run/ports.js';
import { unwrap } from '../../wire/result.js';
import type { Msat, PaymentHash } from '../../wire/units.js';
import { Faults } from './faults.js';
import type { SimInterceptHandlers } from './holding.js';
import { readLines, writeLine } from './lines.js';
import type { SimNetwork } from './network.js';
import { FakePayer } from './payer.js';
import type { PayRequest } from './payment.js';
import {
  finalResult,
  interceptedHtlc,
  localChannels,
  MAX_REQUEST_LENGTH,
  nodeAbilities,
  nodeInfo,
  plainJson,
  request,
  type RemotePayRequest,
  type RemoteRequest,
} from './remote-wire.js';
import { partTold, peeled, relayListJson } from './remote-message-wire.js';
import { inject } from './remote-faults.js';
import { ReleaseQuestions, ServedMessages } from './remote-message-server.js';
import { graphNews, lookUpAnswer, nodeBalances, partOutcome } from './remote-send-wire.js';
import { relayList } from './sim-message-graph.js';
import { SimGraphPort } from './sim-graph-port.js';
import { issueSimInvoice } from './sim-invoice.js';
import { SimNodePort } from './sim-node-port.js';
import { SimSendPort } from './sim-send-port.js';

export interface SimServer {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  readonly close: () => Promise<void>;
}

/**
 * @param network on the wall clock
 * @param port 0 picks a free one
 */
export function serveSimNetwork(network: SimNetwork, port = 0): Promise<SimServer> {
  const desk = new Desk(network);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    new Connection(desk, socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

/** What all connections share. */
class Desk {
  readonly network: SimNetwork;
  readonly faults: Faults;
  readonly #payers = new Map<string, FakePayer>();

  constructor(network: SimNetwork) {
    this.network = network;
    this.faults = new Faults(network);
  }

  port(node: string): SimNodePort {
    return new SimNodePort(this.network, this.network.node(node));
  }

  sender(node: string): SimSendPort {
    return new SimSendPort(this.network.node(node));
  }

  graph(node: string): SimGraphPort {
    return new SimGraphPort(this.network, this.network.node(node));
  }

  /** Starts a payment. @returns its index among the payer's payments */
  pay(name: string, payment: RemotePayRequest): number {
    const payer = this.#payer(name);
    payer.start(payRequestOf(payment));
    return payer.payments.length - 1;
  }

  payment(name: string, index: number): unknown {
    const record = this.#payer(name).payments[index];
    if (!record) throw new RangeError(`${name} has made no payment ${index}`);
    return plainJson(record);
  }

  invoice(
    name: string,
    amountMsat: Msat,
    hold: boolean,
  ): { readonly bolt11: string; readonly paymentHash: PaymentHash } {
    const now = Math.floor(this.network.clock.now() / 1000);
    const [preimage, paymentSecret] = [randomBytes(32), randomBytes(32)];
    const terms = { amountMsat, description: 'by a simulated node', now, preimage, paymentSecret, hold };
    return issueSimInvoice(this.network.node(name), terms);
  }

  #payer(name: string): FakePayer {
    const known = this.#payers.get(name);
    if (known) return known;
    const payer = new FakePayer(this.network, this.network.node(name));
    this.#payers.set(name, payer);
    return payer;
  }
}

function payRequestOf(payment: RemotePayRequest): PayRequest {
  const { invoice } = payment;
  return { ...payment, invoice: typeof invoice === 'string' ? unwrap(decodeInvoice(invoice)) : invoice };
}

/** One client: either asks and is answered, or is the stream of one node. */
class Connection {
  readonly #desk: Desk;
  readonly #socket: Socket;
  readonly #messages: ServedMessages;
  readonly #questions: ReleaseQuestions;
  #session: InterceptSession | undefined;

  constructor(desk: Desk, socket: Socket) {
    this.#desk = desk;
    this.#socket = socket;
    const line = { tell: (event: unknown) => this.#tell(event), end: () => socket.end() };
    this.#messages = new ServedMessages(line);
    this.#questions = new ReleaseQuestions(line);
    socket.setNoDelay(true);
    socket.on('close', () => {
      this.#session?.close();
      this.#messages.close();
      this.#questions.close();
    });
    readLines(socket, MAX_REQUEST_LENGTH, (line) => this.#receive(line));
  }

  #receive(line: unknown): boolean {
    const parsed = z.safeDecode(request, line as z.input<typeof request>);
    if (!parsed.success) return false;
    const message = parsed.data;
    if (message.verb === 'answer') {
      this.#session?.answer(message.key, message.answer);
      return true;
    }
    if (message.verb === 'release_path') {
      this.#questions.answered(message.question, message.path ?? undefined);
      return true;
    }
    this.#serve(message).then(
      (result) => writeLine(this.#socket, { id: message.id, result: result ?? null }),
      (thrown: unknown) => {
        writeLine(this.#socket, { id: message.id, error: thrown instanceof Error ? thrown.message : 'unknown error' });
      },
    );
    return true;
  }

  async #serve(message: Exclude<RemoteRequest, { verb: 'answer' | 'release_path' }>): Promise<unknown> {
    const desk = this.#desk;
    switch (message.verb) {
      case 'info':
        return this.#info(message.node);
      case 'channels':
        return z.encode(localChannels, [...(await desk.port(message.node).channels())]);
      case 'lookup':
        return (await desk.port(message.node).intercept?.lookupFinal(message.key)) ?? null;
      case 'open':
        return this.#open(message.node);
      case 'heartbeat':
        if (!this.#session) throw new Error('this connection is no stream');
        return this.#session.heartbeat();
      case 'nodes':
        return desk.network.nodes.map(({ name, nodeId, online, height }) =>
          plainJson({ name, nodeId, online, height }),
        );
      case 'pay':
        return desk.pay(message.payer, message.payment);
      case 'payment':
        return desk.payment(message.payer, message.index);
      case 'inject':
        inject(desk.faults, message.fault);
        return undefined;
      case 'observations':
        return plainJson(desk.network.observations());
      case 'invoice':
        return plainJson(desk.invoice(message.node, message.amountMsat, message.hold));
      case 'till': {
        const { till } = desk.network.node(message.node);
        return { isHeld: till.isHeld(message.paymentHash), isPaid: till.isPaid(message.paymentHash) };
      }
      case 'decide':
        desk.network.node(message.node).till[message.decision](message.paymentHash);
        return undefined;
      case 'balances':
        return z.encode(nodeBalances, await desk.sender(message.node).balances());
      case 'send':
        return this.#send(message.id, message.node, message.part);
      case 'look_up':
        return z.encode(lookUpAnswer, await desk.sender(message.node).lookUp({ ...message.part, siblings: [] }));
      case 'follow':
        return this.#follow(message.node);
      case 'open_messages':
        return this.#listen((port) => this.#messages.open(port.messages), message.node);
      case 'open_peer_messages':
        return this.#listen((port) => this.#messages.openPeers(port.peerMessages), message.node);
      case 'send_message':
        return this.#messages.send(message.peer, message.message);
      case 'send_peer_message':
        return this.#messages.sendToPeer(message.message);
      case 'dial':
        return this.#messages.dial(message.peer);
      case 'peel_own': {
        const opened = await desk.port(message.node).messages.peelOwn?.(message.message);
        return opened ? z.encode(peeled, opened) : null;
      }
      case 'relays':
        return z.encode(relayListJson, relayList(desk.network));
      case 'sign_message':
        return desk.port(message.node).signMessage(message.message);
    }
  }

  async #info(node: string): Promise<unknown> {
    const port = this.#desk.port(node);
    const info = z.encode(nodeInfo, await port.info());
    const returnsReleasePaths = port.intercept?.returnsReleasePaths ?? false;
    return { ...info, ...z.encode(nodeAbilities, { returnsReleasePaths }) };
  }

  /** A client that is gone by now needs no stream. */
  async #listen(open: (port: SimNodePort) => Promise<void>, node: string): Promise<void> {
    await open(this.#desk.port(node));
    if (this.#socket.destroyed) this.#messages.close();
  }

  async #send(id: number, node: string, part: OutgoingPart): Promise<unknown> {
    const accepted = (told?: PartTold): void =>
      writeLine(this.#socket, { id, accepted: true, ...(told && { told: z.encode(partTold, told) }) });
    return z.encode(partOutcome, await this.#desk.sender(node).send(part, accepted));
  }

  async #follow(node: string): Promise<void> {
    const followed = await this.#desk.graph(node).follow({
      onNews: (news) => this.#tell({ event: 'news', news: z.encode(graphNews, news) }),
      onLoaded: () => this.#tell({ event: 'loaded' }),
      onClosed: (reason) => {
        this.#tell({ event: 'closed', reason });
        this.#socket.end();
      },
    });
    this.#socket.on('close', () => followed.close());
    if (this.#socket.destroyed) followed.close();
  }

  async #open(node: string): Promise<void> {
    if (this.#session) throw new Error('this connection is a stream already');
    const { intercept } = this.#desk.port(node);
    if (!intercept) throw new Error(`${node} does not intercept`);
    const handlers: SimInterceptHandlers = {
      releasePathLater: (key) => this.#questions.ask(key),
      onHtlc: (htlc) => this.#tell({ event: 'htlc', htlc: z.encode(interceptedHtlc, htlc) }),
      onFinal: (result) => this.#tell({ event: 'final', result: z.encode(finalResult, result) }),
      onHeight: (height) => this.#tell({ event: 'height', height }),
      onClosed: (reason) => {
        this.#tell({ event: 'closed', reason });
        this.#socket.end();
      },
    };
    this.#session = await intercept.open(handlers);
    if (this.#socket.destroyed) this.#session.close();
  }

  #tell(event: unknown): void {
    writeLine(this.#socket, event);
  }
}
