const WHY_NOT: Record<string, string> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'not permitted (a port below 1024 needs a privilege)',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is not known',
};

/** Why a door could not be opened, as one line: which door, where, and why. */
export function cannotListen(door: string, { host, port }: { host: string; port: number }, error: unknown): Error {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return new Error(`${door} cannot listen on ${where}: ${WHY_NOT[code] ?? code}`, { cause: error });
}
