/** Newline-delimited JSON over a socket, in bounded memory. */
import type { Socket } from 'node:net';

/**
 * Calls `onLine` with each line's JSON value. A line that is too long or not JSON, and an `onLine` that says so, ends the
 * connection, and only that.
 * @param onLine returns false for a value that it cannot use
 */
export function readLines(socket: Socket, maxLength: number, onLine: (value: unknown) => boolean): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    if (socket.destroyed) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (rest.length > maxLength) {
      socket.destroy();
      return;
    }
    for (const line of lines) {
      const value = line.length > maxLength ? undefined : parse(line);
      if (value === undefined || !onLine(value)) {
        socket.destroy();
        return;
      }
    }
  });
}

/** Undefined where the text is not JSON. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

export function writeLine(socket: Socket, value: unknown): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(value)}\n`);
}
