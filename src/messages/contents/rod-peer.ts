/** Rod contents between direct peers: message 44203 carries the number of one in 4 bytes, then its value. */
import { concat } from '../../wire/bytes.js';
import { u32 } from '../../wire/integers.js';
import { ByteReader } from '../../wire/reader.js';
import { refusable, refuse, type Result, unwrap } from '../../wire/result.js';
import { type Content, type ContentOf, decodeContent, encodeContent } from './content.js';

export const ROD_PEER_MESSAGE_TYPE = 44203;

export type RodContent = ContentOf<
  'rod_hold_request' | 'rod_hold_response' | 'rod_notice' | 'rod_unblock' | 'rod_cancel' | 'rod_status'
>;

function isRod(content: Content): content is RodContent {
  return content.name.startsWith('rod_');
}

/** The payload of the peer message, without its type. @throws {RangeError} if a member does not fit its field. */
export function encodeRodPeerMessage(content: RodContent): Uint8Array {
  const { type, value } = encodeContent(content);
  return concat(u32(Number(type)), value);
}

/** Errors: `truncated`, `not_rod`, and those of `decodeContent`. */
export function decodeRodPeerMessage(payload: Uint8Array): Result<RodContent> {
  return refusable(() => {
    const reader = new ByteReader(payload);
    const content = unwrap(decodeContent({ type: BigInt(reader.u32()), value: reader.rest() }));
    return isRod(content) ? content : refuse('not_rod', `${content.name} is no content of rods`, 0);
  });
}
