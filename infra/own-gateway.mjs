// What the bootstrap asks the gateways that it has started itself, as their operators would.
import { URLSearchParams } from 'node:url';

const timeoutMs = 15_000;

/** What the organisation says of itself: `{ fingerprint, keys, formerKeys, endpoints }`, of its signed descriptor. */
export function readDescriptor(envelope) {
  const { payload, signatures } = JSON.parse(envelope);
  const { keys, formerKeys, endpoints } = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
  return { fingerprint: signatures.at(-1).keyid, keys, formerKeys, endpoints };
}

/** The text at a path of a gateway. @throws {Error} with the status when it is no 200 */
export async function fetchText(url, headers = {}) {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
  return text;
}

/** A token for everything that an operator may do. */
export async function fetchOperatorToken({ name, url, operator }) {
  const query = new URLSearchParams({ service: name, scope: 'repository:**:admin' });
  const credentials = Buffer.from(`${operator.username}:${operator.password}`).toString('base64');
  const answer = await fetchText(`${url}/token?${query}`, { authorization: `Basic ${credentials}` });
  return JSON.parse(answer).token;
}

/** The data of a GraphQL answer. @throws {Error} with the messages of its errors */
export async function askGraphql(url, query, { variables = {}, token } = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors.map(({ message }) => message).join('\n'));
  return data;
}
