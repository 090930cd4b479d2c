// How the authorization endpoint is asked to answer, for all that a module does: the
// modules of the Form Post plans are those of the plans without it.
import { AsyncLocalStorage } from 'node:async_hooks';

const asked = new AsyncLocalStorage();

// undefined: the response type's own, the query for `code`.
export const responseMode = () => asked.getStore();

export const inMode = (mode, { name, run, ...module }) => ({ name, ...module, run: (t) => asked.run(mode, () => run(t)) });
