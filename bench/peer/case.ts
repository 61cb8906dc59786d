/** A case of the comparison: what it is handed, and what it gives. */
import type { Bound, Conditions } from './bounds.ts';
import type { Measured } from './measured.ts';
import type { PeerOptions } from './options.ts';
import type { ServerKind } from './server.ts';

export interface CaseContext {
  readonly options: PeerOptions;
  /** Berth first. */
  readonly kinds: readonly ServerKind[];
  readonly workspace: string;
  readonly conditions: Conditions;
  /** One line for whoever watches. */
  readonly log: (line: string) => void;
}

export interface CaseResult {
  readonly measured: readonly Measured[];
  /** Of what is no rate. */
  readonly bounds: readonly Bound[];
}
