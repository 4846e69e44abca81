import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Static } from 'typebox';
import { ListView } from '../http/schemas.ts';
import { connect, everyPage, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { readText } from './file.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';

type YesNo = 'yes' | 'no';
const NONE = 'none';

/** What is left out stays as it is. */
interface ChangeOptions extends RemoteOptions {
  encryptedOnly?: YesNo;
  signedOnly?: YesNo;
  membersOnly?: YesNo;
  moderated?: YesNo;
  unaddressed?: 'hold' | 'accept';
  largest?: number | typeof NONE;
  fileNames?: string;
  fileTypes?: string;
  subjectPrefix?: string;
  footerFile?: string;
  giveUp?: number | typeof NONE;
  seal?: 'shared' | 'fresh';
}

export function register(program: Command): void {
  const command = program.command('list').description('the lists and what they take, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  add('list', 'list the lists').action(list);
  add('show', 'show what a list takes and what it adds').argument('<list>', 'its address or id').action(show);
  add(
    'create',
    'make another list, with a key of its own; nobody is on it yet, and everybody sees its address on the page of keys',
  )
    .argument('<address>', 'of the domain of the server')
    .addOption(
      new Option('--role <role>', 'who is to have what it distributes').choices(['private', 'public']).makeOptionMandatory(),
    )
    .option('--name <name>', 'as its key names it (default: the project, and what stands before the @)')
    .action(create);
  const flag = (name: string, description: string) => new Option(`${name} <yes|no>`, description).choices(['yes', 'no']);
  add('change', 'change what a list takes and what it adds; what is left out stays as it is')
    .argument('<list>', 'its address or id')
    .addOption(flag('--encrypted-only', 'take only what came wholly encrypted'))
    .addOption(flag('--signed-only', 'take only what somebody of the roster signed as a whole'))
    .addOption(flag('--members-only', 'take only what its members and the team signed'))
    .addOption(flag('--moderated', 'hold what is not the team’s until the team decides'))
    .addOption(
      new Option('--unaddressed <what>', 'what becomes of a mail that its signer did not address to this list').choices([
        'hold',
        'accept',
      ]),
    )
    .option('--largest <octets>', 'of a mail; "none": what the server takes', whole('octets', 9))
    .option('--file-names <patterns>', 'of attachments that are allowed, as in "*.patch *.diff"; "none": any')
    .option('--file-types <types>', 'their media types, as in "text/* image/png"; "none": any')
    .option('--subject-prefix <prefix>', 'before the subject, without the brackets that are put around it; or "none"')
    .option('--footer-file <file>', 'with the text below what it distributes; - for standard input; or "none"')
    .option(
      '--give-up <hours>',
      'for which a copy is tried before it fails; "none": as long as the server does',
      whole('hours', 3),
    )
    .addOption(
      new Option('--seal <how>', 'a mail is encrypted once for all its members, or for each of them anew').choices([
        'shared',
        'fresh',
      ]),
    )
    .action(change);
}

/** Reads a whole number of so many digits at most, not 0, or the word for none. */
function whole(unit: string, digits: number): (text: string) => number | typeof NONE {
  return (text) => {
    if (text === NONE) return NONE;
    if (!/^[1-9]\d*$/.test(text) || text.length > digits) throw new InvalidArgumentError(`A whole number of ${unit}, or "none".`);
    return Number(text);
  };
}

const at = (listName: string) => `/lists/${encodeURIComponent(listName)}`;

async function list(options: RemoteOptions): Promise<void> {
  const items = await everyPage(connect(options), '/lists', ListView);
  const rows = items.map((item) => [item.address, item.role, limitsOf(item).join(', ') || '-']);
  print(options, items, columns([['ADDRESS', 'ROLE', 'TAKES'], ...rows]));
}

async function show(name: string, options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask(`GET ${at(name)}`, ListView));
}

async function create(
  address: string,
  { role, name, ...options }: RemoteOptions & { role: string; name?: string },
): Promise<void> {
  const made = await connect(options).ask('POST /lists', ListView, { address, role, name });
  print(options, made, [
    `${made.address} is there, ${made.role}, with the key ${made.fingerprint}`,
    `Keep ${made.fingerprint}.asc, in the folder of the list keys: what is sealed to it opens with nothing else. Other nodes need a copy and a restart.`,
  ]);
}

async function change(name: string, options: ChangeOptions): Promise<void> {
  const body = changeOf(options);
  if (Object.keys(body).length === 0) throw misused('Nothing is to be changed: curfew list change --help');
  tell(options, await connect(options).ask(`PATCH ${at(name)}`, ListView, body));
}

function changeOf(options: ChangeOptions): Record<string, unknown> {
  const yes = (value: YesNo | undefined) => (value === undefined ? undefined : value === 'yes');
  const orNull = <Value>(value: Value) => (value === NONE ? null : value);
  const { footerFile } = options;
  const wanted = {
    encryptedOnly: yes(options.encryptedOnly),
    signedOnly: yes(options.signedOnly),
    membersOnly: yes(options.membersOnly),
    moderated: yes(options.moderated),
    unaddressed: options.unaddressed,
    largest: orNull(options.largest),
    fileNames: orNull(options.fileNames),
    fileTypes: orNull(options.fileTypes),
    subjectPrefix: orNull(options.subjectPrefix),
    giveUp: orNull(options.giveUp),
    seal: options.seal,
    footer: footerFile === undefined || footerFile === NONE ? orNull(footerFile) : readText(footerFile),
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

function limitsOf(item: Static<typeof ListView>): string[] {
  return [
    ...(item.encryptedOnly ? ['encrypted only'] : []),
    ...(item.signedOnly ? ['signed only'] : []),
    ...(item.membersOnly ? ['members only'] : []),
    ...(item.moderated ? ['moderated'] : []),
    ...(item.largest === null ? [] : [`${item.largest} octets`]),
    ...(item.fileNames === null ? [] : [item.fileNames]),
    ...(item.fileTypes === null ? [] : [item.fileTypes]),
  ];
}

function tell(options: RemoteOptions, item: Static<typeof ListView>): void {
  const yesNo = (value: boolean) => (value ? 'yes' : 'no');
  const lines = [
    `${item.address}, ${item.role}`,
    `Key:             ${item.fingerprint}`,
    ...(item.nextKey === null ? [] : [`Next key:        ${item.nextKey.fingerprint}, from ${item.nextKey.from} on`]),
    `Encrypted only:  ${yesNo(item.encryptedOnly)}`,
    `Signed only:     ${yesNo(item.signedOnly)}`,
    `Members only:    ${yesNo(item.membersOnly)}`,
    `Moderated:       ${yesNo(item.moderated)}`,
    `Unaddressed:     ${item.unaddressed}`,
    `Largest:         ${item.largest === null ? '-' : `${item.largest} octets`}`,
    `File names:      ${item.fileNames ?? '-'}`,
    `File types:      ${item.fileTypes ?? '-'}`,
    `Subject prefix:  ${item.subjectPrefix ?? '-'}`,
    `Gives up after:  ${item.giveUp === null ? '-' : `${item.giveUp} hours`}`,
    `Sealed:          ${item.seal === 'shared' ? 'once for all' : 'for each anew'}`,
    `Footer:          ${item.footer === null ? '-' : ''}`,
    ...(item.footer === null ? [] : item.footer.trimEnd().split('\n')),
  ];
  print(options, item, lines.map(printable));
}
