/** Onion messages for wallets that sleep: what is kept, and how much of it. Kept by `daemon/offline/mailbox.ts`. */
export { MAILBOX_LIMITS, mailToDrop } from './limits.js';
export type { BoxLimits, MailboxLimits } from './limits.js';
export type { BoxView, ClaimedBox, IncomingMail, KeptMail, MailStore, MailTotals } from './store-port.js';
