/** Typed fields over raw records: one table for each of offer, request and invoice. */
import { Refusal } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import { refuseRecord } from './record.js';
import type { ValueKind } from './values.js';

interface Field<T> {
  readonly record: bigint;
  /** Its name in BOLT 12. */
  readonly name: string;
  readonly kind: ValueKind<T>;
}

type Fields<Values> = { readonly [Key in keyof Values]-?: Field<NonNullable<Values[Key]>> };

/** `[record, name, kind]` of each member of `Values`, all of which are optional. */
type Rows<Values> = {
  readonly [Key in keyof Values]-?: readonly [record: number, name: string, kind: ValueKind<NonNullable<Values[Key]>>];
};

export class FieldTable<Values extends object> {
  readonly #keyOf = new Map<bigint, keyof Values>();
  readonly fields: Fields<Values>;

  constructor(rows: Rows<Values>) {
    const fields: Partial<Record<keyof Values, unknown>> = {};
    for (const key of Object.keys(rows) as (keyof Values)[]) {
      const [record, name, kind] = rows[key];
      fields[key] = { record: BigInt(record), name, kind };
      this.#keyOf.set(BigInt(record), key);
    }
    this.fields = fields as Fields<Values>;
  }

  has(type: bigint): boolean {
    return this.#keyOf.has(type);
  }

  /** The records of this table as fields; others are passed over. @throws Refusal `<code>:<name>` */
  read(records: readonly TlvRecord[]): Partial<Values> {
    const values: Partial<Values> = {};
    for (const record of records) {
      const key = this.#keyOf.get(record.type);
      if (key !== undefined) values[key] = readValue(this.fields[key], record);
    }
    return values;
  }

  /** Records of the members that are present. @throws {RangeError} if a value cannot be written. */
  write(values: Partial<Values>): TlvRecord[] {
    return [...this.#keyOf].flatMap(([type, key]) => {
      const value = values[key];
      return value === undefined
        ? []
        : [{ type, value: this.fields[key].kind.write(value as NonNullable<typeof value>) }];
    });
  }

  /** Name and plain JSON of one record, or undefined if it is not in the table. @throws Refusal as {@link read} */
  json(record: TlvRecord): readonly [name: string, value: unknown] | undefined {
    const key = this.#keyOf.get(record.type);
    if (key === undefined) return undefined;
    const field = this.fields[key];
    return [field.name, field.kind.json(readValue(field, record))];
  }
}

function readValue<T>({ name, kind }: Field<T>, record: TlvRecord): T {
  try {
    return kind.read(record.value);
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return refuseRecord(record.type, `${thrown.code}:${name}`, `record ${record.type} (${name}): ${thrown.message}`);
  }
}
