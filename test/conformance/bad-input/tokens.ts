import { type Rule, SECTIONS } from './rule.ts';

const basic = (text: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});

const CREDENTIALS: Readonly<Record<string, Record<string, string>>> = {
  'Basic credentials without a colon': basic('publisher'),
  'Basic credentials that are not base64': { authorization: 'Basic ***' },
  'Basic without credentials': { authorization: 'Basic' },
  'a Bearer token for credentials': { authorization: 'Bearer abc' },
  'a wrong password': basic('publisher:wrong-password-1'),
  'an account that is not there': basic('nobody:wrong-password-1'),
  'a user name with a NUL': basic('publisher\0:publisher-password-1'),
  'a user name in capitals': basic('Publisher:publisher-password-1'),
  'a user name of 65 characters': basic(`${'a'.repeat(65)}:publisher-password-1`),
  'a password of 1,025 characters': basic(`publisher:${'a'.repeat(1025)}`),
  'an empty password': basic('publisher:'),
  'a robot’s secret that is none': basic('robot+nobody:not-a-secret'),
};

const SCOPES: Readonly<Record<string, string>> = {
  'a scope in words': 'scope=everything',
  'a scope without a name': 'scope=repository::pull',
  'a scope with a quotation mark': 'scope=repository:a%22b:pull',
  'a scope with actions in capitals': 'scope=repository:a:PULL',
  'a scope of 513 characters': `scope=repository:${'a'.repeat(500)}:pull`,
  'more than 100 scopes': Array.from({ length: 101 }, (_, n) => `scope=repository:a${n}:pull`).join('&'),
  'a scope with a backslash': 'scope=repository:a%5cb:pull',
};

const FORMS: Readonly<Record<string, readonly [form: string, error: string]>> = {
  'no grant type': ['username=publisher&password=x', 'unsupported_grant_type'],
  'an unknown grant type': ['grant_type=refresh_token&refresh_token=x', 'unsupported_grant_type'],
  'no user name': ['grant_type=password&password=x', 'invalid_request'],
  'no password': ['grant_type=password&username=publisher', 'invalid_request'],
};

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const post = { route: 'POST /token', section: SECTIONS.oauth };

/** Requests for tokens. */
export const TOKEN_RULES: readonly Rule[] = [
  ...Object.entries(CREDENTIALS).map(([rule, headers]): Rule => ({
    route: 'GET /token',
    rule,
    section: SECTIONS.tokens,
    status: 401,
    code: 'UNAUTHORIZED',
    send: ({ call }) => call('GET', '/token', { token: null, headers }),
  })),
  ...Object.entries(SCOPES).map(([rule, query]): Rule => ({
    route: 'GET /token',
    rule,
    section: SECTIONS.tokens,
    status: 400,
    code: 'NAME_INVALID',
    send: ({ call }) => call('GET', `/token?${query}`, { token: null }),
  })),
  ...Object.entries({
    'another organisation’s service': 'service=globex.example',
    'two services': 'service=acme.example&service=globex.example',
  }).map(([rule, query]): Rule => ({
    route: 'GET /token',
    rule,
    section: SECTIONS.tokens,
    status: 400,
    code: 'UNSUPPORTED',
    send: ({ call }) => call('GET', `/token?${query}`, { token: null }),
  })),
  ...Object.entries(FORMS).map(([rule, [body, code]]): Rule => ({
    ...post,
    rule,
    status: 400,
    code,
    shape: 'oauth',
    send: ({ call }) => call('POST', '/token', { token: null, headers: FORM, body }),
  })),
  {
    ...post,
    rule: 'a wrong password',
    status: 401,
    code: 'UNAUTHORIZED',
    send: ({ call }) =>
      call('POST', '/token', {
        token: null,
        headers: FORM,
        body: 'grant_type=password&username=publisher&password=wrong-password-1',
      }),
  },
  {
    ...post,
    rule: 'JSON for a form',
    status: 415,
    code: 'UNSUPPORTED',
    send: ({ call }) =>
      call('POST', '/token', { token: null, headers: { 'content-type': 'text/xml' }, body: '<a/>' }),
  },
  {
    ...post,
    rule: 'a form of 16,385 bytes',
    section: SECTIONS.bounded,
    status: 413,
    code: 'UNSUPPORTED',
    send: ({ call }) => call('POST', '/token', { token: null, headers: FORM, body: 'a'.repeat(16_385) }),
  },
  {
    route: 'DELETE /token',
    rule: 'a method that is none of its',
    section: SECTIONS.methods,
    status: 404,
    code: 'UNSUPPORTED',
    send: ({ call }) => call('DELETE', '/token'),
  },
];
