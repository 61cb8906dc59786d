/**
 * A body of the user's own: JSON whose strings may hold `{field}`, and nothing else. There are no expressions, loops or
 * conditions, so a template can say no more than an event does, and always ends.
 *
 * A string that is one placeholder becomes the field's value, null where the event has none; inside other text it is written
 * out, and nothing where the event has none. `{{` and `}}` are the braces themselves.
 */
import { parseJsonDocument } from '../oci/json-document.ts';
import { FIELD_NAMES, fieldOf, isFieldName, type FieldName } from './event-fields.ts';
import type { RegistryEvent } from './event.ts';

const LONGEST_TEMPLATE_CHARACTERS = 16_384;
const MAX_DEPTH = 16;
const LONGEST_ECHO = 60;
const PIECE = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g;

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/** Text, or the name of a field. */
type Piece = string | { readonly field: FieldName };
type Node =
  | { readonly kind: 'literal'; readonly value: Json }
  | { readonly kind: 'text'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, Node])[] };

export interface Template {
  readonly root: Node;
}

export type TemplateResult =
  { readonly ok: true; readonly template: Template } | { readonly ok: false; readonly message: string };

class Mistake extends Error {}

/** @param given the JSON text of the template, or its value */
export function parseTemplate(given: unknown): TemplateResult {
  try {
    const value = valueOf(given);
    if (JSON.stringify(value).length > LONGEST_TEMPLATE_CHARACTERS) {
      throw new Mistake(`may have ${String(LONGEST_TEMPLATE_CHARACTERS)} characters`);
    }
    return { ok: true, template: { root: nodeOf(value, 0) } };
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { ok: false, message: error.message };
  }
}

function valueOf(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  const document = parseJsonDocument(new TextEncoder().encode(given), MAX_DEPTH);
  if (!document.ok) throw new Mistake(document.message);
  return document.value;
}

function nodeOf(value: unknown, depth: number): Node {
  if (depth > MAX_DEPTH) throw new Mistake(`may be ${String(MAX_DEPTH)} levels deep`);
  if (typeof value === 'string') return textNode(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return { kind: 'literal', value };
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => nodeOf(item, depth + 1)) };
  if (typeof value === 'object') {
    const entries = Object.entries(value).map(([key, item]) => [key, nodeOf(item, depth + 1)] as const);
    return { kind: 'object', entries };
  }
  throw new Mistake('must be JSON');
}

function textNode(text: string): Node {
  const pieces = Array.from(text.matchAll(PIECE), ([piece, name]): Piece => {
    if (piece === '{{' || piece === '}}') return piece.charAt(0);
    if (piece === '{' || piece === '}')
      throw new Mistake(`has a single ${piece}; write ${piece}${piece} for the brace itself`);
    if (name === undefined) return piece;
    if (!isFieldName(name)) {
      throw new Mistake(`has no field {${name.slice(0, LONGEST_ECHO)}}; there are ${FIELD_NAMES.join(', ')}`);
    }
    return { field: name };
  });
  return pieces.every((piece) => typeof piece === 'string')
    ? { kind: 'literal', value: pieces.join('') }
    : { kind: 'text', pieces };
}

export function render({ root }: Template, event: RegistryEvent): Json {
  return rendered(root, event);
}

function rendered(node: Node, event: RegistryEvent): Json {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'list':
      return node.items.map((item) => rendered(item, event));
    case 'object':
      return Object.fromEntries(node.entries.map(([key, item]) => [key, rendered(item, event)]));
    case 'text': {
      const [only, ...more] = node.pieces;
      if (more.length === 0 && typeof only === 'object') return fieldOf(event, only.field) ?? null;
      return node.pieces
        .map((piece) => (typeof piece === 'string' ? piece : String(fieldOf(event, piece.field) ?? '')))
        .join('');
    }
  }
}
