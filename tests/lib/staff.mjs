// The staff console as a person's browser uses it: two factors, a session, forms.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { totp } from '../../ops/data/totp.mjs';
import { everywhere, operator, word } from './admin.mjs';
import { demo, sleep } from './demo.mjs';
import { get, Jar, post } from './http.mjs';
import { note } from './secrets.mjs';

export const ROLES = ['rp-admin', 'operator', 'auditor', 'staff-admin', 'intake', 'reviewer', 'approver', 'supervisor', 'help-desk'];

// Behind HAProxy, and the nodes' own listeners with the balancer's certificate.
export function consoles() {
  const { env, dir, nodes } = demo();
  const pem = readFileSync(join(dir, 'pki/balancer.pem'));
  return {
    balancer: { name: 'staff', base: new URL(env.TASUKI_STAFF_URL).origin },
    nodes: nodes.map(({ id }) => ({ id, name: `staff-${id}`, base: env[`TASUKI_STAFF_NODE_${id}`], tls: { cert: pem, key: pem } })),
  };
}

const options = (target, more) => (target.tls ? { ...more, fresh: true, tls: target.tls } : more);

export async function addStaff(roles, name = `t-${word()}`) {
  const password = note(`staff ${word(12)} pass`);
  const { status, json } = await operator(1, 'POST', '/v1/staff', { name, password, roles });
  if (status !== 200) throw new Error(`staff: ${status} ${JSON.stringify(json)}`);
  await everywhere(1);
  return { id: json.id, name, password, secret: note(json.totp_secret), usedStep: 0 };
}

const STEP_MS = 30000;

// A code that this person has not used yet: of now or of the step after, else later.
export async function freshCode(person) {
  for (;;) {
    const now = Math.floor(Date.now() / STEP_MS);
    for (const step of [now, now + 1]) {
      if (step > person.usedStep) {
        person.usedStep = step;
        return totp(person.secret, step * STEP_MS);
      }
    }
    await sleep(500);
  }
}

export class Desk {
  constructor(target, jar = new Jar()) {
    this.target = target;
    this.jar = jar;
  }
  at(target) {
    const other = new Desk(target, this.jar);
    other.csrf = this.csrf;
    return other;
  }
  get(path) {
    return get(this.target, path, options(this.target, { jar: this.jar }));
  }
  // Fields as an object or as [name, value] pairs; the session's token is added.
  post(path, fields = {}, more = {}) {
    const pairs = Array.isArray(fields) ? fields : Object.entries(fields);
    return post(this.target, path, options(this.target, { jar: this.jar, form: [['csrf', this.csrf ?? ''], ...pairs], ...more }));
  }
  async form(path = '/staff/login') {
    const page = await this.get(path);
    this.csrf = page.body.match(/name="csrf" value="([^"]*)"/)?.[1];
    return page;
  }
  async attempt({ name, password, code }) {
    await this.form();
    return this.post('/staff/login', { name, password, code, next: '/staff' });
  }
  async signIn(person) {
    const answer = await this.attempt({ ...person, code: await freshCode(person) });
    if (answer.status !== 303) throw new Error(`sign-in of ${person.name}: ${answer.status}`);
    await this.form('/staff');
    return this;
  }
}
