/**
 * A wall around a process through which everything goes that it asks of the world: when its life is over, nothing is asked any
 * more and no answer arrives, while what it had asked before is carried out all the same. For whole daemons; the parts of a
 * receiver have walls of their own in `mortal.ts`.
 */
import type { Life } from './mortal.js';

export interface MembraneOptions {
  /** Told of every asynchronous call, before it is made (`before`) and when it has been carried out: places to die at. */
  readonly onCall?: (name: string, moment: 'before' | 'after') => void;
}

/** What the dead are told by calls that do not wait. */
const LAST_WORDS = new Map<PropertyKey, unknown>([
  ['answer', 'closed'],
  ['close', undefined],
]);
/** Asked of memory only: as harmless after death as before. */
const HARMLESS = new Set<PropertyKey>(['neighbours', 'endsOf', 'canDial', 'documents', 'onHint']);

const NEVER = new Promise<never>(() => undefined);

/** The same object for a process with this life. */
export function membrane<T extends object>(life: Life, target: T, options: MembraneOptions = {}): T {
  const seen = new WeakMap<object, object>();
  const outside = (value: unknown): unknown => {
    if (value instanceof Promise) return value;
    return isService(value) ? wall(value) : value;
  };
  const wall = (inner: object): object => {
    const known = seen.get(inner);
    if (known) return known;
    const methods = new Map<PropertyKey, unknown>();
    const proxy = new Proxy(inner, {
      get(_, name) {
        const known = methods.get(name);
        if (known) return known;
        const member: unknown = Reflect.get(inner, name, inner);
        if (typeof member !== 'function') return outside(member);
        const method = (...args: unknown[]): unknown => call(inner, name, member as Method, args);
        methods.set(name, method);
        return method;
      },
    });
    seen.set(inner, proxy);
    return proxy;
  };
  const call = (inner: object, name: PropertyKey, method: Method, args: unknown[]): unknown => {
    if (!life.over) options.onCall?.(String(name), 'before');
    if (life.over && !HARMLESS.has(name)) return LAST_WORDS.has(name) ? LAST_WORDS.get(name) : NEVER;
    const answer = method.apply(
      inner,
      args.map((arg) => inside(life, arg)),
    );
    if (!(answer instanceof Promise)) return outside(answer);
    return life.gate(async () => {
      const value: unknown = await answer;
      if (isSession(value)) {
        life.atEnd(() => value.close());
        if (life.over) value.close();
      }
      if (!life.over) options.onCall?.(String(name), 'after');
      return outside(value);
    });
  };
  return wall(target) as T;
}

type Method = (...args: unknown[]) => unknown;

/** What the world calls: without effect after the end. */
function inside(life: Life, value: unknown): unknown {
  const guarded =
    (method: Method, owner?: object): Method =>
    (...args) =>
      life.over ? undefined : method.apply(owner, args);
  if (typeof value === 'function') return guarded(value as Method);
  if (!isService(value)) return value;
  return new Proxy(value, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? guarded(member as Method, target) : member;
    },
  });
}

const DATA = [Array, Map, Set, Uint8Array, Date, Error];

/** Something with methods, as opposed to data. */
function isService(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || DATA.some((kind) => value instanceof kind)) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null) return true;
  return Object.values(value).some((member) => typeof member === 'function');
}

function isSession(value: unknown): value is { close(): void } {
  return isService(value) && typeof (value as { close?: unknown }).close === 'function';
}
