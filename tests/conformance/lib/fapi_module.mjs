// A module of the FAPI plans: its test is given the client of the variant.
import { client, VARIANTS } from './fapi.mjs';

export const fapiModule = (suffix, run, { variants = VARIANTS, ...more } = {}) => ({
  name: `fapi2-security-profile-final-${suffix}`,
  variants,
  run: async (t) => run(t.op, await client(t.variant), t),
  ...more,
});
