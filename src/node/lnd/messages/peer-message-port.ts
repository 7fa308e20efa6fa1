/** Messages of applications to and from direct peers of an LND: LSPS0 (37913), rod (44203). */
import type { PeerMessage, PeerMessagePort } from '../../../messages/port.js';
import type { Millis, NodeId } from '../../../wire/units.js';
import type { LndEndpoint } from '../client.js';
import { LndError } from '../errors.js';
import { sendCustomMessage, subscribeCustomMessages } from '../rpc/messages.js';
import { Streams } from './streams.js';
import { isCustomType } from './updates.js';

const SEND_MS: Millis = 10_000;
/** The type takes two bytes of a wire message. */
const MAX_PAYLOAD_LENGTH = 65_533;

type Handlers = Parameters<PeerMessagePort['open']>[0];
type Session = Awaited<ReturnType<PeerMessagePort['open']>>;

export interface PeerMessagePortOptions {
  readonly endpoint: LndEndpoint;
  readonly expected: () => NodeId | undefined;
}

export class LndPeerMessagePort implements PeerMessagePort {
  readonly #options: PeerMessagePortOptions;
  #streams: Streams | undefined;
  #isClosed = false;

  constructor(options: PeerMessagePortOptions) {
    this.#options = options;
  }

  /** Rejects where LND does not answer or its macaroon does not grant it, and while another session is open. */
  async open(handlers: Handlers): Promise<Session> {
    const { endpoint, expected } = this.#options;
    if (this.#streams)
      throw new Error(`peer messages of LND at ${endpoint.address} are heard already: close that session`);
    if (this.#isClosed) throw new LndError('ended', `LND at ${endpoint.address} is not used any more`);
    const streams = new Streams({
      endpoint,
      expected: expected(),
      onOver: () => {
        this.#streams = undefined;
      },
      onClosed: (reason) => {
        handlers.onClosed(reason);
      },
    });
    this.#streams = streams;
    await streams.open(async () => {
      streams.listen(subscribeCustomMessages, ({ peer, type, data }) => {
        if (isCustomType(type)) handlers.onMessage({ peer, type, payload: data });
      });
    });
    return {
      send: (message) => send(streams, message),
      close: () => {
        streams.close();
      },
    };
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.#streams?.close();
  }
}

async function send(
  streams: Streams,
  { peer, type, payload }: PeerMessage,
): Promise<'sent' | 'not_connected' | 'refused'> {
  if (streams.isOver || !isCustomType(type) || payload.length > MAX_PAYLOAD_LENGTH) return 'refused';
  try {
    await streams.client.call(sendCustomMessage, { peer, type, data: payload }, SEND_MS);
    return 'sent';
  } catch (error) {
    return error instanceof LndError && error.kind === 'not-found' ? 'not_connected' : 'refused';
  }
}
