/** The message port of an LND, from 0.21 on. See `messages/port.ts` for what it promises. */
import type {
  MessageHandlers,
  MessagePort,
  MessageSession,
  ReceivedAtNode,
  UnforwardedMessage,
} from '../../../messages/port.js';
import type { OnionMessage } from '../../../onion/index.js';
import type { NodeId } from '../../../wire/units.js';
import type { LndClient, LndEndpoint } from '../client.js';
import { LndError } from '../errors.js';
import { nodeIdOf } from '../info.js';
import { getInfo } from '../rpc/node.js';
import { LndMessageSession } from './message-session.js';
import { Opener } from './opener.js';

export interface MessagePortOptions {
  readonly endpoint: LndEndpoint;
  /** For single questions. */
  readonly client: LndClient;
  /** The node that has to answer, once it is known. */
  readonly expected: () => NodeId | undefined;
  /**
   * The macaroon may grant `DeriveSharedKey`. Without it only what ends at the node itself is shown, without its path id, and
   * nothing that goes on to a virtual node or to a client.
   */
  readonly mayOpen: boolean;
  readonly onOpen?: () => void;
}

export class LndMessagePort implements MessagePort {
  readonly peelOwn?: (message: OnionMessage) => Promise<UnforwardedMessage | ReceivedAtNode | undefined>;
  readonly #options: MessagePortOptions;
  /** Open, or being opened. */
  #isTaken = false;
  #session: LndMessageSession | undefined;
  #isClosed = false;

  constructor(options: MessagePortOptions) {
    this.#options = options;
    if (options.mayOpen) this.peelOwn = (message) => this.#peel(message);
  }

  async open(handlers: MessageHandlers): Promise<MessageSession> {
    const { endpoint, expected, mayOpen, onOpen } = this.#options;
    if (this.#isTaken)
      throw new Error(`the messages of LND at ${endpoint.address} are heard already: close that session`);
    if (this.#isClosed) throw new LndError('ended', `LND at ${endpoint.address} is not used any more`);
    this.#isTaken = true;
    const session = await LndMessageSession.open({
      endpoint,
      expected: expected(),
      mayOpen,
      handlers,
      onOver: () => {
        this.#isTaken = false;
        this.#session = undefined;
      },
    });
    if (this.#wasClosed()) session.close();
    if (session.isOver) throw new LndError('ended', `LND at ${endpoint.address} was left while its stream opened`);
    this.#session = session;
    onOpen?.();
    return session;
  }

  async #peel(message: OnionMessage): Promise<UnforwardedMessage | ReceivedAtNode | undefined> {
    const { client } = this.#options;
    const nodeId = this.#options.expected() ?? nodeIdOf(await client.call(getInfo, {}), client.address);
    const opener = await Opener.at(client, nodeId);
    return opener?.peel(message);
  }

  #wasClosed(): boolean {
    return this.#isClosed;
  }

  /** What LND says when a session opens counts; before, what the macaroon says. */
  get showsForwards(): boolean {
    return this.#session ? this.#session.opens : this.#options.mayOpen;
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.#session?.close();
  }
}
