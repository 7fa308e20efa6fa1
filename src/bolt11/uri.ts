/** `lightning:` links, as QR codes and web pages carry them. */

const SCHEME = /^lightning:(?:\/\/)?/i;

/** The text without surrounding blanks, a `lightning:` scheme in either case, and a query behind `?`. */
export function stripLightningUri(text: string): string {
  const trimmed = text.trim();
  const scheme = SCHEME.exec(trimmed)?.[0];
  if (scheme === undefined) return trimmed;
  const query = trimmed.indexOf('?');
  return trimmed.slice(scheme.length, query < 0 ? undefined : query);
}
