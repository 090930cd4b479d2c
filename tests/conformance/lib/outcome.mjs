// What may come of a module besides passing.

// The provider may leave this out, and says in its metadata that it does.
export class Skipped extends Error {}

// Something that must be there first is not: an endpoint, an option of the command.
export class NotBuilt extends Error {}

export const skip = (reason) => {
  throw new Skipped(reason);
};

export const notBuilt = (what) => {
  throw new NotBuilt(what);
};
