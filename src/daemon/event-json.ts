/** Events as readers of the API see them, by stream or webhook. */
import type { StoredEvent } from '../store/index.js';
import { snakeCase } from './snake-case.js';

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
  'offline.held',
  'offline.resumed',
  'offline.failed',
  'offline.ended',
  'alarm',
] as const;

export function eventJson({ seq, type, paymentHash, createdAt, body }: StoredEvent): EventJson {
  const { type: _type, paymentHash: _hash, ...data } = body;
  return {
    id: seq.toString(),
    type,
    created_at: new Date(createdAt).toISOString(),
    ...(paymentHash !== undefined && paymentHash !== '' && { payment_hash: paymentHash }),
    data: snakeCase(withoutKeys(data)) as Record<string, unknown>,
  };
}

/** A part's key stands among the part's own fields. */
function withoutKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutKeys);
  if (typeof value !== 'object' || value === null) return value;
  const { key, ...fields } = value as Record<string, unknown>;
  const plain = Object.fromEntries(Object.entries(fields).map(([name, member]) => [name, withoutKeys(member)]));
  return key === undefined ? plain : { ...(key as object), ...plain };
}
