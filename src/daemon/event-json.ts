/** Events as readers of the API see them, by stream or webhook. */
import type { StoredEvent } from '../store/index.js';

export interface EventJson {
  /** Place in the sequence, decimal. */
  readonly id: string;
  readonly type: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly payment_hash?: string;
  readonly data: Record<string, unknown>;
}

export const EVENT_TYPES = [
  'invoice.accepted',
  'invoice.settled',
  'invoice.final',
  'invoice.canceled',
  'payment.failed',
  'sending.started',
  'sending.succeeded',
  'sending.failed',
  'sending.alarm',
  'alarm',
] as const;

export function eventJson({ seq, type, paymentHash, createdAt, body }: StoredEvent): EventJson {
  const { type: _type, paymentHash: _hash, ...data } = body;
  return {
    id: seq.toString(),
    type,
    created_at: new Date(createdAt).toISOString(),
    ...(paymentHash !== undefined && paymentHash !== '' && { payment_hash: paymentHash }),
    data: snakeCase(data) as Record<string, unknown>,
  };
}

/** Names as everywhere in the API. A part's key stands among the part's own fields. */
function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== 'object' || value === null) return value;
  const fields: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    if (name === 'key') fields.push(...Object.entries(snakeCase(member) as object));
    else fields.push([name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), snakeCase(member)]);
  }
  return Object.fromEntries(fields);
}
