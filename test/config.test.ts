import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Config, ConfigError, checkConfig, loadConfig, readClientSecret, readDkim, readPassphrase } from '../src/config.ts';
import { ConfigFile } from '../src/config-schema.ts';
import { jsonFault } from '../src/json-fault.ts';
import { problemsOf } from '../src/schema-problems.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const smallest = {
  project: 'orbit',
  domain: 'orbit.example',
  passphrase: 'prompt',
  database: { sqlite: 'data/curfew.db' },
  smtp: { host: '127.0.0.1', port: 2525 },
  http: { host: '127.0.0.1', port: 8080 },
  relay: { host: 'mail.orbit.example', port: 25 },
};

/** The problems by path. */
function problems(parsed: unknown): Record<string, string> {
  try {
    checkConfig(parsed, folder);
  } catch (error) {
    if (error instanceof ConfigError) return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]));
    throw error;
  }
  return {};
}

function written(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('what is left out', () => {
  test('has its default', () => {
    const config = checkConfig(smallest, '/srv/curfew');
    expect(config.smtp).toMatchObject({ protocol: 'smtp', tls: null, limits: { size: 26214400, idle: 60, minimumRate: 512 } });
    expect(config.relay).toMatchObject({ tls: 'starttls', user: null, passwordFile: null });
    expect(config.delivery).toEqual({ batch: 50, lease: 60, giveUp: 432000, late: 14400, lateRelease: 600 });
    expect(config).toMatchObject({ workers: 2, log: 'info' });
  });

  test('of a policy of the project has its default too, but for the clock', () => {
    const policies = { mine: { clock: 'report', embargo: { days: 21 } }, odd: { clock: 'notice', slot: { weekdays: ['sat'] } } };
    const { mine, odd } = checkConfig({ ...smallest, embargo: { policies } }, folder).embargo.policies;
    expect(mine).toMatchObject({ acknowledge: { hours: 24 }, embargo: { days: 21 }, notice: null, grace: 60 });
    expect(odd?.slot).toEqual({ time: null, weekdays: ['sat'], weekends: true });
    expect(problems({ ...smallest, embargo: { policies: { none: {} } } })).toEqual({
      'embargo.policies.none.clock': expect.stringMatching(/^is missing; must be what the longest embargo is counted from/),
    });
  });

  test('paths are meant from the folder of the file', () => {
    const config = checkConfig({ ...smallest, passphrase: { file: 'secret/passphrase' } }, '/srv/curfew');
    expect(config.keys).toBe('/srv/curfew/keys');
    expect(config.database).toEqual({ sqlite: '/srv/curfew/data/curfew.db' });
    expect(config.passphrase).toEqual({ file: '/srv/curfew/secret/passphrase' });
  });

  test('the result cannot be changed, at any depth, and the argument is not', () => {
    const given = structuredClone(smallest);
    const config = checkConfig(given, folder);
    expect(given).toEqual(smallest);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.smtp.limits)).toBe(true);
  });
});

