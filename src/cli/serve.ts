import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { CONFIG_HERE, loadConfig, readPassphrase } from '../config.ts';
import { createLog } from '../log.ts';
import { askSecret } from './prompt.ts';

export function register(program: Command): void {
  program
    .command('serve')
    .description('run the server: SMTP, HTTP, deliveries and releases')
    .option('--config <file>', 'the configuration', CONFIG_HERE)
    .action(serve);
}

/** Runs until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reads the TLS certificate again. */
async function serve(options: { config: string }): Promise<void> {
  // From the first moment on: one that comes before the server runs waits, and would end it otherwise.
  let isAsked = false;
  let reload = () => {
    isAsked = true;
  };
  process.on('SIGHUP', () => reload());
  const config = loadConfig(options.config);
  const log = createLog(config.log);
  const passphrase = await readPassphrase(config, askSecret);
  // Nothing that is started from here has it.
  if (typeof config.passphrase === 'object' && 'env' in config.passphrase) delete process.env[config.passphrase.env];
  if (mayDumpCore())
    log.warn('a crash may write memory, and with it keys, to the disk: start it with `ulimit -c 0`, or LimitCORE=0');
  // The other commands need none of the server, and start faster without it.
  const { takeGround } = await import('../ground.ts');
  const ground = takeGround(config, log);
  const { start } = await import('../main.ts');
  const running = await start(config, passphrase, systemClock, log, ground);
  reload = () => {
    try {
      running.reload();
    } catch (error) {
      log.error({ err: error }, 'the TLS certificate was not read again');
    }
  };
  if (isAsked) reload();
  const asked = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  // Whoever reads that it is ready may stop it at once.
  const { smtp, http } = config;
  process.stdout.write(`${smtp.protocol} ${smtp.host}:${running.smtpPort}\n`);
  process.stdout.write(`http ${http.host}:${running.httpPort}\n`);
  process.stdout.write('ready\n');
  await asked;
  process.once('SIGTERM', () => process.exit(1));
  process.once('SIGINT', () => process.exit(1));
  log.warn('stopping');
  await running.stop();
  // A relay that hangs would hold the process for its timeout; what it was given is on lease, and goes again.
  process.exit(0);
}

/** As Linux says of this process (proc_pid_limits(5)); false where it is another system. */
function mayDumpCore(): boolean {
  try {
    return /^Max core file size +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] !== '0';
  } catch {
    return false;
  }
}
