import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/process.ts';
import { between } from './measure.ts';
import { member } from './members.ts';
import { type Project, written } from './project.ts';

/** Lists of an instance of its own, which sends to the sink of the project. */
export interface Schleuder {
  /** From the start of the process, which a mail server starts for each mail, to the last 250 of the sink: milliseconds a member. */
  fansOut(members: number, octets: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Makes the tables, and lists as Schleuder makes them, with keys of RSA-4096. Reads { list: [[address, certificate], ...] }, of which the first is
 * the admin; says { list: certificate }.
 */
const CREATE = `
  require 'schleuder'
  ActiveRecord::Migration.verbose = false
  load 'schleuder/db/schema.rb'
  certificates = JSON.parse(STDIN.read).to_h do |email, members|
    list, = Schleuder::ListBuilder.new({ email: email }).run
    members.each_with_index do |(address, certificate), number|
      subscription, said = list.subscribe(address, nil, number.zero?, true, certificate)
      abort("#{address}: #{said} #{subscription.errors.full_messages}") if said || subscription.errors.any?
    end
    [email, list.export_key]
  end
  puts certificates.to_json
`;

const DOMAIN = 'schleuder.example';

/** With a list of each of these counts of members, lena among them. */
export async function openSchleuder({ sink, lena }: Project, counts: readonly number[]): Promise<Schleuder> {
  // Its name is short: that of a socket of gpg-agent, which is in the folder of a list, has at most 108 octets.
  const home = mkdtempSync(join(tmpdir(), 'schleuder-'));
  const [settings, defaults, lists] = [join(home, 'schleuder.yml'), join(home, 'list-defaults.yml'), join(home, 'lists')];
  const database = { production: { adapter: 'sqlite3', database: join(home, 'db.sqlite') } };
  const smtp = { address: '127.0.0.1', port: sink.port };
  // JSON is YAML. What is not said is as Schleuder has it.
  writeFileSync(settings, JSON.stringify({ lists_dir: lists, listlogs_dir: lists, database, smtp_settings: smtp }));
  writeFileSync(defaults, '{}');
  const schleuder = async (command: string, args: readonly string[], input: string | Buffer) => {
    const env = { SCHLEUDER_CONFIG: settings, SCHLEUDER_LIST_DEFAULTS: defaults };
    const { code, stdout, stderr } = await run(command, args, { env, input });
    if (code !== 0) throw new Error(`${command} ${args[0]}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  };

  const everybody = [[lena.address, lena.public]];
  for (let number = 1; number < Math.max(...counts); number++)
    for (const { address, certificate } of (await member('x25519', number, [])).contacts)
      everybody.push([address, certificate ?? '']);
  const rosters = Object.fromEntries(counts.map((count) => [`n${count}@${DOMAIN}`, everybody.slice(0, count)]));
  const certificates: Record<string, string> = JSON.parse(await schleuder('ruby', ['-e', CREATE], JSON.stringify(rosters)));
  return {
    async fansOut(members, octets) {
      const list = `n${members}@${DOMAIN}`;
      const { raw } = await written(lena, list, certificates[list] ?? '', octets);
      await sink.forget();
      const begun = process.hrtime.bigint();
      await schleuder('schleuder', ['work', list], raw);
      // Its exit code does not say that a member has no copy, or has been told so instead.
      const complaints = readFileSync(join(lists, DOMAIN, `n${members}`, 'list.log'), 'utf8').replace(/^#.*\n/, '');
      if (complaints !== '') throw new Error(`schleuder work ${list}: ${complaints}`);
      const { at } = await sink.have(members);
      return between(begun, at) / members;
    },
    async close() {
      for (const list of counts) await run('gpgconf', ['--homedir', join(lists, DOMAIN, `n${list}`), '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
