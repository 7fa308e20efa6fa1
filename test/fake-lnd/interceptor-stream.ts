/** `HtlcInterceptor` of a fake LND: offers out, replies in, and the end of the stream on every reply that LND refuses. */
import { status } from '@grpc/grpc-js';
import { sha256 } from '../../src/crypto/index.js';
import type { InterceptRequest } from '../../src/node/lnd/rpc/intercept.js';
import { InterceptAction } from '../../src/node/lnd/rpc/intercept.js';
import { type Interceptor, NOT_HELD } from '../../src/node/sim/interceptor.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import { encodeFailureMessage } from '../../src/onion/failure-message.js';
import type { HtlcAnswer, HtlcKey, InterceptedHtlc, InterceptSession } from '../../src/receive/node-port.js';
import { scidParts } from '../../src/wire/scid.js';
import { offer, type Reply } from './messages.js';
import { type In, type Out, type Outgoing, RpcError } from './rpc-server.js';

/** LND's own numbering of the failures that a reply may ask for, and what they are in BOLT 4. */
const FAILURES = new Map<number, number>([
  [0, FailureCode.temporaryChannelFailure],
  [8, FailureCode.invalidOnionVersion],
  [9, FailureCode.invalidOnionHmac],
  [10, FailureCode.invalidOnionKey],
  [15, FailureCode.temporaryChannelFailure],
]);
const FAILURE_MESSAGE_LENGTH = 292;
const PREIMAGE_LENGTH = 32;

export interface StreamHost {
  readonly nodeId: Uint8Array;
  readonly interceptor: Interceptor;
  readonly onChainDeadline: 'expiry' | 'zero';
  /** Every offer is written so many times. */
  copies(): number;
  /** Something to write before the next offer, in place of sense. */
  garbage(): Uint8Array | undefined;
}

export class InterceptorStream {
  readonly #host: StreamHost;
  readonly #out: Out<InterceptRequest>;
  readonly #onions = new Map<string, Uint8Array>();
  /** What waits while the client does not read: LND sends and resolves on one goroutine. */
  readonly #waiting: (() => void)[] = [];
  #session: InterceptSession | undefined;
  /** Why the stream ends, as soon as the replies before are carried out. */
  #refusal: RpcError | undefined;
  #blocked = false;
  #ended = false;
  replies = 0;

