import type { Command } from 'commander';
import type { Static } from 'typebox';
import { systemClock, toIso } from '../clock.ts';
import { BOUND } from '../embargo/clock-trust.ts';
import { ClockView } from '../http/schemas.ts';
import { connect, type RemoteOptions, remoteCommand } from './client.ts';
import { print } from './local.ts';

type View = Static<typeof ClockView>;

export function register(program: Command): void {
  const clock = program
    .command('clock')
    .description('whether the clock of the server is believed, over the API of a running server');
  remoteCommand(clock, 'show', 'show what time it is there, and whether that is relied upon').action(show);
  remoteCommand(clock, 'confirm', 'say that its clock is right, after a look at another one: what is due is released')
    .requiredOption('--wall <instant>', 'what `show` said')
    .action(confirm);
}

async function show(options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask('GET /clock', ClockView));
}

async function confirm(options: RemoteOptions & { wall: string }): Promise<void> {
  tell(options, await connect(options).ask('POST /clock/confirm', ClockView, { wall: options.wall }));
}

const WHY: Readonly<Record<NonNullable<View['why']>, string>> = {
  ahead: 'it is ahead of where it ought to be',
  behind: 'it is behind where it ought to be',
  nodes: 'another node has been later',
};

function agrees({ wall, believed }: View): boolean {
  return Math.abs(Date.parse(wall) - Date.parse(believed)) <= BOUND;
}

function tell(options: RemoteOptions, view: View): void {
  const { trusted, wall, believed, why, since, here } = view;
  const doubt = [
    `The clock is in doubt${why === null ? '' : `: ${WHY[why]}`}. Nothing is released${since === null ? '' : ` since ${since}`}.`,
    ...(here ? [] : ['That is of another node, or of this machine before it was started: it does not end by itself here.']),
    ...(here && why !== 'nodes' && agrees(view) ? ['It agrees now, and is believed when it has for five minutes.'] : []),
  ];
  const lines = [
    ...(trusted ? ['The clock is believed.'] : doubt),
    `Its clock:    ${wall}`,
    `Taken to be:  ${believed}`,
    `This machine: ${toIso(systemClock.now())}`,
    ...(trusted ? [] : [`If another clock says so, too: curfew clock confirm --wall ${wall}`]),
  ];
  print(options, view, lines);
}
