import type { Command } from 'commander';
import { SignedOut } from '../http/session.ts';
import { connect, type RemoteOptions, remoteCommand } from './client.ts';
import { print } from './local.ts';

export function register(program: Command): void {
  remoteCommand(program, 'logout', 'end the token of a sign-in').action(logout);
}

async function logout(options: RemoteOptions): Promise<void> {
  print(options, await connect(options).ask('DELETE /session', SignedOut), ['Signed out: the token is revoked']);
}
