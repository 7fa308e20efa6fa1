/** What all commands share: options, where the configuration lies, printing. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Io, printable, writeJson, writeLine } from './io.js';

export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** For commands that talk to the daemon. */
export function withDaemon(command: Command): Command {
  return withJson(withConfig(command));
}

export function withConfig(command: Command): Command {
  return command.option(
    '-c, --config <file>',
    'configuration (default: $MANIFOLD_CONFIG, then ~/.manifold/manifold.toml)',
  );
}

export function configPath(io: Io, { config }: CommonOptions): string {
  return config ?? io.env['MANIFOLD_CONFIG'] ?? join(homedir(), '.manifold', 'manifold.toml');
}

/** The user said where it is; otherwise it may be missing. */
export function isConfigNamed(io: Io, { config }: CommonOptions): boolean {
  return config !== undefined || io.env['MANIFOLD_CONFIG'] !== undefined;
}

/** As JSON, or as lines for a person. */
export async function print(
  io: Io,
  options: CommonOptions,
  value: unknown,
  lines: () => readonly string[],
): Promise<void> {
  if (options.json) await writeJson(io, value);
  else for (const line of lines()) await writeLine(io, line);
}

/** Lines of names and values, aligned. Values that are absent are left out. */
export function table(rows: readonly (readonly [name: string, value: string | undefined])[]): string[] {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`);
}

/** Rows under headings. */
export function columns(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const clean = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, i) => Math.max(...clean.map((row) => row[i]!.length)));
  return clean.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

/** A value of an answer as text; empty if it is absent. */
export function textOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
