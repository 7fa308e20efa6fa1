/** Numbers of LSPS5 (bLIP-55), and those that bLIP-55 leaves to the LSP. */

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** UTF-8. */
export const MAX_APP_NAME_BYTES = 64;
/** ASCII. */
export const MAX_WEBHOOK_CHARS = 1_024;

export interface WakeLimits {
  /** Webhooks of one client. */
  readonly maxWebhooks: number;
  /** Between two notifications of one client that stays away, whatever they say. */
  readonly cooldownMs: number;
  /** The cool-down ends early when the client comes or goes, at most this often. */
  readonly resetEveryMs: number;
  /** Webhooks of clients without channels that are not used so long are forgotten. */
  readonly unusedMs: number;
  /** But not before this time after the last channel. bLIP-55: 7 days at least. */
  readonly retentionMs: number;
  /** Clients with webhooks and without channels, over all of one node. */
  readonly maxStrangers: number;
}

export const WAKE_LIMITS: WakeLimits = {
  maxWebhooks: 10,
  cooldownMs: MINUTE,
  resetEveryMs: 100,
  unusedMs: 30 * DAY,
  retentionMs: 7 * DAY,
  maxStrangers: 10_000,
};
