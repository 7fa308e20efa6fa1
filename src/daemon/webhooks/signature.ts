/** Signatures of Standard Webhooks (standardwebhooks.com, version v1: HMAC-SHA256). */
import { createHmac } from 'node:crypto';

export interface SignedHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** The text of a secret as receivers' libraries expect it. */
export function secretText(secret: Uint8Array): string {
  return `whsec_${Buffer.from(secret).toString('base64')}`;
}

/** @param seconds when this attempt is made, Unix time */
export function signWebhook(secret: Uint8Array, id: string, seconds: number, body: string): SignedHeaders {
  const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` };
}
