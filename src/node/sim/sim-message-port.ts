/** The message port of a simulated node. See `messages/port.ts` for what it promises. */
import type {
  MessageHandlers,
  MessagePort,
  MessageSession,
  ReceivedAtNode,
  UnforwardedMessage,
} from '../../messages/port.js';
import type { OnionMessage } from '../../onion/message.js';
import type { SimNode } from './node.js';

export class SimMessagePort implements MessagePort {
  readonly #node: SimNode;

  constructor(node: SimNode) {
    this.#node = node;
  }

  async open(handlers: MessageHandlers): Promise<MessageSession> {
    return this.#node.messages.open(handlers);
  }

  async peelOwn(message: OnionMessage): Promise<UnforwardedMessage | ReceivedAtNode | undefined> {
    const { name, online, messages } = this.#node;
    if (!online) throw new Error(`${name} cannot be reached: start it`);
    return messages.peel(message);
  }
}
