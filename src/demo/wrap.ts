/** Lines that fit the terminal. */

/** Narrower than this nothing is gained by breaking lines. */
const NARROWEST = 20;

/**
 * Breaks a text between words. Runs of blanks inside a line are kept, a word that is too long stays whole.
 * @param width characters per line; undefined: no limit
 */
export function wrapWords(text: string, width: number | undefined): string[] {
  if (width === undefined || width < NARROWEST || text.length <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const [word] of text.matchAll(/\s*\S+/g)) {
    if (line !== '' && line.length + word.length > width) {
      lines.push(line);
      line = word.trimStart();
    } else {
      line += word;
    }
  }
  return [...lines, line];
}
