/**
 * Static invoice server (bolts#1149 as LDK ships it): keeps invoices of wallets that sleep and gives them to whoever asks for them
 * over the paths of their offers. Pure; carried out by `daemon/offline/static-invoices.ts`.
 */
export { answerRequest } from './answer.js';
export type { RequestAnswer } from './answer.js';
export { CLIENT_RATE, MOST_ANSWERS, MOST_RATES, OFFER_PATHS_LIFETIME, PATHS_REUSED } from './limits.js';
export { judgeServe } from './serve.js';
export type { ServeContext, ServeRefusal } from './serve.js';
export { areOurs, issuePaths, slotId, tagsOf } from './slot.js';
export type { InvoiceSlot, IssuedPaths, ServedInvoice } from './slot.js';
