export type { EngineKind } from './columns.js';
export type { Hint } from './engine.js';
export {
  StoreBusy,
  StoreConflict,
  StoreDamaged,
  StoreDiskFull,
  StoreError,
  StoreMisconfigured,
  StoreSchemaTooNew,
  StoreUnavailable,
  StoreWrongDatabase,
} from './errors.js';
export type { EventFilter, Events, NewEvent, StoredEvent } from './events.js';
export type { Idempotency, IdempotencyClaim, IdempotencyOutcome, IdempotentRequest } from './idempotency.js';
export type {
  InternalHtlc,
  InternalHtlcEnd,
  InternalHtlcKey,
  InternalHtlcs,
  InternalPartName,
  NewInternalHtlc,
} from './internal-htlcs.js';
export type {
  InvoiceCursor,
  InvoiceQuery,
  InvoiceRecord,
  Invoices,
  InvoiceState,
  ListedInvoice,
  Payment,
  PaymentCursor,
  PaymentQuery,
} from './invoices.js';
export type { Meta } from './meta.js';
export type { OfferQuery, OfferRecord, Offers } from './offers.js';
export type { Payments } from './payments.js';
export { type LateStoreOptions, openStore, openStoreLate, type Store, type StoreOptions } from './store.js';
export type { ApiToken, Tokens } from './tokens.js';
export type { Delivery, DeliveryResult, Webhook, Webhooks } from './webhooks.js';
