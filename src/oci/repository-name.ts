/** Repository names (distribution-spec, "Pulling manifests": `<name>`). */

declare const brand: unique symbol;
export type RepositoryName = string & { readonly [brand]: 'RepositoryName' };

/** Many clients and hosts limit host and name together to 255 characters. */
const MAX_NAME_CHARACTERS = 255;
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const COMPONENT_FORM = new RegExp(`^${COMPONENT}$`);
const FORM = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);

export function parseRepositoryName(input: string): RepositoryName | undefined {
  return isRepositoryName(input) ? input : undefined;
}

function isRepositoryName(input: string): input is RepositoryName {
  return input.length <= MAX_NAME_CHARACTERS && FORM.test(input);
}

/** Whether it can stand between two slashes of a name. */
export function isNameComponent(text: string): boolean {
  return COMPONENT_FORM.test(text);
}
