/** A node without a network behind it: shows prepared HTLCs and notes when each was answered. */
import { ec } from '../crypto/index.js';
import type {
  FinalResult,
  HtlcAnswer,
  HtlcKey,
  InterceptedHtlc,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../receive/node-port.js';
import { bytes32 } from './fixtures.js';

export const BENCH_HEIGHT = 850_000;

export class LoopbackNode implements NodePort {
  readonly name: string;
  readonly kind = 'loopback';
  readonly nodeId: Uint8Array;
  readonly intercept: InterceptPort;
  onAnswer: (key: HtlcKey, answer: HtlcAnswer) => void = () => undefined;
  #handlers: InterceptHandlers | undefined;

  constructor(name: string) {
    this.name = name;
    this.nodeId = ec.publicKey(bytes32(`node ${name}`));
    this.intercept = {
      nodeFailureCodes: 'any',
      open: async (handlers) => {
        this.#handlers = handlers;
        return this.#session();
      },
      lookupFinal: async () => undefined,
    };
  }

  #session(): InterceptSession {
    return {
      answer: (key, answer) => {
        this.onAnswer(key, answer);
        return 'sent';
      },
      heartbeat: async () => BENCH_HEIGHT,
      close: () => {
        this.#handlers?.onClosed('closed');
        this.#handlers = undefined;
      },
    };
  }

  show(htlc: InterceptedHtlc): void {
    this.#handlers?.onHtlc(htlc);
  }

  finish(result: FinalResult): void {
    this.#handlers?.onFinal(result);
  }

  async info(): Promise<NodeInfo> {
    return {
      nodeId: this.nodeId,
      network: 'regtest',
      alias: this.name,
      version: 'loopback',
      height: BENCH_HEIGHT,
      synced: true,
    };
  }

  async channels(): Promise<readonly LocalChannel[]> {
    return [];
  }
}
