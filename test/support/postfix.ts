import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { installed } from './installed.ts';
import { freePort } from './ports.ts';
import { run } from './process.ts';
import { ROOT } from './root.ts';

/** Null, or why tests behind Postfix must be skipped. */
export const postfixAbsent: string | null = !installed('postfix')
  ? 'postfix is not installed'
  : process.getuid?.() === 0
    ? null
    : 'postfix starts for root only';

export interface Postfix {
  /** Takes strangers' mail for `domain` and hands it over to Curfew, as an MX does. */
  inPort: number;
  /** Takes any mail and hands it to the sink, as a relay does. */
  outPort: number;
  /** Its mail log so far. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface PostfixPlan {
  /** Whose mail goes to Curfew. */
  domain: string;
  curfew: { protocol: 'smtp' | 'lmtp'; port: number };
  /** Where everything else ends, bounces too. */
  sink: { port: number };
}

/**
 * A real Postfix of its own, set up by the lines of README.md. Configuration, queue, log and ports are in a temporary folder
 * that `stop` removes.
 */
export async function startPostfix({ domain, curfew, sink }: PostfixPlan): Promise<Postfix> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-postfix-'));
  // Its daemons run as several users, and all of them read the configuration.
  await chmod(folder, 0o755);
  for (const name of ['conf', 'queue', 'data']) await mkdir(join(folder, name));
  await chown(join(folder, 'data'), await idOf('postfix'), 0);
  const [inPort, outPort] = [await freePort(), await freePort()];
  const toCurfew = curfew.protocol === 'lmtp' ? `lmtp:inet:127.0.0.1:${curfew.port}` : `smtp:[127.0.0.1]:${curfew.port}`;
  await writeFile(join(folder, 'conf', 'main.cf'), mainCf(folder, domain, sink.port) + (await lines(domain, toCurfew)));
  await writeFile(join(folder, 'conf', 'master.cf'), masterCf({ inPort, outPort, sinkPort: sink.port }));
  const log = () => readFile(join(folder, 'mail.log'), 'utf8').catch(() => '');
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const end = await startMaster(folder);
    return { inPort, outPort, log, stop: () => end().then(remove) };
  } catch (error) {
    const said = await log();
    await remove();
    throw new Error(`Postfix did not start: ${said}`, { cause: error });
  }
}

async function idOf(user: string): Promise<number> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${user}:`));
  if (!line) throw new Error(`there is no user ${user}`);
  return Number(line.split(':')[2]);
}

/** The master puts itself into the background; it is ended by the process id that it leaves. */
async function startMaster(folder: string): Promise<() => Promise<void>> {
  const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const { code } = await run('postfix', ['-c', join(folder, 'conf'), 'start'], { env });
  if (code !== 0) throw new Error(`postfix start ended with ${code}`);
  const pid = Number(await readFile(join(folder, 'queue', 'pid', 'master.pid'), 'utf8'));
  const kill = () => process.kill(pid, 'SIGTERM');
  process.once('exit', kill);
  return async () => {
    process.off('exit', kill);
    kill();
    while (await lives(pid)) await pause(20);
  };
}

/** A process that ended, and that nobody has waited for yet, is still listed, as a zombie. */
async function lives(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z ');
  return !stat.includes(') Z ');
}

/** What README.md says to write into main.cf, with the names and ports of here. */
async function lines(domain: string, toCurfew: string): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, said] = /^```\n(# main\.cf[\s\S]*?)^```$/m.exec(readme) ?? [];
  const transport = 'lmtp:inet:127.0.0.1:2424';
  if (!said?.includes(transport)) throw new Error(`README.md has no lines for main.cf with ${transport}`);
  return said.replaceAll(transport, toCurfew).replaceAll('orbit.example', domain);
}

function mainCf(folder: string, domain: string, sinkPort: number): string {
  return `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
myhostname = mx.${domain}
mydestination =
default_transport = smtp:[127.0.0.1]:${sinkPort}
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
lmtp_dns_support_level = disabled
smtp_host_lookup = native
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
address_verify_poll_delay = 1s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
`;
}

function masterCf({ inPort, outPort, sinkPort }: { inPort: number; outPort: number; sinkPort: number }): string {
  return `
127.0.0.1:${inPort} inet n - n - - smtpd
  -o mynetworks=192.0.2.0/24
127.0.0.1:${outPort} inet n - n - - smtpd
  -o content_filter=smtp:[127.0.0.1]:${sinkPort}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}
