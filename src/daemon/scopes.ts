/** What a token may be allowed to do. */
export const SCOPES = [
  'invoices:read',
  'invoices:write',
  'payments:read',
  'payments:write',
  'events:read',
  'nodes:read',
  'hints:write',
  'tokens:write',
  'webhooks:write',
  'offline:write',
  'metrics:read',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];
