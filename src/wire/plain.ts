/** Values with bigint and bytes as plain JSON and back, nothing lost: `{"$n":"12"}` is an integer, `{"$b":"0a"}` bytes. */
import { fromHex, toHex } from './bytes.js';
import { refuse } from './result.js';

export type Plain =
  null | boolean | number | string | readonly Plain[] | { readonly [member: string]: Plain | undefined };

const MAX_DEPTH = 32;
const MAX_DIGITS = 100;

/**
 * Members that are undefined are left out.
 * @throws {TypeError} for what is no plain data: functions, maps, dates.
 */
export function toPlain(value: unknown): Plain {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      // JSON knows neither infinity nor the sign of zero.
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $f: Object.is(value, -0) ? '-0' : `${value}` };
    case 'bigint':
      return { $n: value.toString() };
    case 'object':
      return value === null ? null : objectToPlain(value);
    default:
      throw new TypeError(`a value of type ${typeof value} cannot be kept`);
  }
}

function objectToPlain(value: object): Plain {
  if (value instanceof Uint8Array) return { $b: toHex(value) };
  if (Array.isArray(value)) return value.map(toPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('only plain objects can be kept');
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const plain = members.map(([name, member]): [string, Plain] => [name, toPlain(member)]);
  // Names that look like a tag must not become one.
  return plain.some(([name]) => name.startsWith('$')) ? { $o: plain } : Object.fromEntries(plain);
}

/** @throws {Refusal} for tags that are not made by {@link toPlain}. */
export function fromPlain(plain: unknown, depth = 0): unknown {
  if (typeof plain !== 'object' || plain === null) return plain;
  if (depth > MAX_DEPTH) refuse('too_deep', 'the document is nested too deep to be one of ours');
  if (Array.isArray(plain)) return plain.map((member) => fromPlain(member, depth + 1));
  const members: [string, unknown][] = Object.entries(plain);
  const [name, tagged] = members[0] ?? ['', undefined];
  if (!name.startsWith('$')) {
    return Object.fromEntries(members.map(([key, member]) => [key, fromPlain(member, depth + 1)]));
  }
  if (members.length !== 1) refuse('bad_tag', `a tagged value holds more than its tag ${name}`);
  return untag(name, tagged, depth);
}

const FLOATS: ReadonlyMap<unknown, number> = new Map([
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['NaN', NaN],
  ['-0', -0],
]);

function untag(name: string, tagged: unknown, depth: number): unknown {
  if (name === '$n' && typeof tagged === 'string' && tagged.length <= MAX_DIGITS && /^-?\d+$/.test(tagged)) {
    return BigInt(tagged);
  }
  if (name === '$b' && typeof tagged === 'string' && tagged.length % 2 === 0 && /^[\da-f]*$/.test(tagged)) {
    return fromHex(tagged);
  }
  if (name === '$f' && FLOATS.has(tagged)) return FLOATS.get(tagged);
  if (name === '$o' && Array.isArray(tagged) && tagged.every(isMember)) {
    return Object.fromEntries(tagged.map(([key, member]) => [key, fromPlain(member, depth + 1)]));
  }
  return refuse('bad_tag', `the value of the tag ${name} is damaged`);
}

function isMember(entry: unknown): entry is [string, unknown] {
  return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string';
}
