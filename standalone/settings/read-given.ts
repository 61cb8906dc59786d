/** From what was given to what it stands for: the text of documents, and of files of secrets. */
import { readDocument } from './documents.ts';
import type { Gathered } from './gather.ts';
import { placeOf, type Given, type Problem } from './given.ts';
import { readSecretText } from './secret-text.ts';
import { settingNamed } from './table.ts';

export interface Read {
  /** As it was gathered, with each secret that came from a file of its own. */
  readonly given: ReadonlyMap<string, Given>;
  /** The Worker's settings, by the names that it knows. */
  readonly variables: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
}

export function readGiven({ given, outranked }: Gathered): Read {
  const problems: Problem[] = [...given.values(), ...outranked].flatMap(secretInOpenFile);
  const all = new Map(given);
  for (const one of given.values()) problems.push(...readSecret(one, all));
  const variables: Record<string, string> = {};
  for (const one of all.values()) {
    if (one.setting.reader !== 'worker') continue;
    if (one.setting.holds !== 'document') {
      variables[one.setting.variable] = one.text;
      continue;
    }
    const document = readDocument(one);
    if (document.kind === 'text') variables[one.setting.variable] = document.text;
    else problems.push(document.problem);
  }
  return { given: all, variables, problems };
}

const RANKS = ['flag', 'environment', 'file'];

/** `admin-password-file` makes an `admin-password` of what is in it, unless that was given by what outranks it. */
function readSecret(file: Given, all: Map<string, Given>): Problem[] {
  const secret = settingNamed(file.setting.fileOf ?? '');
  if (secret === undefined) return [];
  const other = all.get(secret.name);
  const rank = ({ origin }: Given): number => RANKS.indexOf(origin.kind);
  const path = placeOf(file.origin);
  if (other !== undefined && rank(other) === rank(file))
    return [{ path, message: `and ${placeOf(other.origin)} are both given. Give one of them.` }];
  if (other !== undefined && rank(other) < rank(file)) return [];
  const found = readSecretText(file.text);
  if (found.kind === 'refused') return [{ path, message: found.why }];
  all.set(secret.name, { setting: secret, text: found.text, origin: file.origin });
  return [];
}

function secretInOpenFile({ setting, origin }: Given): Problem[] {
  if (origin.kind !== 'file' || setting.isSecret !== true) return [];
  const file = readSecretText(origin.file);
  return file.kind === 'text' ? [] : [{ path: placeOf(origin), message: `is a secret, and ${file.why}` }];
}
