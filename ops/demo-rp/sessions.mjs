// sessions: what this relying party remembers of a browser, in memory: bounded in
// number and in time, found by a random cookie.
import { randomBytes } from 'node:crypto';

const SESSIONS_MAX = 2000;
const SESSION_MS = 60 * 60 * 1000;
const PENDING_MAX = 16;
export const COOKIE = '__Host-demo_rp';

const sessions = new Map(); // in the order of last use

const token = () => randomBytes(24).toString('base64url');

export function cookies(header = '') {
  const found = new Map();
  for (const part of header.split(';')) {
    const at = part.indexOf('=');
    const name = part.slice(0, at).trim();
    if (at > 0 && !found.has(name)) found.set(name, part.slice(at + 1).trim());
  }
  return found;
}

function drop(now) {
  for (const [id, session] of sessions) {
    if (sessions.size < SESSIONS_MAX && session.usedMs + SESSION_MS > now) return;
    sessions.delete(id);
  }
}

// { id, csrf, pending: Map(state -> {...}), signedIn: Map(client_id -> {...}),
//   toldOut: Map(client_id -> ms when the provider told of the session's end) }
export function findSession(id, now = Date.now()) {
  const session = sessions.get(id);
  if (!session || session.usedMs + SESSION_MS <= now) return null;
  sessions.delete(id);
  session.usedMs = now;
  sessions.set(id, session);
  return session;
}

export function newSession(now = Date.now()) {
  drop(now);
  const session = { id: token(), csrf: token(), usedMs: now, pending: new Map(), signedIn: new Map(), toldOut: new Map() };
  sessions.set(session.id, session);
  return session;
}

// What must come back with `state`. The oldest of too many is given up.
export function addPending(session, state, value) {
  if (session.pending.size >= PENDING_MAX) session.pending.delete(session.pending.keys().next().value);
  session.pending.set(state, value);
}

// A new identifier after a sign-in, so that one planted before it is worth nothing.
export function renewId(session) {
  sessions.delete(session.id);
  session.id = token();
  sessions.set(session.id, session);
}

// The provider says that `sub` has signed out there; with `sid`, of that session alone.
// What was signed in by it is forgotten, in whichever browser; returns how many.
export function signOut(clientId, { sub, sid }, now = Date.now()) {
  let count = 0;
  for (const session of sessions.values()) {
    const claims = session.signedIn.get(clientId)?.idToken.payload;
    if (!claims || (sub && claims.sub !== sub) || (sid && claims.sid !== sid)) continue;
    session.signedIn.delete(clientId);
    session.toldOut.set(clientId, now);
    count += 1;
  }
  return count;
}

export const setCookie = (session) => `${COOKIE}=${session.id}; Path=/; Secure; HttpOnly; SameSite=Lax`;
