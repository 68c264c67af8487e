/** What the gateway prints on a terminal, and where a program may read it. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build, cleanUp, newFolder, ROOT, spawnGateway, startProcess } from '../support/gateway-process.js';

const ESCAPE = '\u001b';
/** With a line that is logged at the start. */
const LOGGED = { LOG_LEVEL: 'info', LOG_LEVLE: 'x' };

beforeAll(build, 60_000);
afterAll(cleanUp);

/** Starts it on a terminal, made by `script`, stops it, and returns all that it printed there. */
async function onTerminal(env: Record<string, string>): Promise<string> {
  const command = `echo $$; exec ${process.execPath} ${join(ROOT, 'dist/index.js')}`;
  const gateway = await spawnGateway('script', ['-qec', command, '/dev/null'], {
    cwd: newFolder(),
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...env, ...LOGGED },
  });
  process.kill(Number.parseInt(gateway.stdout(), 10), 'SIGTERM');
  await gateway.ended;
  return gateway.stdout().replaceAll('\r\n', '\n');
}

/** The same with standard output in a pipe. */
async function inPipe(env: Record<string, string>): Promise<string> {
  const gateway = await startProcess(newFolder(), { ...env, ...LOGGED });
  gateway.child.kill('SIGTERM');
  await gateway.ended;
  return gateway.stdout();
}

describe.concurrent('The log', () => {
  it('is lines for people on a terminal, in color', async () => {
    const printed = await onTerminal({});
    expect(printed).toContain(`${ESCAPE}[33mWARN${ESCAPE}[39m`);
    expect(printed).toMatch(/stopped.*\n$/);
    expect(printed).not.toMatch(/^\{"level"/m);
  });

  it('has no colors where NO_COLOR is set', async () => {
    const printed = await onTerminal({ NO_COLOR: '1' });
    expect(printed).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN \(LOG_LEVLE\): LOG_LEVLE is not .* \{"nearest":"LOG_LEVEL"\}$/m,
    );
    expect(printed).not.toContain(ESCAPE);
  });

  it('is JSON elsewhere, the start too', async () => {
    const printed = await inPipe({ NODE_ENV: 'production' });
    const events = printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual(expect.objectContaining({ level: 40, nearest: 'LOG_LEVEL' }));
    const [started, ...more] = events.filter(({ msg }) => msg.startsWith('Face-swap gateway is ready | '));
    const { url } = started;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(started).toMatchObject({ level: 30, graphql: `${url}/graphql`, publicUrl: url });
    expect(more).toEqual([]);
    expect(printed).not.toMatch(/graphiql/i);
    expect(events.at(-1).msg).toBe('stopped');
  });

  it.each(['warn', 'silent'])('tells the address with LOG_LEVEL=%s too', async (LOG_LEVEL) => {
    const gateway = await startProcess(newFolder(), { LOG_LEVEL, LOG_FORMAT: 'json' });
    const { url, graphiql } = JSON.parse(gateway.stdout());
    expect(gateway.url).toBe(url);
    expect((await fetch(graphiql)).status).toBe(200);
  });

  it('is as LOG_FORMAT says, wherever it goes', async () => {
    expect(await onTerminal({ LOG_FORMAT: 'json' })).toMatch(/^\{"level":40,.*\}$/m);
    const printed = await inPipe({ LOG_FORMAT: 'pretty' });
    expect(printed).toMatch(/^\[[\d:.]+\] WARN \(LOG_LEVLE\): LOG_LEVLE is not /m);
    expect(printed).toMatch(/^\[[\d:.]+\] INFO: stopped \{"ms":\d+\}\n$/m);
    expect(printed).not.toContain(ESCAPE);
  });
});
