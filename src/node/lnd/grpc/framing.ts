/** gRPC's messages in a stream of bytes: one byte of flags, four of length, then the message; cut anywhere by DATA frames. */
import { concat } from '../../../wire/bytes.js';

const PREFIX_LENGTH = 5;
const COMPRESSED = 1;
/** More than this is set aside only as it arrives: a length alone is no reason to take memory. */
const SET_ASIDE_BYTES = 64 * 1024;
const NOTHING = new Uint8Array();

export interface BadFraming {
  readonly type: 'bad';
  readonly detail: string;
}
export type Framed = { readonly type: 'message'; readonly bytes: Uint8Array } | { readonly type: 'more' } | BadFraming;

export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(PREFIX_LENGTH + message.length);
  asView(frame).setUint32(1, message.length);
  frame.set(message, PREFIX_LENGTH);
  return frame;
}

/** Give it bytes by {@link push}, then take messages by {@link next} until there is no more. */
export class MessageReader {
  readonly #maxBytes: number;
  #chunk: Uint8Array = NOTHING;
  readonly #prefix = new Uint8Array(PREFIX_LENGTH);
  #prefixLength = 0;
  /** What is there of the message whose prefix is complete; as long as the message once that is. */
  #body: Uint8Array = NOTHING;
  #bodyLength = 0;
  #bad: BadFraming | undefined;

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): void {
    this.#chunk = this.#chunk.length === 0 ? chunk : concat(this.#chunk, chunk);
  }

  /** A message is the caller's own: it keeps no part of a larger chunk alive. After 'bad' it stays bad. */
  next(): Framed {
    if (this.#bad) return this.#bad;
    if (this.#prefixLength < PREFIX_LENGTH) {
      const part = this.#take(PREFIX_LENGTH - this.#prefixLength);
      this.#prefix.set(part, this.#prefixLength);
      this.#prefixLength += part.length;
      if (this.#prefixLength < PREFIX_LENGTH) return { type: 'more' };
      this.#bad = this.#badPrefix();
      if (this.#bad) return this.#bad;
    }
    const length = this.#length;
    const part = this.#take(length - this.#bodyLength);
    this.#reserve(this.#bodyLength + part.length, length);
    this.#body.set(part, this.#bodyLength);
    this.#bodyLength += part.length;
    if (this.#bodyLength < length) return { type: 'more' };
    const bytes = this.#body;
    this.#prefixLength = 0;
    this.#body = NOTHING;
    this.#bodyLength = 0;
    return { type: 'message', bytes };
  }

  /** A message has begun and is not complete. */
  get isInside(): boolean {
    return this.#prefixLength > 0 || this.#chunk.length > 0;
  }

  get #length(): number {
    return asView(this.#prefix).getUint32(1);
  }

  #badPrefix(): BadFraming | undefined {
    const flags = this.#prefix[0]!;
    if (flags === COMPRESSED) return { type: 'bad', detail: 'a compressed message, though none was asked for' };
    if (flags !== 0) return { type: 'bad', detail: `a message with the unknown flags ${flags}` };
    if (this.#length <= this.#maxBytes) return undefined;
    return { type: 'bad', detail: `a message of ${this.#length} bytes, more than the ${this.#maxBytes} allowed` };
  }

  #take(length: number): Uint8Array {
    const part = this.#chunk.subarray(0, length);
    this.#chunk = part.length === this.#chunk.length ? NOTHING : this.#chunk.subarray(part.length);
    return part;
  }

  /** Grows by doubling, never beyond the message. */
  #reserve(needed: number, length: number): void {
    if (this.#body.length >= needed) return;
    const body = new Uint8Array(Math.min(length, Math.max(needed, 2 * this.#body.length, SET_ASIDE_BYTES)));
    body.set(this.#body.subarray(0, this.#bodyLength));
    this.#body = body;
  }
}

const asView = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);
