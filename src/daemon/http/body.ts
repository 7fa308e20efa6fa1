/** Reading what a client sent, within bounds. */
import { utf8Text } from '../../wire/bytes.js';
import { Problem } from './problems.js';

const MAX_BODY_BYTES = 64 * 1024;

/** @throws {Problem} if there is more than the limit */
export async function readBody(request: Request): Promise<Uint8Array> {
  const tooLarge = (): Problem =>
    new Problem(413, 'body_too_large', `a request body has at most ${MAX_BODY_BYTES} bytes`, {
      headers: { connection: 'close' },
    });
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Problem(400, 'body_incomplete', 'the connection broke while the body was read; send the request again');
    });
    if (done) break;
    length += value.length;
    if (length > MAX_BODY_BYTES) {
      reader.cancel().catch(() => undefined);
      throw tooLarge();
    }
    chunks.push(value);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

/** Undefined for an empty body. @throws {Problem} */
export function parseJson(body: Uint8Array, contentType: string | null): unknown {
  if (body.length === 0) return undefined;
  if (contentType !== null && !/^application\/([a-z0-9.+-]+\+)?json\b/i.test(contentType)) {
    throw new Problem(415, 'not_json', 'send the body as application/json');
  }
  const text = utf8Text(body);
  if (text === undefined) throw new Problem(400, 'malformed_json', 'the body is not valid UTF-8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // The engine's message may quote the body, which may hold a secret.
    const place = /position (\d+)/.exec((error as Error).message)?.[1];
    throw new Problem(
      400,
      'malformed_json',
      `the body is not valid JSON${place === undefined ? '' : ` (at character ${place})`}`,
    );
  }
}
