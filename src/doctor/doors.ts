import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { createRelay } from '../smtp/client.ts';
import { failed, ok, type Seen, warning } from './finding.ts';

/** Greets the relay as a copy would be, with TLS and a name where the configuration has them, and sends nothing. */
export async function lookAtRelay({ relay, domain }: Config, log: Log): Promise<Seen[]> {
  const where = `${relay.host}:${relay.port}`;
  const client = createRelay({ relay: { ...relay, connections: 1 }, hostname: domain, log });
  try {
    const outcome = await client.greet();
    if (outcome.state === 'delivered') {
      const how = [...(relay.tls === 'none' ? [] : ['TLS is verified']), ...(relay.user === null ? [] : ['it knows us by name'])];
      return [ok(`the relay ${where} answers (${[...how, 'whether it takes a mail was not tried'].join(', ')})`)];
    }
    return [
      failed(
        `the relay ${where}: ${outcome.reason}${outcome.response === '' ? '' : `: ${outcome.response}`}`,
        TODO[outcome.reason] ?? 'look at relay in the configuration',
      ),
    ];
  } finally {
    client.close();
  }
}

const TODO: Readonly<Record<string, string>> = {
  'relay-unreachable': 'start the relay, or mend relay.host and relay.port',
  'relay-tls': 'mend its certificate, or name who certified it in relay.authorityFile',
  'relay-refuses-us': 'mend relay.user and relay.passwordFile, or let this machine relay there',
  timeout: 'look whether a firewall is between',
};

/** Asks the server whether it runs and has all that it needs. Where nobody listens, it does not run: that is no fault of what it would find. */
export async function lookAtServer({ http: { host, port } }: Config): Promise<Seen[]> {
  const at = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  if (port === 0) return [];
  let answer: Response;
  try {
    answer = await fetch(`http://${at}:${port}/readyz`, { signal: AbortSignal.timeout(10_000), redirect: 'error' });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      return [failed(`what listens at ${at}:${port} does not answer`, 'look at its log')];
    return [warning(`nothing listens at ${at}:${port}: the server does not run`, 'curfew serve, or systemctl start curfew')];
  }
  if (answer.ok) return [ok(`the server at ${at}:${port} runs, and has all that it needs`)];
  const { detail } = (await answer.json().catch(() => ({}))) as { detail?: unknown };
  return [
    failed(`the server at ${at}:${port} is not ready${typeof detail === 'string' ? `: ${detail}` : ''}`, 'look at its log'),
  ];
}
