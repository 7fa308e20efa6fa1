/** The tables as Kysely sees them. Column meanings are those of the types they carry; see `migrations.ts` for the rules. */
import type { ColumnType, GeneratedAlways, Kysely } from 'kysely';

/** Both engines return bigint and take either. */
type Integer = ColumnType<bigint, bigint | number, bigint | number>;
type OptionalInteger = ColumnType<bigint | null, bigint | number | null | undefined, bigint | number | null>;
type OptionalText = ColumnType<string | null, string | null | undefined, string | null>;

export interface LeaseTable {
  node_id: string;
  owner: string;
  epoch: Integer;
  expires_at: Integer;
  height: Integer;
}

export interface HtlcSetTable {
  id: string;
  payment_hash: string;
  payment_secret: string;
  total_msat: Integer;
  state: string;
  opened_at: Integer;
  decided_at: OptionalInteger;
  accepted_at: OptionalInteger;
  review_at: Integer;
  preimage: OptionalText;
  settled_msat: OptionalInteger;
  /** JSON. */
  offer: OptionalText;
}

export interface OfferTable {
  id: string;
  bolt12: string;
  nonce: string;
  epoch_id: string;
  reference: OptionalText;
  created_at: Integer;
  disabled_at: OptionalInteger;
}

export interface PartTable {
  node_id: string;
  channel_id: Integer;
  htlc_id: Integer;
  payment_hash: string;
  set_id: OptionalText;
  amount_msat: Integer;
  incoming_amount_msat: Integer;
  expiry: Integer;
  deadline: Integer;
  presented_epoch: Integer;
  first_seen_at: Integer;
  decision: string;
  fail_reason: OptionalText;
  /** Hex. */
  fail_message: OptionalText;
  decided_at: OptionalInteger;
  final: string;
}

export interface InvoiceTable {
  payment_hash: string;
  mode: string;
  wish: string;
  preimage: OptionalText;
  hold_ms: Integer;
  bolt11: OptionalText;
  amount_msat: OptionalInteger;
  description: OptionalText;
  description_hash: OptionalText;
  reference: OptionalText;
  /** JSON. */
  metadata: OptionalText;
  created_at: Integer;
  expires_at: OptionalInteger;
  epoch_id: OptionalText;
}

export interface EventTable {
  id: GeneratedAlways<bigint>;
  seq: OptionalInteger;
  type: string;
  payment_hash: OptionalText;
  created_at: Integer;
  /** JSON. */
  body: string;
}

export interface ApiTokenTable {
  /** SHA-256 of the token, hex: the token itself is never stored. */
  hash: string;
  id: string;
  name: string;
  /** JSON array of text. */
  scopes: string;
  created_at: Integer;
  revoked_at: OptionalInteger;
}

export interface IdempotencyTable {
  token_id: string;
  key: string;
  route: string;
  request_hash: string;
  claimed_at: Integer;
  claim: Integer;
  status_code: OptionalInteger;
  response_body: OptionalText;
  created_at: Integer;
}

export interface WebhookTable {
  id: string;
  url: string;
  secret_ref: string;
  /** JSON array of text; empty for all. */
  event_types: string;
  enabled: Integer;
  cursor_seq: Integer;
  created_at: Integer;
}

export interface DeliveryTable {
  webhook_id: string;
  seq: Integer;
  attempts: Integer;
  next_attempt_at: Integer;
  last_status: OptionalText;
  done_at: OptionalInteger;
}

export interface MetaTable {
  key: string;
  value: string;
}

export interface SchemaVersionTable {
  version: Integer;
  name: string;
  applied_at: Integer;
}

export interface PaymentTable {
  id: string;
  payment_hash: string;
  /** JSON. */
  request: string;
  /** JSON, without the parts. */
  state: string;
  phase: string;
  is_ended: Integer;
  holds_hash: Integer;
  /** Whoever drives it is asked to stop it. */
  stop_asked: Integer;
  version: Integer;
  owner: string;
  epoch: Integer;
  created_at: Integer;
  amount_msat: Integer;
  /** Of parts that have settled or may. */
  fee_msat: Integer;
}

export interface PaymentPartTable {
  payment_id: string;
  part_id: Integer;
  node_id: string;
  state: string;
  /** JSON. */
  body: string;
}

export interface SenderTable {
  owner: string;
  expires_at: Integer;
  is_gone: Integer;
}

export interface LessonTable {
  id: GeneratedAlways<bigint>;
  seq: OptionalInteger;
  owner: string;
  created_at: Integer;
  /** JSON. */
  body: string;
}

export interface KnowledgeTable {
  id: Integer;
  seq: Integer;
  /** JSON. */
  body: string;
  /** JSON: lessons behind `seq` that are in the body. */
  ahead: string;
}

export interface InternalHtlcTable {
  htlc_id: GeneratedAlways<bigint>;
  node_id: string;
  channel_id: Integer;
  payment_hash: string;
  part_id: Integer;
  sent_at: Integer;
  amount_msat: Integer;
  expiry: Integer;
  /** Hex. */
  onion: string;
  state: string;
  preimage: OptionalText;
  /** Hex. */
  packet: OptionalText;
  created_at: Integer;
  ended_at: OptionalInteger;
}

export interface WakeClientTable {
  node_id: string;
  client: string;
  connected_at: OptionalInteger;
  notified_at: OptionalInteger;
  reset_at: OptionalInteger;
  stranger_since: OptionalInteger;
  reviewed_at: Integer;
}

export interface WakeWebhookTable {
  node_id: string;
  client: string;
  app_name: string;
  url: string;
  set_at: Integer;
  used_at: Integer;
}

export interface WakeCallTable {
  node_id: string;
  client: string;
  app_name: string;
  method: string;
  /** JSON. */
  params: string;
  created_at: Integer;
  due_at: Integer;
  stale_at: Integer;
  attempts: Integer;
  claim: Integer;
  last_status: OptionalText;
}

export interface DocumentTable {
  kind: string;
  id: string;
  scope: string;
  version: Integer;
  due_at: OptionalInteger;
  is_open: Integer;
  created_at: Integer;
  updated_at: Integer;
  /** JSON. */
  body: string;
}

export interface MailboxTable {
  client: Integer;
  messages: Integer;
  bytes: Integer;
  oldest_at: Integer;
  claim: Integer;
  claimed_until: Integer;
}

export interface MailboxMessageTable {
  id: GeneratedAlways<bigint>;
  client: Integer;
  received_at: Integer;
  size: Integer;
  /** Base64. */
  body: string;
}

export interface Tables {
  lease: LeaseTable;
  htlc_set: HtlcSetTable;
  part: PartTable;
  invoice: InvoiceTable;
  event: EventTable;
  api_token: ApiTokenTable;
  idempotency: IdempotencyTable;
  webhook: WebhookTable;
  delivery: DeliveryTable;
  meta: MetaTable;
  payment: PaymentTable;
  payment_part: PaymentPartTable;
  sender: SenderTable;
  lesson: LessonTable;
  knowledge: KnowledgeTable;
  internal_htlc: InternalHtlcTable;
  wake_client: WakeClientTable;
  wake_webhook: WakeWebhookTable;
  wake_call: WakeCallTable;
  offer: OfferTable;
  document: DocumentTable;
  mailbox: MailboxTable;
  mailbox_message: MailboxMessageTable;
  schema_version: SchemaVersionTable;
}

/** The database itself or a transaction on it. */
export type Db = Kysely<Tables>;
