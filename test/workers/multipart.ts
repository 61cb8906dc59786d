/** Reads a `multipart/byteranges` body (RFC 9110 §14.6, RFC 2046 §5.1.1), strictly: one form, and nothing around it. */
import { Buffer } from 'node:buffer';

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Uint8Array;
}

const BOUNDARY = /^multipart\/byteranges; boundary=([0-9a-f]{60})$/;
const RANGE = /^bytes (\d+)-(\d+)\/\d+$/;
const END_OF_HEAD = '\r\n\r\n';

export function boundaryOf(response: Response): string {
  const [, boundary] = BOUNDARY.exec(response.headers.get('content-type') ?? '') ?? [];
  if (boundary === undefined) throw new Error(`no boundary in ${String(response.headers.get('content-type'))}`);
  return boundary;
}

/** The parts, each as long as its own `Content-Range` says. Throws for anything else. */
export async function partsOf(response: Response): Promise<readonly Part[]> {
  const boundary = boundaryOf(response);
  const body = Buffer.from(await response.arrayBuffer());
  const announced = Number(response.headers.get('content-length'));
  if (body.byteLength !== announced) throw new Error(`${String(body.byteLength)} bytes, not ${String(announced)}`);
  const parts: Part[] = [];
  let position = 0;
  const take = (text: string): void => {
    const found = body.toString('latin1', position, position + text.length);
    if (found !== text) throw new Error(`${JSON.stringify(found)} at ${String(position)}, not ${JSON.stringify(text)}`);
    position += text.length;
  };
  take(`--${boundary}`);
  while (body.toString('latin1', position, position + 2) !== '--') {
    take('\r\n');
    const end = body.indexOf(END_OF_HEAD, position);
    const head = body.toString('latin1', position, end).split('\r\n');
    const headers = new Map(head.map((line) => [line.split(': ')[0] ?? '', line.split(': ')[1] ?? '']));
    position = end + END_OF_HEAD.length;
    const [, first, last] = RANGE.exec(headers.get('Content-Range') ?? '') ?? [];
    const length = Number(last) - Number(first) + 1;
    parts.push({ headers, bytes: body.subarray(position, position + length) });
    position += length;
    take(`\r\n--${boundary}`);
  }
  take('--\r\n');
  if (position !== body.byteLength) throw new Error('something follows the last boundary');
  return parts;
}
