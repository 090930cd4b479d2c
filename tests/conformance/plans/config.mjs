// OpenID Connect Discovery 1.0: the metadata and the keys.
import { discoveryVerification } from '../lib/discovery.mjs';

export const modules = [{ name: 'oidcc-discovery-endpoint-verification', run: (t) => discoveryVerification(t) }];
