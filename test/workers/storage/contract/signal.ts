/** Something that happens once, and a promise to wait for it: what tests use in place of a pause. */
export interface Signal {
  given: Promise<undefined>;
  give: () => void;
}

export function signal(): Signal {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    given: promise,
    give: () => {
      resolve(undefined);
    },
  };
}
