/** What a schema found wrong, in plain words that follow the name of the value: `must be a whole number`. */
import { z } from 'zod';

export function problemOf(issue: z.core.$ZodIssue): string {
  if ((issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.input === undefined)
    return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      // A schema's own words, where it has some.
      if (!issue.message.startsWith('Invalid input')) return issue.message;
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => `"${String(value)}"`).join(' or ')}`;
    case 'too_small':
      return tooSmall(issue);
    case 'too_big':
      return tooBig(issue);
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  int: 'a whole number',
  number: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a table',
};

function tooSmall({ origin, minimum }: z.core.$ZodIssueTooSmall): string {
  const one = Number(minimum) === 1;
  if (origin === 'array') return one ? 'needs at least one entry' : `needs at least ${minimum} entries`;
  if (origin === 'string') return one ? 'must not be empty' : `must have at least ${minimum} characters`;
  return `must be at least ${minimum}`;
}

function tooBig({ origin, maximum }: z.core.$ZodIssueTooBig): string {
  if (origin === 'array') return `must have at most ${maximum} entries`;
  if (origin === 'string') return `must have at most ${maximum} characters`;
  return `must be at most ${maximum}`;
}

/** The type behind default and optional. */
export function unwrapped(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap() as z.ZodType;
  return inner;
}

/** Valid keys of the table at a path, whose indexes are passed over. `input` is that table: its kind may decide. */
export function keysAt(root: z.ZodType, path: readonly (string | number)[], input?: unknown): readonly string[] {
  let schema = root;
  for (const step of path) {
    schema = unwrapped(schema);
    if (schema instanceof z.ZodArray) schema = schema.element as z.ZodType;
    else if (schema instanceof z.ZodObject)
      schema = (schema.shape as Record<string, z.ZodType>)[String(step)] ?? z.never();
    else return [];
  }
  schema = chosen(unwrapped(schema), input);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** The member of a union that accepts the input's discriminator. */
function chosen(schema: z.ZodType, input: unknown): z.ZodType {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const { discriminator } = schema.def;
  const value = (input as Record<string, unknown> | undefined)?.[discriminator];
  const option = schema.options.find(
    (one) =>
      one instanceof z.ZodObject &&
      (one.shape as Record<string, z.ZodType>)[discriminator]?.safeParse(value).success === true,
  );
  return (option as z.ZodType | undefined) ?? schema;
}
