/** Which releases of LND can be served, and what the older ones among them get wrong. */

export interface LndVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** @param text as GetInfo and GetVersion give it: `0.21.2-beta commit=v0.21.2-beta` */
export function parseVersion(text: string): LndVersion | undefined {
  const match = /^v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?![\d.])/.exec(text.trim());
  return match ? { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) } : undefined;
}

/** True if `version` is `minimum` or newer. */
function isAtLeast(version: LndVersion, [major, minor, patch]: readonly [number, number, number]): boolean {
  return (version.major - major || version.minor - minor || version.patch - patch) >= 0;
}

/** Fixes come to two release lines: true if `version` has one that appeared in both. */
function hasFix(version: LndVersion, inLine20: number, inLine21: number): boolean {
  return isAtLeast(version, [0, 21, 0]) ? isAtLeast(version, [0, 21, inLine21]) : isAtLeast(version, [0, 20, inLine20]);
}

/** Why a release does not let onion messages be heard and sent; undefined if it does. */
export function onionMessageProblem(text: string): { readonly reason: string; readonly fix: string } | undefined {
  const version = parseVersion(text);
  if (version && isAtLeast(version, [0, 21, 0])) return undefined;
  return {
    reason: `LND ${version ? text.replace(/ commit=.*$/s, '') : `of version "${text}"`} has no onion messages of its own, which came with 0.21`,
    fix: 'upgrade LND to 0.21.2 or newer, and take protocol.custom-message=513, protocol.custom-nodeann=39 and protocol.custom-init=39 out of its lnd.conf if they are there: 0.21 does not start with them',
  };
}

const UPGRADE = 'upgrade LND to 0.21.2 or newer, or to 0.20.3 of that line';

export type VersionVerdict =
  | { readonly type: 'good' }
  /** It can be served, with a risk that a newer release does not have. */
  | { readonly type: 'old'; readonly reason: string; readonly fix: string }
  | { readonly type: 'refused'; readonly reason: string; readonly fix: string };

export function judgeVersion(text: string): VersionVerdict {
  const version = parseVersion(text);
  if (!version) {
    return { type: 'refused', reason: `LND calls its version "${text}", which cannot be read`, fix: UPGRADE };
  }
  if (!isAtLeast(version, [0, 18, 4])) {
    return {
      type: 'refused',
      reason: `LND ${text} is older than 0.18.4, whose interceptor is the first that can be relied on`,
      fix: UPGRADE,
    };
  }
  if (!hasFix(version, 2, 1)) {
    return {
      type: 'old',
      reason: `LND ${text} may not offer an HTLC again when its channel is closed, so that a settled payment is lost on chain (lnd#10892)`,
      fix: UPGRADE,
    };
  }
  if (!hasFix(version, 3, 2)) {
    return {
      type: 'old',
      reason: `LND ${text} does not check how far in the future an intercepted HTLC expires (lnd#11028)`,
      fix: UPGRADE,
    };
  }
  return { type: 'good' };
}
