/** BOLT 4 lengths: of payloads, of their frames in a packet, of packets inside onion messages. */
import { frameLength, splitPrefixedPacket } from '../../src/onion/index.js';
import { concat } from '../../src/wire/bytes.js';
import { encodeBigSize } from '../../src/wire/integers.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refusable } from '../../src/wire/result.js';
import { has, hex, integer, number } from './members.js';
import { expectMembers, expectOutcome, expectSame, type Handler, type VectorCase } from './registry.js';

function runFrameLength(testCase: VectorCase): void {
  const length = number(testCase, 'payload_length');
  const read = expectOutcome(
    testCase,
    refusable(() => new ByteReader(hex(testCase, 'length_prefix')).bigSize()),
  );
  expectSame('payload_length', testCase['payload_length'], read);
  expectSame('frame_length', testCase['frame_length'], frameLength(length));
}

function runPayloadLength(testCase: VectorCase): void {
  const read = expectOutcome(
    testCase,
    refusable(() => new ByteReader(hex(testCase, 'hex')).bigSize()),
  );
  if (read === undefined) return;
  expectSame('payload_length', testCase['payload_length'], read);
  expectSame('total_length', testCase['total_length'], read + BigInt(encodeBigSize(read).length));
}

function runMessagePacket(testCase: VectorCase): void {
  const parts = expectOutcome(testCase, splitPrefixedPacket(hex(testCase, 'hex')));
  const stated = new ByteReader(hex(testCase, 'hex')).u16();
  expectSame('length', integer(testCase, 'length'), stated);
  if (!parts) return;
  const { version, publicKey, payloads, hmac, trailing } = parts;
  expectMembers('', testCase, { version, public_key: publicKey, payloads, hmac, trailing });
  const length = 66 + payloads.length;
  expectSame('length', stated, length);
  const again = concat(Uint8Array.of(length >> 8, length & 0xff, version), publicKey, payloads, hmac, trailing);
  expectSame('written again', testCase['hex'], again);
}

export const framingHandlers: Handler[] = [
  { name: 'frame length', matches: (c) => c.kind === 'hop_frame_length', run: runFrameLength },
  { name: 'payload length', matches: (c) => c.kind === 'payload_length' && has(c, 'hex'), run: runPayloadLength },
  {
    name: 'onion message framing',
    matches: (c) => c.kind === 'message_packet' && has(c, 'hex'),
    run: runMessagePacket,
  },
];
