import { Command, CommanderError } from 'commander';
import { failureOf } from './failure.ts';
import { printable } from './printable.ts';

/** In the order of `curfew --help`: one file a command, each with `register(program)`. */
const commands = new Map<string, () => Promise<{ register(program: Command): void }>>([
  ['init', () => import('./init.ts')],
  ['serve', () => import('./serve.ts')],
  ['demo', () => import('./demo.ts')],
  ['case', () => import('./case.ts')],
  ['statistics', () => import('./statistics.ts')],
  ['policy', () => import('./policy.ts')],
  ['post', () => import('./post.ts')],
  ['queue', () => import('./queue.ts')],
  ['member', () => import('./member.ts')],
  ['contact', () => import('./contact.ts')],
  ['roster', () => import('./roster.ts')],
  ['list', () => import('./list.ts')],
  ['recipient', () => import('./recipient.ts')],
  ['keys', () => import('./keys.ts')],
  ['token', () => import('./token.ts')],
  ['login', () => import('./login.ts')],
  ['logout', () => import('./logout.ts')],
  ['identity', () => import('./identity.ts')],
  ['clock', () => import('./clock.ts')],
  ['incident', () => import('./incident.ts')],
  ['doctor', () => import('./doctor.ts')],
  ['backup', () => import('./backup.ts')],
  ['restore', () => import('./restore.ts')],
  ['restored', () => import('./restored.ts')],
  ['notice', () => import('./notice.ts')],
  ['audit', () => import('./audit.ts')],
  ['inspect', () => import('./inspect.ts')],
]);

/**
 * Runs the command that `argv` (as in `process.argv`) names; gives its exit code: 0 done, 1 refused or broken (one line says why),
 * 2 usage or a bad configuration.
 */
export async function run(argv: readonly string[], version: string): Promise<number> {
  const program = new Command('curfew')
    .description('Encrypted mailing lists and embargo distribution: nothing leaves before its time, nothing stays late.')
    .version(version)
    .showHelpAfterError('(curfew --help, curfew COMMAND --help)')
    // Before the commands are made: they inherit it.
    .exitOverride();
  // The others are not needed to run one, and half of a short command's time would go into loading them.
  const asked = commands.get(argv[2] ?? '');
  for (const load of asked ? [asked] : commands.values()) (await load()).register(program);
  try {
    await program.parseAsync(argv);
    return process.exitCode === undefined ? 0 : Number(process.exitCode);
  } catch (error) {
    // Commander has said already what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { exit, lines } = failureOf(error);
    // What a server refuses is an answer too, where a program reads it.
    if (argv.includes('--json') && error instanceof Error && 'problem' in error)
      process.stdout.write(`${JSON.stringify(error.problem, null, 2)}\n`);
    // A refusal quotes what somebody wrote.
    for (const line of lines) process.stderr.write(`curfew: ${printable(line)}\n`);
    const { CURFEW_DEBUG } = process.env;
    if (exit === 1 && CURFEW_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return exit;
  }
}
