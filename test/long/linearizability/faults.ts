/** Ways in which a registry of tags stops being linearizable, each planted in a copy of the sources (docs/testing.md). */
import type { Alteration } from '../alteration.ts';

const REGISTRY = 'src/registry/registry.ts';
const CHANGES = 'src/objects/repository/manifest-changes.ts';

/**
 * Each copy's objects and store are further away, as on Cloudflare's network: most answers take some milliseconds, some
 * many more, and one may be overtaken by a later one. On one machine answers come at once and in their order, which hides
 * what relies on neither.
 */
const A_WHILE = 'scheduler.wait(Math.random() ** 3 * 300)';
export const DISTANCE: readonly Alteration[] = [
  {
    name: 'the distance to an object',
    file: 'src/observability/work.ts',
    keeps: '    const { result, work } = await pending;',
    breaks: `    const { result, work } = await pending;\n    await ${A_WHILE};`,
  },
  {
    name: 'the distance to the store',
    file: 'src/storage/metered.ts',
    keeps: 'counted(driver.head.bind(driver))',
    breaks: `counted((key: string) => ${A_WHILE}.then(() => driver.head(key)))`,
  },
];

export const FAULTS: readonly Alteration[] = [
  {
    name: 'a read is answered from memory for a while',
    file: REGISTRY,
    keeps: 'const manifestReads = new SharedReads<GetManifestResult | undefined>();',
    breaks: `const manifestReads = new (class extends SharedReads<GetManifestResult | undefined> {
      readonly kept = new Map<string, { at: number; value: GetManifestResult | undefined }>();
      override async read(...given: Parameters<SharedReads<GetManifestResult | undefined>['read']>) {
        const kept = this.kept.get(given[0]);
        if (kept !== undefined && Date.now() - kept.at < 200) return kept.value;
        const value = await super.read(...given);
        this.kept.set(given[0], { at: Date.now(), value });
        return value;
      }
    })();`,
  },
  {
    name: 'a condition is not looked at again after a wait',
    file: CHANGES,
    keeps: `      const refusal = this.refusal(manifest, target);
      if (refusal !== undefined) return refusal;
      presence.open(name);`,
    breaks: `      const refusal = bytes.byteLength > INLINE_MANIFEST_BYTES ? undefined : this.refusal(manifest, target);
      if (refusal !== undefined) return refusal;
      presence.open(name);`,
  },
  {
    name: 'If-Match of a delete is ignored',
    file: CHANGES,
    keeps: `      if (current === undefined) return { kind: 'unknown' };
      if (!preconditionsHold(preconditions, current)) return { kind: 'precondition-failed', current };
`,
    breaks: "      if (current === undefined) return { kind: 'unknown' };\n",
  },
  {
    name: 'a reader joins a read that had begun before he came',
    file: 'src/registry/shared-reads.ts',
    keeps: '    if (running === undefined) return this.#lead(key, start, hold);',
    breaks: '    if (key !== undefined) return running ?? this.#lead(key, start, hold);',
  },
  {
    name: 'a push is answered before its tag is moved',
    file: CHANGES,
    keeps: '      for (const tag of target.tags) manifests.setTag(tag, manifest.digest, now);',
    breaks: `      setTimeout(() => {
        for (const tag of target.tags) manifests.setTag(tag, manifest.digest, now);
      }, 100);`,
  },
];
