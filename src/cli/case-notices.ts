import type { Command } from 'commander';
import type { Static } from 'typebox';
import { AcknowledgementsView, DuplicateLinked, NoticeSent, NoticeView } from '../http/schemas.ts';
import { connect, type RemoteOptions, remoteCommand } from './client.ts';
import { readText } from './file.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';

interface NoticeOptions extends RemoteOptions {
  kind: string;
  preview?: true;
  textFile?: string;
  list?: string;
}

/** What a person has Curfew write in a case, and what members say of what they got. `at`: the path of a case. */
export function addNotices(command: Command, at: (id: string, rest?: string) => string): void {
  const add = (name: string, description: string) =>
    remoteCommand(command, name, description).argument('<case>', 'its id, as in ORBIT-2026-0001');
  add('notice', 'send a notice, or show it as each recipient would get it')
    .requiredOption(
      '--kind <kind>',
      'acknowledgement, needs-info, not-a-vulnerability, status, second-notice, reminder, forthcoming; to show: dispatch as well',
    )
    .option('--preview', 'show it, and send nothing')
    .option('--text-file <file>', 'with words of your own, of forthcoming the mitigation; - for standard input')
    .option('--list <address>', 'the private list, of a dispatch')
    .action((id: string, options: NoticeOptions) => notice(at, id, options));
  add('acknowledgements', 'show who has which patches, and what he says of them').action((id: string, options: RemoteOptions) =>
    acknowledgements(at, id, options),
  );
  add('duplicate', 'say that a case was reported before, as another one; its reporter is told')
    .requiredOption('--of <case>', 'the other one')
    .option('--text-file <file>', 'with words of your own; - for standard input')
    .action(async (id: string, { of, textFile, ...options }: RemoteOptions & { of: string; textFile?: string }) => {
      const body = { of, ...(textFile === undefined ? {} : { text: readText(textFile) }) };
      const linked = await connect(options).ask(`POST ${at(id, '/duplicate')}`, DuplicateLinked, body);
      const credited = linked.credited === null ? 'nobody' : linked.credited;
      const toCredit =
        linked.toCredit === null
          ? []
          : [`Not credited:   ${printable(linked.toCredit)}: it is approved without him. Those who handle it were told`];
      print(options, linked, [
        `${id} is a duplicate of ${of}`,
        `Credited there: ${printable(credited)}`,
        ...toCredit,
        ...mailsOf(linked),
      ]);
    });
}

async function notice(at: (id: string, rest?: string) => string, id: string, options: NoticeOptions): Promise<void> {
  const { kind, textFile, list } = options;
  const text = textFile === undefined ? {} : { text: readText(textFile) };
  if (options.preview) {
    const body = { kind, ...text, ...(list === undefined ? {} : { list }) };
    const shown = await connect(options).ask(`POST ${at(id, '/notices/preview')}`, NoticeView, body);
    const waits =
      shown.hash === null ? [] : ['It waits. Another person has it go out:', `  curfew case approve ${id} --hash ${shown.hash}`];
    print(options, shown, [...mailsOf(shown), ...waits]);
    return;
  }
  const said = await connect(options).ask(`POST ${at(id, '/notices')}`, NoticeSent, { kind, ...text });
  const next =
    said.hash === null
      ? [said.mails.every(isKept) ? 'Kept.' : 'Sent.']
      : ['Drafted. Another person has it go out:', `  curfew case approve ${id} --hash ${said.hash}`];
  print(options, said, [...mailsOf(said), ...next]);
}

function isKept({ to }: { to: readonly unknown[] }): boolean {
  return to.length === 0;
}

function mailsOf({ mails, without }: Static<typeof NoticeView>): string[] {
  return [
    ...mails.flatMap(({ list, subject, text, files, to }) => [
      `From:    ${list}`,
      ...to.map(({ address, fingerprint }) => `To:      ${address}  ${fingerprint ?? '(in clear)'}`),
      ...(isKept({ to }) ? ['To:      nobody yet: it is kept, and goes to the reporter when he brings his certificate'] : []),
      `Subject: ${printable(subject)}`,
      '',
      ...text.trimEnd().split('\n').map(printable),
      '',
      ...files.map(({ name, sha256, size }) => `File:    ${sha256 ?? '(of each his own)'}  ${printable(name)}, ${size} octets`),
    ]),
    ...without.map(({ address, why }) => `Without: ${address}: ${why}`),
  ];
}

async function acknowledgements(at: (id: string, rest?: string) => string, id: string, options: RemoteOptions): Promise<void> {
  const view = await connect(options).ask(`GET ${at(id, '/acknowledgements')}`, AcknowledgementsView);
  const rows = view.items.map((one) => [
    printable(one.organisation),
    one.address,
    one.revision === null ? '-' : `v${one.revision}`,
    one.sentAt,
    one.delivery,
    one.status,
    one.at ?? '-',
  ]);
  print(options, view, columns([['MEMBER', 'CONTACT', 'PATCHES', 'SENT', 'DELIVERY', 'STATUS', 'AT'], ...rows]));
}
