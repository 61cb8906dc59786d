/**
 * A campaign looks for what no table of cases holds: it makes up histories from a seed for as long as it may, and
 * throws at the first that ends wrongly. docs/testing.md records the full runs.
 */
export interface Campaign {
  /** As `--only` takes it: lower-case words joined by hyphens. */
  readonly name: string;
  /** Weight of its time among all campaigns. */
  readonly share: number;
  /** Not run among all, but where it is asked for by its name: it belongs to releases. */
  readonly onRequest?: boolean;
  /** Throws when something is wrong, with all that is needed to understand it. */
  run(context: CampaignContext): Promise<void>;
}

export interface CampaignContext {
  /** The only source of chance, so that the same seed makes up the same histories. An unsigned 32-bit number. */
  readonly seed: number;
  /** Milliseconds since 1970. Nothing new is begun after it, and what runs is brought to its end soon. */
  readonly deadline: number;
  /** One line for whoever watches, under the campaign's name. */
  readonly log: (line: string) => void;
}
