/** Which line of a TOML text a key stands on, so that an error can name it. */

const BARE_OR_QUOTED = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*/y;

/** `a."b c".d` → its parts; stops at the first character that cannot belong to a key. */
function keyParts(text: string): { readonly parts: string[]; readonly end: number } {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    BARE_OR_QUOTED.lastIndex = at;
    const found = BARE_OR_QUOTED.exec(text);
    if (!found) return { parts, end: at };
    parts.push(found[1] ?? found[2] ?? found[3]!);
    at = BARE_OR_QUOTED.lastIndex;
    if (text[at] !== '.') return { parts, end: at };
    at += 1;
  }
}

type Path = readonly (string | number)[];

/** Lines (from 1) of tables and keys by path. The text must be valid TOML. */
export class KeyLines {
  readonly #lines = new Map<string, number>();

  constructor(toml: string) {
    const counts = new Map<string, number>();
    let table: (string | number)[] = [];
    let closing: string | undefined;
    toml.split('\n').forEach((line, index) => {
      if (closing !== undefined) {
        if (line.includes(closing)) closing = undefined;
        return;
      }
      const text = line.trim();
      if (text.startsWith('[')) {
        table = this.#header(text, counts);
        this.#note(table, index + 1);
        return;
      }
      const { parts, end } = keyParts(text);
      if (parts.length === 0 || text[end] !== '=') return;
      parts.forEach((_, i) => {
        this.#note([...table, ...parts.slice(0, i + 1)], index + 1);
      });
      closing = openString(text.slice(end + 1));
    });
  }

  /** The line of the path, or of the nearest table around it. */
  lineOf(path: Path): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(pathKey(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  }

  #header(text: string, counts: Map<string, number>): (string | number)[] {
    const isArray = text.startsWith('[[');
    const { parts } = keyParts(text.slice(isArray ? 2 : 1));
    const path = this.#withIndexes(parts.slice(0, isArray ? -1 : undefined), counts);
    if (!isArray) return path;
    path.push(parts.at(-1) ?? '');
    const count = counts.get(pathKey(path)) ?? 0;
    counts.set(pathKey(path), count + 1);
    if (count === 0) this.#note(path, 0);
    return [...path, count];
  }

  /** A table below an array of tables belongs to its last element. */
  #withIndexes(parts: readonly string[], counts: ReadonlyMap<string, number>): (string | number)[] {
    const path: (string | number)[] = [];
    for (const part of parts) {
      path.push(part);
      const count = counts.get(pathKey(path));
      if (count !== undefined) path.push(count - 1);
    }
    return path;
  }

  #note(path: Path, line: number): void {
    const key = pathKey(path);
    if (line > 0 && !this.#lines.has(key)) this.#lines.set(key, line);
  }
}

/** The mark that ends a multi-line string begun here; undefined if none stays open. */
function openString(value: string): string | undefined {
  for (const mark of ['"""', "'''"]) {
    const first = value.indexOf(mark);
    if (first >= 0 && value.indexOf(mark, first + 3) < 0) return mark;
  }
  return undefined;
}

function pathKey(path: Path): string {
  return JSON.stringify(path);
}
