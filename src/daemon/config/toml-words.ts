/** What is wrong with a text that is no TOML, in plain words. */

/** By the parser's words; `line` is the line it stopped at. It is not repeated: it may hold a password. */
export function tomlProblem(message: string, line: string): string {
  const [first = ''] = message.split('\n');
  const words = first.replace(/^Invalid TOML document: /, '');
  const key = /^\s*([A-Za-z0-9_.-]+)\s*=/.exec(line)?.[1];
  const value = line.slice(line.indexOf('=') + 1).trim();
  if (key !== undefined && /^[A-Za-z0-9/:._~+@-]+\s*(#.*)?$/.test(value) && !IS_BARE.test(value))
    return `the value of ${key} needs quotes: write texts as ${key} = "…"`;
  if (key !== undefined && (value === '' || value.startsWith('#'))) return `there is no value behind "${key} ="`;
  const known = KNOWN.find(([pattern]) => pattern.test(words))?.[1];
  return known ?? `this is not valid TOML: ${words}`;
}

/** Values that need no quotes, as far as they begin alike. */
const IS_BARE = /^(true|false|[+-]?\d[\d_]*)\s*(#.*)?$/;

const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/redefine an already defined/, 'this key or table was given before: keep one of them'],
  [/illegal character in key|end of key/, 'this is neither [table] nor key = value'],
  [/end of table array/, 'a list entry is written as [[name]], with two brackets on each side'],
  [/control characters|unfinished string/, 'a text is not closed: put a quote at its end'],
  [/followed by an end-of-line/, 'something stands behind the value: one key = value per line, comments begin with #'],
  [/escape/, "a backslash must be written twice, or the text in single quotes: '…'"],
  [/expected comma or end of structure/, 'a list or inline table is not closed, or lacks a comma'],
  [/leading zero/, 'a number must not begin with 0'],
  [/invalid value/, 'this value is not valid: texts stand in quotes, lists in [ ]'],
];
