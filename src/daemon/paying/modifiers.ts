/** The operator's own modifiers of payments: modules named in the configuration. */
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DEFAULT_MODIFIERS } from '../../send/payment/modifiers/default.js';
import type { Modifier } from '../../send/payment/stages.js';

const STAGES = ['prepare', 'plan', 'payload', 'send', 'outcome'] as const;

class ModifierFileError extends Error {
  override readonly name = 'ModifierFileError';
}

/**
 * The modifiers of an ordinary payment with the operator's behind them, in the order of the files.
 * @param files JavaScript modules that export `modifier`; relative names count from the folder of `configPath`
 * @throws {ModifierFileError} if a file cannot be loaded or exports no modifier
 */
export async function loadModifiers(files: readonly string[], configPath: string): Promise<readonly Modifier[]> {
  const own: Modifier[] = [];
  for (const file of files) own.push(await loadModifier(resolve(dirname(configPath), file)));
  return [...DEFAULT_MODIFIERS, ...own];
}

async function loadModifier(path: string): Promise<Modifier> {
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new ModifierFileError(`the modifier ${path} cannot be loaded: ${words}; mend it or take it out of [send]`);
  }
  const { modifier } = loaded;
  const fault = faultOf(modifier);
  if (fault) throw new ModifierFileError(`the modifier ${path} ${fault}; docs/sending.md shows one`);
  return modifier as Modifier;
}

function faultOf(modifier: unknown): string | undefined {
  if (typeof modifier !== 'object' || modifier === null) return 'exports nothing named "modifier"';
  const fields = modifier as Readonly<Record<string, unknown>>;
  if (typeof fields['name'] !== 'string' || fields['name'] === '') return 'has no name';
  const broken = STAGES.find((stage) => fields[stage] !== undefined && typeof fields[stage] !== 'function');
  if (broken) return `has a "${broken}" that is no function`;
  return STAGES.some((stage) => fields[stage] !== undefined) ? undefined : `takes part in none of ${STAGES.join(', ')}`;
}