describe('a bad configuration', () => {
  test('is told every problem at once, by path, with what is allowed', () => {
    const found = problems({
      ...smallest,
      project: '9 lives',
      domain: 'Orbit',
      http: { host: '127.0.0.1', port: 70000 },
      smtp: { host: '127.0.0.1', port: '25', limits: { size: 1, conections: 5, data: 0.5 } },
      relay: { host: 'mail.orbit.example', port: 25, tls: 'none', user: 'curfew' },
      log: 'loud',
      wrokers: 3,
    });
    expect(found).toEqual({
      wrokers: 'is no option; did you mean "workers"?',
      project: expect.stringMatching(/^is "9 lives"; must be the name of the project: a letter/),
      domain: 'is "Orbit"; must be the domain of the list addresses, lower case, as in orbit.example',
      'http.port': 'is 70000; must be a port, 0 to 65535 (0: any free one)',
      'smtp.port': 'is "25"; must be a port, 0 to 65535 (0: any free one)',
      'smtp.limits.conections': 'is no option; did you mean "connections"?',
      'smtp.limits.size': 'is 1; must be octets of one mail, 1024 to 26214400',
      'smtp.limits.data': 'is 0.5; must be from DATA to its end, in whole seconds, 1 or more',
      'relay.tls': 'is "none" for mail.orbit.example; allowed to loopback only, else "starttls" or "implicit"',
      'relay.passwordFile': 'is null; must be a path where relay.user is given',
      log: 'is "loud"; must be "trace", "debug", "info", "warn", "error" or "silent"',
    });
  });

  test('names each option that is missing', () => {
    expect(Object.keys(problems({}))).toEqual([
      'project',
      'domain',
      'passphrase',
      'database',
      'smtp.host',
      'smtp.port',
      'http.host',
      'http.port',
      'relay.host',
      'relay.port',
    ]);
    expect(problems({})).toMatchObject({ 'relay.host': 'is missing; must be a host name or an IP address' });
  });

  test('names the options that there are where nothing is near', () => {
    expect(problems({ ...smallest, http: { ...smallest.http, certificate: 'x' } })).toEqual({
      'http.certificate': 'is no option; allowed: host, port',
    });
  });

  test.each([[[]], ['text'], [null], [5]])('that is %j and no object is refused', (parsed) => {
    expect(problems(parsed)['']).toMatch(/must be an object with project, domain/);
  });

  test('a secret in the wrong place is not quoted', () => {
    const secrets = {
      passphrase: 'hunter2',
      database: { postgres: 'hunter2@db' },
      relay: { ...smallest.relay, password: 'hunter2' },
    };
    const found = problems({ ...smallest, ...secrets });
    expect(Object.keys(found).sort()).toEqual(['database', 'passphrase', 'relay.password']);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test.each(['10.0.0.12', 'localhost', '-a.example', 'a..example', 'a.example.', 'a.exa mple', 'xn--bcher-kva.1'])(
    'the domain %s is refused',
    (domain) => {
      expect(Object.keys(problems({ ...smallest, domain }))).toEqual(['domain']);
    },
  );

  test('doors on one port, and a relay that is our own door, are refused', () => {
    const smtp = { host: '0.0.0.0', port: 2525 };
    const found = problems({
      ...smallest,
      smtp,
      http: { host: '127.0.0.1', port: 2525 },
      relay: { host: 'localhost', port: 2525, tls: 'none' },
    });
    expect(Object.keys(found)).toEqual(['http.port', 'relay.port']);
    expect(problems({ ...smallest, smtp: { host: '127.0.0.1', port: 0 }, http: { host: '127.0.0.1', port: 0 } })).toEqual({});
  });

  test.each(['localhost', '127.0.0.1', '127.9.9.9', '::1'])('a relay without TLS at %s is allowed', (host) => {
    expect(problems({ ...smallest, relay: { host, port: 25, tls: 'none' } })).toEqual({});
  });

  test.each(['127.0.0.1.example', '10.0.0.1', '::', '0.0.0.0'])('a relay without TLS at %s is refused', (host) => {
    expect(Object.keys(problems({ ...smallest, relay: { host, port: 25, tls: 'none' } }))).toEqual(['relay.tls']);
  });
});

describe('a key for DKIM', () => {
  const dkim = (part: object) => problems({ ...smallest, dkim: { selector: 'curfew', key: 'dkim.pem', ...part } });
  const write = (type: 'rsa' | 'ed25519', bits = 2048) => {
    const { privateKey } = type === 'rsa' ? generateKeyPairSync(type, { modulusLength: bits }) : generateKeyPairSync(type);
    writeFileSync(join(folder, 'dkim.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  };

  test('is none unless it is named; it is RSA of 2048 bits or more, and only its owner reads it', () => {
    expect(checkConfig(smallest, folder).dkim).toBeNull();
    expect(dkim({ key: 'none' })).toEqual({ 'dkim.key': 'names a file that cannot be read (ENOENT)' });
    expect(dkim({ selector: 'a b' })).toEqual({ dkim: expect.stringContaining('"selector": word') });
    write('rsa', 1024);
    expect(dkim({})['dkim.key']).toMatch(/^names a key that cannot be used \(rsa, 1024 bits\)/);
    write('ed25519');
    expect(dkim({})['dkim.key']).toMatch(/^names a key that cannot be used \(ed25519/);
    writeFileSync(join(folder, 'dkim.pem'), 'hunter2');
    expect(dkim({})['dkim.key']).toMatch(/^names a file that holds no such key; .*openssl genrsa/);
    write('rsa');
    expect(dkim({})).toEqual({});
    const config = checkConfig({ ...smallest, dkim: { selector: 'curfew', key: 'dkim.pem' } }, folder);
    expect(readDkim(config)).toMatchObject({
      domain: 'orbit.example',
      selector: 'curfew',
      key: expect.stringMatching(/PRIVATE KEY/),
    });
    chmodSync(join(folder, 'dkim.pem'), 0o644);
    expect(() => readDkim(config)).toThrow('dkim.key: can be read by others');
  });
});

describe('an identity provider', () => {
  const oidc = (part: object) =>
    problems({ ...smallest, oidc: { issuer: 'https://id.orbit.example', clientId: 'curfew', ...part } });

  test('is none unless it is named, with what it calls this client', () => {
    const none = { issuer: null, clientId: null, clientSecretFile: null, hours: 8, admins: [] };
    expect(checkConfig(smallest, folder).oidc).toEqual(none);
    expect(oidc({})).toEqual({});
    expect(oidc({ clientId: null })).toEqual({ 'oidc.clientId': 'is null; must be what the provider calls this client' });
    expect(oidc({ issuer: null })).toEqual({ 'oidc.issuer': 'is null; must be a URL where oidc.clientId is given' });
    expect(oidc({ clientSecretFile: 'none' })).toEqual({
      'oidc.clientSecretFile': 'names a file that cannot be read (ENOENT)',
    });
    expect(Object.keys(oidc({ hours: 169, admins: ['lena'], clientSecret: 'hunter2' }))).toEqual([
      'oidc.clientSecret',
      'oidc.hours',
      'oidc.admins[0]',
    ]);
  });

  test.each(['http://127.0.0.1:8081', 'http://[::1]:8081', 'http://localhost/realms/orbit', 'https://10.0.0.1'])(
    'at %s is allowed',
    (issuer) => expect(oidc({ issuer })).toEqual({}),
  );

  test.each([
    'http://id.orbit.example',
    'http://127.0.0.1.example',
    'https://id.orbit.example:99999',
    'ftp://127.0.0.1',
    'https://a@b',
    'id',
  ])('at %s is refused', (issuer) => expect(Object.keys(oidc({ issuer }))).toEqual(['oidc.issuer']));

  test('has the secret of this client in a file of its owner alone', () => {
    const of = (clientSecretFile: string | null) =>
      checkConfig({ ...smallest, oidc: { issuer: 'https://id.orbit.example', clientId: 'curfew', clientSecretFile } }, folder);
    written('client-secret', ' a secret \n');
    written('open-secret', 'secret\n', 0o640);
    written('empty-secret', '\n');
    expect(readClientSecret(of(null))).toBe(null);
    expect(readClientSecret(of('client-secret'))).toBe(' a secret ');
    expect(() => readClientSecret(of('open-secret'))).toThrow('oidc.clientSecretFile: can be read by others');
    expect(() => readClientSecret(of('empty-secret'))).toThrow('oidc.clientSecretFile: gives an empty secret');
  });
});

describe('files that it names', () => {
  test('must be there and readable', () => {
    const tls = { certificate: 'none.pem', key: '.' };
    const relay = { ...smallest.relay, user: 'curfew', passwordFile: 'none' };
    expect(problems({ ...smallest, smtp: { ...smallest.smtp, tls }, relay })).toEqual({
      'smtp.tls.certificate': 'names a file that cannot be read (ENOENT)',
      'smtp.tls.key': 'names a folder; must name a file',
      'relay.passwordFile': 'names a file that cannot be read (ENOENT)',
    });
  });

  test('a certificate with the key of another is refused, with its own it is taken', () => {
    for (const name of ['a', 'b'])
      execFileSync(
        'openssl',
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout ${name}.key -out ${name}.pem`.split(
          ' ',
        ),
        { cwd: folder, stdio: 'ignore' },
      );
    const withTls = (key: string) => problems({ ...smallest, smtp: { ...smallest.smtp, tls: { certificate: 'a.pem', key } } });
    expect(withTls('b.key')['smtp.tls']).toMatch(/must be a PEM certificate and its own PEM key/);
    expect(withTls('a.key')).toEqual({});
  });
});

describe('the file', () => {
  test('that is not JSON is told of by line and column, and not quoted', () => {
    const path = written('broken.json', '{\n  "project": "orbit",\n  "passphrase": hunter2\n}');
    expect(() => loadConfig(path)).toThrow(new ConfigError([{ path: '', message: `${path} is not JSON: line 3, column 17` }]));
  });

  test('that is not there is told of by its path', () => {
    expect(() => loadConfig('/nowhere/config.json')).toThrow('/nowhere/config.json cannot be read (ENOENT)');
  });

  test.each([
    ['', 1, 1],
    ['{"a":1,}', 1, 8],
    ['{"a":1} x', 1, 9],
    ['{"a" 1}', 1, 6],
    ["{'a':1}", 1, 2],
    ['[1, 2\n, 03]', 2, 4],
    ['{"a":"b\n"}', 1, 6],
    ['{"a":"\\x"}', 1, 6],
    ['[1,2', 1, 5],
    ['// no\n{}', 1, 1],
  ])('%j is no JSON from line %i, column %i', (text, line, column) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(jsonFault(text)).toEqual({ line, column });
  });

  test.each(['{}', ' [1, -2.5e+3, "\\u00e9\\"", {"a": [true, false, null]}]\r\n', '"text"'])('%j is JSON', (text) => {
    expect(jsonFault(text)).toBeUndefined();
  });
});

/** The table of README.md: an option, and what may stand there instead of what the example shows. */
const alternatives = new Map(
  [
    ...readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8').matchAll(/^\| `([A-Za-z.]+)` +\| (`.*`)[^`|]*\|$/gm),
  ].map(([, option = '', forms = '']) => [
    option,
    [...forms.matchAll(/`([^`]+)`/g)].map(([, json = '']) => JSON.parse(json) as unknown),
  ]),
);

describe('config.example.json', () => {
  const path = join(import.meta.dirname, '..', 'config.example.json');

  test('is a configuration', () => {
    expect(loadConfig(path).project).toBe('orbit');
  });

  const example = () => JSON.parse(readFileSync(path, 'utf8')) as object;

  test('shows every option', () => {
    expect(paths(example())).toEqual(expect.arrayContaining(schemaPaths(ConfigFile)));
  });

  test('shows every form of an option, or README.md does', () => {
    const unseen = unions(ConfigFile).flatMap(({ option, forms }) => {
      const seen = [valueAt(example(), option), ...(alternatives.get(option) ?? [])];
      return forms.filter((form) => !seen.some((value) => Value.Check(form, value))).map((form) => [option, form]);
    });
    expect(unseen).toEqual([]);
  });

  test.each([...alternatives].flatMap(([option, values]) => values.map((value) => [option, value] as const)))(
    'takes %s: %j, as README.md says',
    (option, value) => {
      const changed = example();
      const [name = '', ...folders] = option.split('.').reverse();
      Object.assign(valueAt(changed, folders.reverse().join('.')) as object, { [name]: value });
      expect(problemsOf(ConfigFile, changed, new Set())).toEqual([]);
      expect(Value.Check(ConfigFile, Value.Default(ConfigFile, Value.Clone(changed)))).toBe(true);
      expect(valueAt(example(), option)).not.toEqual(value);
    },
  );

  /** What is written at `option`, as in `smtp.tls`; the whole for ''. */
  function valueAt(value: unknown, option: string): unknown {
    return option
      .split('.')
      .filter((name) => name !== '')
      .reduce((at, name) => (at as Record<string, unknown>)[name], value);
  }

  function unions(schema: TSchema, option = ''): { option: string; forms: TSchema[] }[] {
    if (Type.IsUnion(schema)) return [{ option, forms: schema.anyOf }];
    if (!Type.IsObject(schema)) return [];
    return Object.entries(schema.properties).flatMap(([name, member]) => unions(member, option ? `${option}.${name}` : name));
  }

  function paths(value: object, prefix = ''): string[] {
    return Object.entries(value).flatMap(([name, member]: [string, unknown]) => [
      prefix + name,
      ...(typeof member === 'object' && member !== null ? paths(member, `${prefix}${name}.`) : []),
    ]);
  }

  function schemaPaths(schema: TSchema, prefix = ''): string[] {
    if (!Type.IsObject(schema)) return [];
    return Object.entries(schema.properties).flatMap(([name, member]) => [
      prefix + name,
      ...schemaPaths(member, `${prefix}${name}.`),
    ]);
  }
});

describe('the passphrase', () => {
  const nobody = () => Promise.reject(new Error('nobody was to be asked'));
  const from = (passphrase: unknown): Config => checkConfig({ ...smallest, passphrase }, folder);

  test('comes from a file, without one newline at its end', async () => {
    written('passphrase', ' two words \n\n');
    expect(await readPassphrase(from({ file: 'passphrase' }), nobody)).toBe(' two words \n');
  });

  test('comes from the environment', async () => {
    vi.stubEnv('CURFEW_TEST_PASSPHRASE', 'from outside');
    expect(await readPassphrase(from({ env: 'CURFEW_TEST_PASSPHRASE' }), nobody)).toBe('from outside');
  });

  test('comes from a person', async () => {
    expect(await readPassphrase(from('prompt'), async (question) => `answer to ${question}`)).toBe(
      'answer to Passphrase of the list keys: ',
    );
  });

  test.each([0o640, 0o604, 0o620])('in a file of mode %o is refused: others have a hand on it', async (mode) => {
    written('open', 'secret\n', mode);
    await expect(readPassphrase(from({ file: 'open' }), nobody)).rejects.toThrow('passphrase.file: can be read by others');
  });

  test.each([
    [{ file: 'missing' }, 'passphrase.file: names a file that cannot be read (ENOENT)'],
    [{ file: 'empty' }, 'passphrase.file: gives an empty passphrase'],
    [{ env: 'CURFEW_TEST_UNSET' }, 'passphrase.env: gives an empty passphrase'],
  ])('%j is refused', async (passphrase, message) => {
    written('empty', '\n');
    await expect(readPassphrase(from(passphrase), nobody)).rejects.toThrow(message);
  });
});
