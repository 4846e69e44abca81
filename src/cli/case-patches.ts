import { basename } from 'node:path';
import type { Command } from 'commander';
import type { Static } from 'typebox';
import { BundleView, CaseView, PatchAdded } from '../http/schemas.ts';
import { Refusal } from '../refusal.ts';
import type { Shared } from './case-process.ts';
import { type Client, connect, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { readNamed } from './file.ts';
import { print } from './local.ts';

/** The patches of a case, in and out. */
export function addPatches(command: Command, shared: Shared): void {
  const add = (name: string, description: string) =>
    remoteCommand(command, name, description).argument('<case>', 'its id, as in ORBIT-2026-0001');
  add('patch', 'add patches, byte for byte')
    .argument('<file...>', 'the patches')
    .option('--replace', 'each takes the place of the one that has its name')
    .action((id: string, files: string[], options: RemoteOptions & { replace?: true }) => patch(shared, id, files, options));
  add('withdraw-patch', 'take patches out of what will be distributed and released')
    .argument('<patch...>', 'their ids or SHA-256 as `case show` has them, or their names as `case bundle` has them')
    .action((id: string, patches: string[], options: RemoteOptions) => withdraw(shared, id, patches, options));
}

async function patch({ at }: Shared, id: string, files: string[], options: RemoteOptions & { replace?: true }): Promise<void> {
  const { replace = false } = options;
  const names = files.map((file) => basename(file).toLowerCase());
  const twice = names.find((name, place) => names.indexOf(name) < place);
  if (twice !== undefined) throw misused(`two of these files are called ${twice}`);
  const client = connect(options);
  // Read before any is sent: a missing file must not leave half of them there.
  const read = files.map((file) => ({ name: basename(file), content: readNamed(file).toString('base64'), replace }));
  const added = [];
  for (const body of read) added.push(await client.ask(`POST ${at(id, '/patches')}`, PatchAdded, body));
  const patches = added.map((each) => each.patch);
  print(
    options,
    patches,
    patches.map(({ name, size, sha256 }) => `${sha256}  ${name}, ${size} octets`),
  );
}

async function withdraw({ at, tell }: Shared, id: string, patches: string[], options: RemoteOptions): Promise<void> {
  const client = connect(options);
  const ids = await patchIds(at, client, id, patches);
  let about: Static<typeof CaseView> | undefined;
  for (const patch of ids) about = await client.ask(`DELETE ${at(id, `/patches/${patch}`)}`, CaseView);
  if (about) tell(options, about);
}

/**
 * Names go in no path: others log those. All are looked up before any is withdrawn. Throws Refusal: `not-found`, `conflict` for what
 * several are called.
 */
async function patchIds(at: Shared['at'], client: Client, id: string, called: readonly string[]): Promise<Set<string>> {
  const { patches, bundleHash } = await client.ask(`GET ${at(id)}`, CaseView);
  const is = (one: (typeof patches)[number], word: string) => one.id === word || one.sha256 === word.toLowerCase();
  const known = bundleHash === null || called.every((word) => patches.some((one) => is(one, word)));
  const named = known ? [] : (await client.ask(`GET ${at(id, '/bundle')}`, BundleView)).patches;
  const found = called.map((word) => {
    const those = [...patches.filter((one) => is(one, word)), ...named.filter(({ name }) => name === word)].map((one) => one.id);
    const [one, ...more] = those;
    const unnamed = bundleHash === null ? ', by its id or SHA-256; names are shown once there is a bundle' : '';
    if (one === undefined) throw new Refusal('not-found', `The case has no patch ${word}${unnamed}`);
    if (more.length > 0) throw new Refusal('conflict', `Several patches are ${word}; name one by its id: ${those.join(', ')}`);
    return one;
  });
  return new Set(found);
}
