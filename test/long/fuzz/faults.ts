/** Defects as they happen, each planted in a copy of the sources: the workload has to notice (docs/testing.md). */
import type { Alteration } from '../alteration.ts';

export const FAULTS: readonly Alteration[] = [
  {
    name: 'a list of tags leaves out a tag that begins like the one before',
    file: 'src/http/tags.ts',
    keeps: 'const { page, last } = cutPage(result.tags, size);',
    breaks: `const tags = result.tags.filter((tag, index) => index === 0 || !tag.startsWith(result.tags[index - 1] ?? ''));
  const { page, last } = cutPage(tags, size);`,
  },
  {
    name: 'a range of a blob ends one byte too early',
    file: 'src/oci/range.ts',
    keeps: "const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);",
    breaks: "const end = last === '' ? size - 1 : Math.min(Number(last), size - 2);",
  },
  {
    name: 'a tag that is deleted takes its manifest along',
    file: 'src/objects/repository/manifest-changes.ts',
    keeps: "if (reference.kind === 'tag') manifests.deleteTag(reference.tag);",
    breaks: "if (reference.kind === 'tag') manifests.delete(current);",
  },
  {
    name: 'a chunk that begins too late is appended all the same',
    file: 'src/objects/upload/upload.ts',
    keeps: 'if (start !== undefined && start !== session.committed) {',
    breaks: 'if (start !== undefined && start < session.committed) {',
  },
  {
    name: 'referrers are not filtered, but it is said that they were',
    file: 'src/http/referrers.ts',
    keeps: 'await registry.referrers(repository, subject, type, after);',
    breaks: 'await registry.referrers(repository, subject, undefined, after);',
  },
  {
    name: 'a percent sign that encodes nothing is too much for the decoder',
    file: 'src/http/context.ts',
    keeps: "return text.replace(/%3a/i, ':');",
    breaks: 'return decodeURIComponent(text);',
  },
  {
    name: 'a refusal shows where it was made',
    file: 'src/http/error-response.ts',
    keeps: 'const entry = detail === undefined ? { code, message } : { code, message, detail };',
    breaks: 'const entry = { code, message, detail: detail ?? known.stack };',
  },
];
