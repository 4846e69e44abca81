import type { Command } from 'commander';
import { CaseView, DraftView, Preview, Timeline } from '../http/schemas.ts';
import type { Shared } from './case-process.ts';
import { PROPOSED, type Proposed, queryOf } from './case-proposed.ts';
import { connect, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { readText } from './file.ts';
import { print } from './local.ts';
import { printable } from './printable.ts';

interface WordsOptions extends RemoteOptions {
  file: string;
}

/** What happens to a case beside its way to the release, and what the public will read of it. */
export function addAside(command: Command, { at, tell }: Shared): void {
  const add = (name: string, description: string) =>
    remoteCommand(command, name, description).argument('<case>', 'its id, as in ORBIT-2026-0001');
  /** Words that are as secret as the case come from a file: they are out of sight of `ps` there. */
  const said = (name: string, path: string, member: string, description: string, what: string) =>
    add(name, description)
      .requiredOption('--file <file>', `with ${what}; - for standard input`)
      .action(async (id: string, { file, ...options }: WordsOptions) =>
        tell(options, await connect(options).ask(`POST ${at(id, path)}`, CaseView, { [member]: readText(file) })),
      );
  said('leak', '/leak', 'evidence', 'say that the contents of a case leaked; everybody of it is told', 'what was seen where');
  said('withdraw', '/withdraw', 'reason', 'withdraw a case; members and the reporter are told', 'the reason, as they read it');
  said(
    'reopen',
    '/reopen',
    'reason',
    'open a case again that was rejected or linked as a duplicate; the team is told',
    'the reason, as the team reads it',
  );
  said('public-already', '/public-already', 'reference', 'say that others published a case', 'where it is public');

  add('leak-decision', 'decide on a leak, or on what was taken for public by mistake')
    .option('--keep', 'the embargo stands')
    .option('--release', 'it is released as soon as two people approve it')
    .requiredOption('--file <file>', 'with the reason; - for standard input')
    .action(async (id: string, { keep, release, file, ...options }: WordsOptions & { keep?: true; release?: true }) => {
      if ((keep === true) === (release === true)) throw misused('What was decided? --keep or --release');
      const body = { decision: keep === true ? 'keep' : 'release', reason: readText(file) };
      tell(options, await connect(options).ask(`POST ${at(id, '/leak/decision')}`, CaseView, body));
    });

  add('preview', 'show the page and the documents that will be published, as they will be')
    .option(...PROPOSED)
    .action(async (id: string, options: RemoteOptions & Proposed) => {
      const shown = await connect(options).ask(`GET ${at(id, `/preview${queryOf(options)}`)}`, Preview);
      const lines = shown.files.flatMap(({ path, body }) => [`=== ${path}`, ...body.trimEnd().split('\n'), '']);
      print(options, shown, lines.map(printable));
    });
  add('draft', 'show a text for the public to begin with, made of what is known').action(
    async (id: string, options: RemoteOptions) => {
      const { subject, text } = await connect(options).ask(`GET ${at(id, '/text/draft')}`, DraftView);
      print(options, { subject, text }, [`Subject: ${subject}`, '', ...text.trimEnd().split('\n')].map(printable));
    },
  );
  add('timeline', 'show what was done in a case last, and what became of its public mails').action(
    async (id: string, options: RemoteOptions) => {
      const shown = await connect(options).ask(`GET ${at(id, '/timeline?limit=200')}`, Timeline);
      const done = [...shown.items]
        .reverse()
        .map(({ at: instant, action, actor }) => `${instant}  ${action}  ${actor.name ?? actor.type}`);
      const sent = shown.channels.map(
        ({ channel, address, copies, state, response, lastAt }) =>
          `${channel}${address === null ? '' : ` to ${address}`}: ${copies} ${state}${lastAt === null ? '' : ` ${lastAt}`}${response === null ? '' : ` (${response})`}`,
      );
      print(options, shown, [...done, ...sent].map(printable));
    },
  );
}
