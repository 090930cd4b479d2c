// What a page of the sign-in needs a script for: passkeys (WebAuthn has no other way),
// and to look for itself whether the app has answered. The other methods need none.
(() => {
  'use strict';
  const REPEAT_MS = 3000;
  const TIMEOUT_MS = 300000;
  const ALGORITHMS = [-7, -8, -257]; // ES256, EdDSA, RS256

  const decode = (text) =>
    Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const encode = (buffer) => {
    let binary = '';
    for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
    return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  };

  const create = (data) =>
    navigator.credentials.create({
      publicKey: {
        challenge: decode(data.challenge),
        rp: { id: data.rpId, name: 'Tasuki' },
        user: { id: decode(data.user), name: data.userName, displayName: data.userName },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        attestation: 'none',
        timeout: TIMEOUT_MS,
      },
    });
  const get = (data) =>
    navigator.credentials.get({
      publicKey: {
        challenge: decode(data.challenge),
        rpId: data.rpId,
        allowCredentials: data.credential ? [{ type: 'public-key', id: decode(data.credential) }] : [],
        userVerification: 'required',
        timeout: TIMEOUT_MS,
      },
    });

  const fields = ({ rawId, response }) => ({
    credential: rawId,
    client_data: response.clientDataJSON,
    attestation: response.attestationObject,
    auth_data: response.authenticatorData,
    signature: response.signature,
    user_handle: response.userHandle,
  });

  const passkey = document.getElementById('passkey');
  if (passkey && window.PublicKeyCredential) {
    passkey.hidden = false;
    const none = document.getElementById('passkey-none');
    const failed = document.getElementById('passkey-failed');
    if (none) none.hidden = true;
    passkey.addEventListener('submit', async (event) => {
      event.preventDefault();
      failed.hidden = true;
      try {
        const { dataset } = passkey;
        const made = await (dataset.user ? create(dataset) : get(dataset));
        for (const [name, value] of Object.entries(fields(made))) {
          if (value) passkey.elements[name].value = encode(value);
        }
        passkey.submit(); // does not come back here
      } catch {
        failed.hidden = false; // cancelled, or there is none: the person decides
      }
    });
  }

  const waiting = document.getElementById('waiting');
  if (waiting) {
    setTimeout(() => {
      waiting.elements.quiet.value = 'yes';
      waiting.submit();
    }, REPEAT_MS);
  }
})();
