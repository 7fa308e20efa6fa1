/** Reads files that a person names: never a device, a pipe or a folder, and never more than is wanted. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export interface SmallFile {
  /** Undefined if the file is longer than the limit. */
  readonly content: Uint8Array | undefined;
  /** Others than the owner may do something with it. */
  readonly isOpenToOthers: boolean;
}

/** Rejects with the error of the system, or with code `not_a_file`. */
export async function readSmallFile(path: string, limit: number): Promise<SmallFile> {
  // Opening a pipe would wait for its writer. One descriptor: what is checked is what is read.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw failure('EISDIR', 'it is a folder');
    if (!stats.isFile()) throw failure('not_a_file', 'it is not a regular file');
    const buffer = new Uint8Array(limit + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const content = length > limit ? undefined : buffer.slice(0, length);
    buffer.fill(0); // it may have held a secret
    return { content, isOpenToOthers: (stats.mode & 0o077) !== 0 };
  } finally {
    await file.close();
  }
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** What to tell about a seed file that is not its owner's alone. */
export function openToOthersWarning(path: string): string {
  return `${path} holds the seed and is open to other users of this machine; close it: chmod 600 ${path}`;
}