  /** @throws {RpcError} if somebody else intercepts */
  constructor(host: StreamHost, incoming: In<Reply>, out: Out<InterceptRequest>) {
    this.#host = host;
    this.#out = out;
    try {
      this.#session = host.interceptor.open({
        onHtlc: (htlc) => {
          this.#inOrder(() => {
            this.#offer(htlc);
          });
        },
        onFinal: () => undefined,
        onHeight: () => undefined,
        onClosed: (reason) => {
          this.#end(this.#refusal ?? new RpcError(wordsOf(reason)));
        },
      });
    } catch (thrown) {
      throw new RpcError(thrown instanceof Error ? thrown.message : 'cannot intercept');
    }
    out.onGone(() => {
      this.#end(undefined);
    });
    out.onDrain(() => {
      this.#unblock();
    });
    incoming.onEnd(() => {
      this.#end(new RpcError('EOF'));
    });
    incoming.onMessage((reply) => {
      this.#inOrder(() => {
        this.#receive(reply);
      });
    });
  }

  /** The client does not read: the node forwards and settles nothing. */
  get isBlocked(): boolean {
    return this.#blocked && !this.#ended;
  }

  get isOver(): boolean {
    return this.#ended;
  }

  #inOrder(task: () => void): void {
    if (this.#blocked) this.#waiting.push(task);
    else if (!this.#ended) task();
  }

  #unblock(): void {
    this.#blocked = false;
    for (;;) {
      const task = this.#isStopped() ? undefined : this.#waiting.shift();
      if (!task) return;
      task();
    }
  }

  #isStopped(): boolean {
    return this.#blocked || this.#ended;
  }

  #end(error: RpcError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#out.end(error);
    this.#session?.close();
  }

  #offer(htlc: InterceptedHtlc): void {
    this.#onions.set(keyText(htlc.key), htlc.onion);
    const garbage = this.#host.garbage();
    if (garbage) this.#write(garbage);
    for (let i = 0; i < this.#host.copies(); i++) this.#write(this.#requestOf(htlc));
  }

  #write(message: Outgoing<InterceptRequest>): void {
    if (!this.#out.write(message)) this.#blocked = true;
  }

  #requestOf(htlc: InterceptedHtlc): Uint8Array {
    const { channelId, htlcId } = htlc.key;
    return offer.encode({
      incomingCircuitKey: { chanId: channelId, htlcId },
      paymentHash: htlc.paymentHash,
      outgoingAmountMsat: htlc.outgoingAmountMsat,
      outgoingExpiry: htlc.outgoingExpiry,
      incomingAmountMsat: htlc.incomingAmountMsat,
      incomingExpiry: htlc.incomingExpiry,
      outgoingRequestedChanId: htlc.outgoingScid,
      onionBlob: htlc.onion,
      autoFailHeight: htlc.onChain && this.#host.onChainDeadline === 'zero' ? 0 : htlc.deadline,
      // Peers of today signal accountability with every HTLC.
      inWireCustomRecords: new Map([
        [106_823n, Uint8Array.of(7)],
        ...(htlc.wireRecords ?? []).map(({ type, value }): [bigint, Uint8Array] => [type, value]),
      ]),
      ...(htlc.outgoingNodeId && { outgoingRequestedNodeId: htlc.outgoingNodeId }),
    });
  }

  #receive(reply: Reply): void {
    if (this.#refusal) return;
    this.replies += 1;
    try {
      this.#resolve(reply);
    } catch (thrown) {
      this.#refusal = thrown instanceof RpcError ? thrown : new RpcError(String(thrown));
      this.#host.interceptor.session?.endInOrder(this.#refusal.details);
    }
  }

  #resolve(reply: Reply): void {
    if (!reply.incomingCircuitKey) {
      throw invalid('CircuitKey missing from ForwardHtlcInterceptResponse');
    }
    const { chanId, htlcId } = reply.incomingCircuitKey;
    const key: HtlcKey = { nodeId: this.#host.nodeId, channelId: chanId, htlcId };
    const outcome = this.#session?.answer(key, this.#answerOf(reply, key));
    if (outcome === 'unknown') throw new RpcError(`${NOT_HELD}: ${circuitText(key)}`);
  }

  /** Checks in LND's order. */
  #answerOf(reply: Reply, key: HtlcKey): HtlcAnswer {
    switch (reply.action) {
      case InterceptAction.settle:
        return settleOf(reply);
      case InterceptAction.fail:
        return this.#failOf(reply, key);
      case InterceptAction.resume:
        return { action: 'resume' };
      case InterceptAction.resumeModified:
        throw new RpcError('the fake does not modify what it forwards', status.UNIMPLEMENTED);
      default:
        throw invalid(`unrecognized resolve action ${reply.action}`);
    }
  }

  #failOf({ failureMessage, failureCode }: Reply, key: HtlcKey): HtlcAnswer {
    if (failureMessage) {
      if (failureCode !== 0) throw invalid('failure message and failure code are mutually exclusive');
      if (failureMessage.length !== FAILURE_MESSAGE_LENGTH) throw invalid('failure message length invalid');
      return { action: 'fail-as-phantom', packet: failureMessage };
    }
    const code = FAILURES.get(failureCode);
    if (code === undefined) throw invalid(`unsupported failure code: ${failureCode}`);
    const fields =
      code === FailureCode.temporaryChannelFailure
        ? { channelUpdate: new Uint8Array() }
        : { sha256OfOnion: sha256(this.#onions.get(keyText(key)) ?? new Uint8Array()) };
    return { action: 'fail-as-node', message: encodeFailureMessage(code, fields) };
  }
}

function settleOf({ preimage }: Reply): HtlcAnswer {
  if (!preimage) throw new RpcError('missing preimage');
  if (preimage.length !== PREIMAGE_LENGTH) {
    throw new RpcError(`invalid preimage length of ${preimage.length}, want ${PREIMAGE_LENGTH}`);
  }
  return { action: 'settle', preimage };
}

function invalid(details: string): RpcError {
  return new RpcError(details, status.INVALID_ARGUMENT);
}

const keyText = ({ channelId, htlcId }: HtlcKey): string => `${channelId}/${htlcId}`;

function circuitText({ channelId, htlcId }: HtlcKey): string {
  const { block, txIndex, output } = scidParts(channelId);
  return `(Chan ID=${block}:${txIndex}:${output}, HTLC ID=${htlcId})`;
}

/** The simulated node's reasons in LND's words. */
function wordsOf(reason: string): string {
  if (reason.startsWith('preimage')) return 'preimage does not match hash';
  if (reason.startsWith('resume')) return 'cannot resume held htlc in the on-chain flow';
  if (reason.includes('on chain')) return 'cannot fail held htlc in the on-chain flow';
  return reason;
}
