// OAuth 2.0 Form Post Response Mode: each module of the basic plan, answered by a form
// that the browser posts to the relying party.
import { inMode } from '../lib/response_mode.mjs';
import { modules as basic } from './basic.mjs';

export const modules = basic.map((module) => inMode('form_post', module));
