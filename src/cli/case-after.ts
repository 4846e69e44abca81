import type { Command } from 'commander';
import type { Static } from 'typebox';
import { ArchiveDraft, CaseView, Writings } from '../http/schemas.ts';
import { connect, type RemoteOptions, remoteCommand } from './client.ts';
import { readText } from './file.ts';
import { collect, print } from './local.ts';
import { printable } from './printable.ts';

/** What the other commands of a case do as well. */
interface Shared {
  at: (id: string, rest?: string) => string;
  tell: (options: RemoteOptions, about: Static<typeof CaseView>) => void;
}

interface ArchiveOptions {
  preview?: true;
  make?: string;
  without?: string[];
}

/** What comes after the release. */
export function addAfter(command: Command, { at, tell }: Shared): void {
  const add = (name: string, description: string) =>
    remoteCommand(command, name, description).argument('<case>', 'its id, as in ORBIT-2026-0001');
  const show = async (options: RemoteOptions, path: string) => {
    const { items } = await connect(options).ask(`GET ${path}`, Writings);
    const lines = items.flatMap(({ writtenAt, text }) => [`Written:   ${writtenAt}`, '', ...text.trimEnd().split('\n'), '']);
    print(options, { items }, lines.map(printable));
  };

  add('retrospective', 'write the retrospective of a released case, or show those that are there')
    .option('--file <file>', 'with the text; - for standard input')
    .action(async (id: string, { file, ...options }: RemoteOptions & { file?: string }) => {
      const path = at(id, '/retrospective');
      if (file === undefined) return show(options, path);
      tell(options, await connect(options).ask(`POST ${path}`, CaseView, { note: readText(file) }));
    });
  add('archive', 'show the thread of a released case without addresses and names')
    .option('--preview', 'show it as it would be kept, with its hash; for the lead of the case')
    .option('--make <hash>', 'keep the one that was read')
    .option('--without <words>', 'a name, or other words, that are to be taken out too; may be given again', collect)
    .action(async (id: string, { preview, make, without = [], ...options }: RemoteOptions & ArchiveOptions) => {
      const path = at(id, '/archive');
      if (preview) {
        const { text, hash } = await connect(options).ask(`POST ${path}/draft`, ArchiveDraft, { without });
        const lines = [...text.trimEnd().split('\n'), '', `Hash:      ${hash}`];
        return print(options, { text, hash }, lines.map(printable));
      }
      if (make !== undefined) await connect(options).ask(`POST ${path}`, CaseView, { hash: make, without });
      return show(options, path);
    });
  add('close', 'close a case: released with its retrospective, rejected or withdrawn')
    .option('--already-out', 'it was released after the backup was taken that was restored: nothing of it goes out again')
    .action(async (id: string, { alreadyOut, ...options }: RemoteOptions & { alreadyOut?: true }) =>
      tell(options, await connect(options).ask(`POST ${at(id, `/close${alreadyOut ? '?alreadyOut=true' : ''}`)}`, CaseView)),
    );
}
