/** A remote procedure: where it is and what goes in and out. Client and fake server are made of the same description. */
import type { MessageType } from './codec.js';

export interface Method<I extends object, O extends object> {
  /** `/package.Service/Name`, which is also what a macaroon grants. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly request: MessageType<I>;
  readonly response: MessageType<O>;
}

export interface UnaryMethod<I extends object, O extends object> extends Method<I, O> {
  readonly requestStream: false;
  readonly responseStream: false;
}

export interface ServerStreamMethod<I extends object, O extends object> extends Method<I, O> {
  readonly requestStream: false;
  readonly responseStream: true;
}

export interface BidiMethod<I extends object, O extends object> extends Method<I, O> {
  readonly requestStream: true;
  readonly responseStream: true;
}

export function unary<I extends object, O extends object>(
  path: string,
  request: MessageType<I>,
  response: MessageType<O>,
): UnaryMethod<I, O> {
  return { path, requestStream: false, responseStream: false, request, response };
}

export function serverStream<I extends object, O extends object>(
  path: string,
  request: MessageType<I>,
  response: MessageType<O>,
): ServerStreamMethod<I, O> {
  return { path, requestStream: false, responseStream: true, request, response };
}

export function bidi<I extends object, O extends object>(
  path: string,
  request: MessageType<I>,
  response: MessageType<O>,
): BidiMethod<I, O> {
  return { path, requestStream: true, responseStream: true, request, response };
}
