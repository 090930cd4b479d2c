// FAPI 2.0 Security Profile, each module with each way of authentication and of binding.
import { modules as authorization } from './fapi2_authorization.mjs';
import { modules as dpop } from './fapi2_dpop.mjs';
import { modules as token } from './fapi2_token.mjs';

export const modules = [...authorization, ...token, ...dpop];
