import type { Command } from 'commander';
import type { Static } from 'typebox';
import { RestorationView } from '../http/schemas.ts';
import { connect, type RemoteOptions, remoteCommand } from './client.ts';
import { print } from './local.ts';

type View = Static<typeof RestorationView>;

export function register(program: Command): void {
  const restored = program
    .command('restored')
    .description('what waits since a backup was restored, over the API of a running server');
  remoteCommand(restored, 'show', 'show when that was, and what is to be looked at').action(show);
  remoteCommand(restored, 'confirm', 'say that what happened since the backup was looked at: what is due goes out')
    .requiredOption('--restored <instant>', 'what `show` said')
    .action(confirm);
}

async function show(options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask('GET /restoration', RestorationView));
}

async function confirm(options: RemoteOptions & { restored: string }): Promise<void> {
  tell(options, await connect(options).ask('POST /restoration/confirm', RestorationView, { restoredAt: options.restored }));
}

function tell(options: RemoteOptions, view: View): void {
  print(options, view, linesOf(view));
}

function linesOf({ takenAt, restoredAt, confirmedAt, held }: View): string[] {
  if (takenAt === null || restoredAt === null) return ['The database was never restored from a backup.'];
  const copies = `Copies that are held since: ${held} (curfew queue list --state held)`;
  const when = [`The backup was taken: ${takenAt}`, `It was restored:      ${restoredAt}`];
  if (confirmedAt !== null) return [...when, `It was confirmed:     ${confirmedAt}`, copies];
  return [
    ...when,
    copies,
    'Until it is confirmed nothing is released, and nobody but the team is written to.',
    ...ADVICE,
    `Then: curfew restored confirm --restored ${restoredAt}`,
  ];
}

/** What somebody has to look at who restores: the backup does not know it. */
export const ADVICE: readonly string[] = [
  'What happened after the backup was taken is not known. Look at the mail of the team, at the public lists, and at the last signed head of the log:',
  '  members and contacts that were suspended, removed or retired since: do that again',
  '  certificates that were revoked or replaced since: give them again',
  '  cases that were released since: curfew case close CASE --already-out; that were withdrawn or rejected: do that again; approved: approve anew',
  '  copies that are held: send what has not arrived (curfew queue retry), drop what has (curfew queue drop)',
  '  mail that came in since: ask those who wrote to send it again',
];
