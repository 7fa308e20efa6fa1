/** Reads the channels out of a described graph one by one: on the main network that is one message of 100 megabytes. Pure. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type ChannelEdge, channelEdge } from '../rpc/channels.js';
import { EDGE_FIELD } from '../rpc/graph.js';

/**
 * Channels in the order of the message; nothing else of it is decoded.
 * @throws {Error} if the bytes are no such message
 */
export function* edgesOf(graph: Uint8Array): Generator<ChannelEdge> {
  const reader = new BinaryReader(graph);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === EDGE_FIELD && wireType === WireType.LengthDelimited) yield channelEdge.decode(reader.bytes());
    else reader.skip(wireType, number);
  }
}
