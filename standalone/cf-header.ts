/**
 * Miniflare has workerd take `request.cf` from a header, `MF-CF-Blob`, which any client of a direct socket can send. That is
 * taken out of the configuration: workerd then says itself, in `request.cf.clientIp`, from which port of this machine a
 * connection came, and so the served port, which made the connection, knows whose request a log line is about (peers.ts).
 *
 * The configuration is a Cap'n Proto message (capnproto.org/encoding.html): a text is a list of bytes, and the pointer
 * to it is one word with the distance, the kind and the length. A pointer of zeros is an option that is not given.
 */
const HEADER = Buffer.from('MF-CF-Blob\0');
const WORD_BYTES = 8;
/** One pointer leads to each text. In the low half a list's pointer has its distance, in words, above these two bits. */
const LIST = 1;
const KIND_BITS = 2;
/** In its high half the number of elements above the three bits of their kind, which is bytes. */
const BYTES = 2;
const SIZE_BITS = 3;
const LENGTH_AND_SIZE = (HEADER.length << SIZE_BITS) | BYTES;

/** The same configuration without that header. */
export function withoutCfHeader(config: Buffer): Buffer {
  const changed = Buffer.from(config);
  for (let at = config.indexOf(HEADER); at >= 0; at = config.indexOf(HEADER, at + 1)) {
    // The text comes behind its pointer, as Miniflare writes it.
    for (let pointer = at - WORD_BYTES; pointer >= 0; pointer -= WORD_BYTES) {
      const low = config.readInt32LE(pointer);
      const leadsHere = pointer + WORD_BYTES + (low >> KIND_BITS) * WORD_BYTES === at;
      if ((low & 3) === LIST && leadsHere && config.readUInt32LE(pointer + 4) === LENGTH_AND_SIZE)
        changed.fill(0, pointer, pointer + WORD_BYTES);
    }
  }
  return changed;
}
