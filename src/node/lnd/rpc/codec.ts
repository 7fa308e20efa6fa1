/**
 * Protocol Buffers messages described in TypeScript: one line per field that we use, the message types follow from them.
 * Fields a message does not describe are skipped; absent ones read as their zero. The wire itself is `@bufbuild/protobuf`'s.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** How values of one type are read and written. */
export interface FieldType<T> {
  readonly wireType: WireType;
  read(reader: BinaryReader): T;
  write(writer: BinaryWriter, value: T): void;
}

/** A field of a message: its number and how it is filled. */
export interface Field<T> {
  readonly number: number;
  /** Value of a field that is absent. */
  zero(): T;
  /** @returns the value after one more occurrence on the wire */
  read(reader: BinaryReader, wireType: WireType, before: T): T;
  write(writer: BinaryWriter, value: T): void;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
type Values<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** What may be given for a message that is to be written: absent fields are left at their zero, at any depth. */
export type Draft<T> = { readonly [K in keyof T]?: DraftValue<T[K]> | undefined };
type DraftValue<T> = T extends Uint8Array | ReadonlyMap<unknown, unknown>
  ? T
  : T extends readonly (infer U)[]
    ? readonly DraftValue<U>[]
    : T extends object
      ? Draft<T>
      : T;

export interface MessageType<T extends object> {
  /** @throws {Error} if the bytes are no such message */
  decode(bytes: Uint8Array): T;
  encode(draft: Draft<T>): Uint8Array;
}

/** What a description of type `M` describes. */
export type Of<M> = M extends MessageType<infer T> ? T : never;

const type = <T>(
  wireType: WireType,
  read: (reader: BinaryReader) => T,
  write: (writer: BinaryWriter, value: T) => unknown,
): FieldType<T> => ({ wireType, read, write: (writer, value) => void write(writer, value) });

export const uint64 = type<bigint>(
  WireType.Varint,
  (reader) => BigInt(reader.uint64()),
  (writer, value) => writer.uint64(value),
);
export const int64 = type<bigint>(
  WireType.Varint,
  (reader) => BigInt(reader.int64()),
  (writer, value) => writer.int64(value),
);
export const uint32 = type<number>(
  WireType.Varint,
  (reader) => reader.uint32(),
  (writer, value) => writer.uint32(value),
);
/** Enumerations too. */
export const int32 = type<number>(
  WireType.Varint,
  (reader) => reader.int32(),
  (writer, value) => writer.int32(value),
);
export const bool = type<boolean>(
  WireType.Varint,
  (reader) => reader.bool(),
  (writer, value) => writer.bool(value),
);
export const string = type<string>(
  WireType.LengthDelimited,
  (reader) => reader.string(),
  (writer, value) => writer.string(value),
);
export const bytes = type<Uint8Array>(
  WireType.LengthDelimited,
  (reader) => reader.bytes(),
  (writer, value) => writer.bytes(value),
);

const ZEROS = new Map<FieldType<unknown>, unknown>([
  [uint64, 0n],
  [int64, 0n],
  [uint32, 0],
  [int32, 0],
  [bool, false],
  [string, ''],
  [bytes, new Uint8Array()],
]);

function isZero(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length === 0 : !value;
}

/** A scalar, its zero if absent. A zero is not written: proto3 does not tell it from an absent field. */
export function field<T>(number: number, of: FieldType<T>): Field<T> {
  const zero = ZEROS.get(of) as T;
  return {
    number,
    zero: () => zero,
    read: (reader) => of.read(reader),
    write(writer, value) {
      if (isZero(value)) return;
      writer.tag(number, of.wireType);
      of.write(writer, value);
    },
  };
}

/** A message inside a message, or one alternative of a oneof: undefined if absent. */
export function optional<T extends object>(number: number, of: MessageType<T>): Field<T | undefined> {
  return {
    number,
    zero: () => undefined,
    read: (reader) => of.decode(reader.bytes()),
    write(writer, value) {
      if (value !== undefined) writer.tag(number, WireType.LengthDelimited).bytes(of.encode(value));
    },
  };
}

/** Any number of messages. */
export function repeated<T extends object>(number: number, of: MessageType<T>): Field<readonly T[]> {
  return {
    number,
    zero: () => [],
    read: (reader, _wireType, before) => appended(before, of.decode(reader.bytes())),
    write(writer, values) {
      for (const value of values) writer.tag(number, WireType.LengthDelimited).bytes(of.encode(value));
    },
  };
}

/** Any number of scalars, packed or not. */
export function repeatedScalar<T>(number: number, of: FieldType<T>): Field<readonly T[]> {
  const isPackable = of.wireType !== WireType.LengthDelimited;
  return {
    number,
    zero: () => [],
    read(reader, wireType, before) {
      if (!isPackable || wireType !== WireType.LengthDelimited) return appended(before, of.read(reader));
      const end = reader.uint32() + reader.pos;
      let all = before;
      while (reader.pos < end) all = appended(all, of.read(reader));
      return all;
    },
    write(writer, values) {
      for (const value of values) {
        writer.tag(number, of.wireType);
        of.write(writer, value);
      }
    },
  };
}

/** A map; a key that comes twice has its last value. */
export function map<K, V>(number: number, key: FieldType<K>, value: FieldType<V>): Field<ReadonlyMap<K, V>> {
  const entry = message({ key: field(1, key), value: field(2, value) });
  return {
    number,
    zero: () => new Map(),
    read(reader, _wireType, before) {
      const one = entry.decode(reader.bytes());
      return (before as Map<K, V>).set(one.key, one.value);
    },
    write(writer, entries) {
      for (const [k, v] of entries) {
        const bytesOfEntry = entry.encode({ key: k, value: v } as Draft<{ key: K; value: V }>);
        writer.tag(number, WireType.LengthDelimited).bytes(bytesOfEntry);
      }
    },
  };
}

/** Lists and maps under construction are ours alone, so they grow in place: a peer decides how long they get. */
function appended<T>(before: readonly T[], value: T): readonly T[] {
  (before as T[]).push(value);
  return before;
}

/** Describes a message by its fields. */
export function message<F extends Record<string, Field<unknown>>>(fields: F): MessageType<Values<F>> {
  const entries = Object.entries(fields);
  const byNumber = new Map(entries.map(([name, one]) => [one.number, { name, one }]));
  return {
    decode(encoded) {
      const values: Record<string, unknown> = {};
      for (const [name, one] of entries) values[name] = one.zero();
      // A view of its own: slices of a Buffer would be Buffers.
      const reader = new BinaryReader(new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength));
      while (reader.pos < reader.len) {
        const [number, wireType] = reader.tag();
        const known = byNumber.get(number);
        if (known) values[known.name] = known.one.read(reader, wireType, values[known.name]);
        else reader.skip(wireType, number);
      }
      return values as Values<F>;
    },
    encode(draft) {
      const writer = new BinaryWriter();
      const given = draft as Readonly<Record<string, unknown>>;
      for (const [name, one] of entries) if (given[name] !== undefined) one.write(writer, given[name]);
      return writer.finish();
    },
  };
}
