/** Time stamps of notifications and the text that is signed. */
import { concat, utf8 } from '../../../wire/bytes.js';
import type { Millis } from '../../../wire/units.js';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/**
 * In the form `2023-05-04T10:52:58.395+00:00`: receivers built on LDK write the stamp anew when they verify, that way, and
 * without a fraction of zero. A stamp with one would not survive it, so a whole second is written a millisecond later.
 */
export function writeStamp(now: Millis): string {
  const time = now % 1_000 === 0 ? now + 1 : now;
  return new Date(time).toISOString().replace('Z', '+00:00');
}

/** Any RFC 3339 time; undefined if it is none. */
export function readStamp(text: string): Millis | undefined {
  const [, seconds, fraction = '.0', zone] = RFC_3339.exec(text) ?? [];
  if (seconds === undefined || zone === undefined) return undefined;
  const time = Date.parse(`${seconds}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(time) ? undefined : time;
}

/** The message under the signature: stamp and body exactly as they are sent. */
export function signedText(stamp: string, body: Uint8Array): Uint8Array {
  return concat(utf8(`LSPS5: DO NOT SIGN THIS MESSAGE MANUALLY: LSP: At ${stamp} I notify `), body);
}
