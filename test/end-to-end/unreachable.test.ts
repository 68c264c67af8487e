/** While Akool can't be reached, the log and the job say which host that is, and nothing secret. */
import { afterEach, expect, it } from 'vitest';
import { ask, dataOf, submit } from '../support/caller.js';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

afterEach(() => gateway.stop());

it.each([
  ['refuses connections', /127\.0\.0\.1:\d+ can't be reached \(ECONNREFUSED\)/],
  ['does not answer in time', /no answer from 127\.0\.0\.1:\d+ in time/],
])('a job is submitted while Akool %s', async (how, why) => {
  const logged = recordedLog('debug');
  gateway = await startGateway({ env: { AKOOL_TIMEOUT_MS: '300' }, overrides: { log: logged.log } });
  const { sandbox, url } = gateway;
  const gate = how === 'refuses connections' ? null : sandbox.hold('submit');
  if (gate === null) await sandbox.stop();
  const { id } = await submit(url);
  const said = `{ job(id: "${id}") { history { note } } }`;
  const noteOf = async (): Promise<string> => {
    const { job } = await dataOf(ask<{ job: { history: { note: string | null }[] } }, never>(url, said));
    return job.history.map(({ note }) => note ?? '').join('\n');
  };
  await expect.poll(noteOf).toMatch(why);
  const text = JSON.stringify(logged.lines);
  expect(text).toMatch(why);
  expect(text).not.toContain(sandbox.apiKey);
  expect(text).not.toMatch(/webhooks\/akool\/./);
  gate?.release();
});

it('polls that fail say so too', async () => {
  const logged = recordedLog();
  gateway = await startGateway({
    env: { POLL_AFTER_MS: '50' },
    sandbox: { queueMs: 3_600_000 },
    overrides: { log: logged.log },
  });
  const { host } = new URL(gateway.sandbox.url);
  await submit(gateway.url);
  await gateway.sandbox.stop();
  await expect
    .poll(() => logged.lines)
    .toContainEqual(
      expect.objectContaining({
        msg: 'jobs could not be polled',
        err: expect.objectContaining({
          message: expect.stringContaining(`${host} can't be reached (ECONNREFUSED)`),
        }),
      }),
    );
});

it('what a client asked for at once is in the log as well, and a job that waits for faces says so', async () => {
  const logged = recordedLog();
  gateway = await startGateway({ overrides: { log: logged.log } });
  const { host } = new URL(gateway.sandbox.url);
  await gateway.sandbox.stop();
  await ask(
    gateway.url,
    '{ account { credit } detectFaces(input: { url: "https://example.com/a.jpg" }) { frames { index } } }',
  );
  const why = expect.objectContaining({ message: expect.stringContaining(`${host} can't be reached`) });
  for (const msg of ['Akool did not tell the balance', 'faces could not be detected'])
    expect(logged.lines).toContainEqual(expect.objectContaining({ msg, err: why }));

  const pictures = '[{ path: "https://example.com/a.jpg" }, { path: "https://example.com/b.jpg" }]';
  const { submitFaceSwap } = await dataOf(
    ask<{ submitFaceSwap: { job: { id: string } } }, never>(
      gateway.url,
      `mutation { submitFaceSwap(input: { sourceImage: ${pictures}, targetImage: ${pictures}, detectOpts: true }) { job { id } } }`,
    ),
  );
  const said = `{ job(id: "${submitFaceSwap.job.id}") { history { note } } }`;
  await expect
    .poll(async () => JSON.stringify(await dataOf(ask<object, never>(gateway.url, said))))
    .toContain(`${host} can't be reached`);
});
