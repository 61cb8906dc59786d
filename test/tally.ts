/**
 * What a run of tests came to. Everything that keeps a test from saying "passed" is counted: a file that does not load
 * and a hook that throws are failures of their own, though no test is marked as failed then.
 */
import type { TestCase, TestModule, TestSuite } from 'vitest/node';

export interface Tally {
  passed: number;
  failed: number;
  /** Tests that did not run, with the reason that they or their file gave. */
  readonly skipped: { readonly name: string; readonly reason: string }[];
}

/** `byName`: the run was asked for some tests by name; all others are then left out without being counted. */
export function tallyOf(modules: readonly TestModule[], byName: boolean): Tally {
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  for (const module of modules) {
    tally.failed += module.errors().length;
    for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const result = test.result();
      const leftOut = byName && result.state === 'skipped' && result.note === undefined;
      if (!leftOut) count(test, module, tally);
    }
  }
  return tally;
}

function count(test: TestCase, module: TestModule, tally: Tally): void {
  const result = test.result();
  if (result.state === 'passed') tally.passed += 1;
  else if (result.state === 'failed') tally.failed += 1;
  else {
    const note = result.state === 'skipped' ? result.note : 'it had not ended when the run did';
    tally.skipped.push({ name: nameOf(test, module), reason: note ?? reasonOf(test, module) });
  }
}

function nameOf(test: TestCase, module: TestModule): string {
  return `${module.relativeModuleId}: ${test.fullName}`;
}

/** Without a note, it was left out by a mark in the file, or by what went wrong around it. */
function reasonOf(test: TestCase, module: TestModule): string {
  if (test.options.mode === 'todo') return 'not written yet';
  if (module.errors().length > 0) return 'its file failed before it';
  for (let around: TestSuite | TestModule = test.parent; around.type === 'suite'; around = around.parent) {
    if (around.errors().length > 0) return 'a hook failed before it';
  }
  return 'marked as skipped, without a reason';
}
