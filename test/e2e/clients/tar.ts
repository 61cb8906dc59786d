/**
 * A writer of plain ustar archives (POSIX.1-1988): layers, docker archives and OCI archives are all
 * tar files, and writing them here keeps them the same byte for byte on every machine.
 */
const BLOCK_BYTES = 512;
const NAME_BYTES = 100;

export interface TarEntry {
  /** Path inside the archive, at most 100 bytes. A name that ends in `/` is a folder. */
  readonly name: string;
  readonly content?: Buffer;
}

/** Writes an archive in memory. Owner is root and every time is zero, so that equal entries give equal bytes. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { name, content = Buffer.alloc(0) } of entries) {
    blocks.push(header(name, content.length), content, padding(content.length));
  }
  // Two empty blocks end an archive.
  blocks.push(Buffer.alloc(2 * BLOCK_BYTES));
  return Buffer.concat(blocks);
}

function header(name: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES)
    throw new Error(`a tar entry's name holds ${String(NAME_BYTES)} bytes: ${name}`);
  const isFolder = name.endsWith('/');
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  block.write(isFolder ? '0000755\0' : '0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  // The checksum is summed with its own field read as spaces.
  block.write('        ', 148);
  block.write(isFolder ? '5' : '0', 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}
