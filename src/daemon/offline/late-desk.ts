/** The desk of forwards for a receiver that is put together before what holds them. */
import type { BlindedPath } from '../../onion/index.js';
import type { ForwardDesk, ForwardStream } from '../../receive/forward-desk.js';
import type { FinalResult, HtlcKey, InterceptedHtlc } from '../../receive/node-port.js';
import type { BlockHeight } from '../../wire/units.js';

export class LateDesk implements ForwardDesk {
  readonly #desk: () => ForwardDesk;

  /** @param desk first asked when a node's stream opens */
  constructor(desk: () => ForwardDesk) {
    this.#desk = desk;
  }

  opened(stream: ForwardStream): void {
    this.#desk().opened(stream);
  }

  consult(htlc: InterceptedHtlc, stream: ForwardStream): 'resume' | 'hold' {
    return this.#desk().consult(htlc, stream);
  }

  final(result: FinalResult): void {
    this.#desk().final(result);
  }

  height(stream: ForwardStream, height: BlockHeight): void {
    this.#desk().height(stream, height);
  }

  closed(stream: ForwardStream): void {
    this.#desk().closed(stream);
  }

  releasePath(key: HtlcKey): BlindedPath | undefined {
    return this.#desk().releasePath?.(key);
  }
}
