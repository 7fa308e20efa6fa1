/** Small checks that a value read from outside has the members that the program relies on. */
import { refuse } from './result.js';

/** Returns if the value is as it should be. @throws {Refusal} otherwise, with the path to what is wrong. */
export type Shape = (value: unknown, path: string) => void;

function rule(isGood: (value: unknown) => boolean, expected: string): Shape {
  return (value, path) => {
    if (!isGood(value)) refuse('bad_member', `${path} is not ${expected}`);
  };
}

export const amount = rule((value) => typeof value === 'bigint' && value >= 0n, 'an amount');
export const text = rule((value) => typeof value === 'string', 'text');
export const flag = rule((value) => typeof value === 'boolean', 'true or false');
export const count = rule((value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number');
/** Times may be "never". */
export const number = rule((value) => typeof value === 'number' && !Number.isNaN(value), 'a number');
export const anyNumber = rule((value) => typeof value === 'number', 'a number');
export const anything: Shape = () => undefined;
export const bytes = rule((value) => value instanceof Uint8Array, 'bytes');

export function bytesOf(length: number): Shape {
  return rule((value) => value instanceof Uint8Array && value.length === length, `${length} bytes`);
}

export function oneOf(...values: readonly (string | number | boolean)[]): Shape {
  return rule((value) => values.some((known) => known === value), `one of ${values.join(', ')}`);
}

export function both(...shapes: readonly Shape[]): Shape {
  return (value, path) => {
    for (const shape of shapes) shape(value, path);
  };
}

export function maybe(shape: Shape): Shape {
  return (value, path) => {
    if (value !== undefined) shape(value, path);
  };
}

export function listOf(shape: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) refuse('bad_member', `${path} is not a list`);
    for (const [i, member] of (value as unknown[]).entries()) shape(member, `${path}[${i}]`);
  };
}

/** Members beyond those named are let through: a newer version may have written them. */
export function record<T extends object>(members: { readonly [Name in keyof Required<T>]: Shape }): Shape {
  const shapes = Object.entries<Shape>(members);
  return (value, path) => {
    if (!isObject(value)) refuse('bad_member', `${path} is not an object`);
    for (const [name, shape] of shapes) shape(value[name], `${path}.${name}`);
  };
}

/** A record whose member `tag` says which other members it has. */
export function tagged(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  const known = new Map(Object.entries(shapes));
  return (value, path) => {
    const name = isObject(value) ? value[tag] : undefined;
    const shape = typeof name === 'string' ? known.get(name) : undefined;
    if (!shape) refuse('bad_member', `${path} has no known ${tag}`);
    shape(value, path);
  };
}

export function mapOf(shape: Shape): Shape {
  return (value, path) => {
    if (!isObject(value)) refuse('bad_member', `${path} is not an object`);
    for (const [name, member] of Object.entries(value)) shape(member, `${path}.${name}`);
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
