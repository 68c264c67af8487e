/** The result URL that Akool reports, and why a job failed: by callback and by polling. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultPlan } from '../../src/sandbox/sandbox.js';
import { follow, lookUp, submit } from '../support/caller.js';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';
import type { SeenJob } from '../support/operations.js';

let gateway: TestGateway;
let logged: ReturnType<typeof recordedLog>;

afterEach(async () => {
  await gateway.stop();
});

/** How Akool's news arrive: by callbacks, or by polling because none arrive. */
const WAYS = ['callback', 'polling'] as const;

let faults: FaultPlan;

async function start(way: (typeof WAYS)[number], env: Record<string, string> = {}): Promise<void> {
  logged = recordedLog();
  faults = { rates: { webhook: { drop: way === 'polling' ? 1 : 0 } } };
  gateway = await startGateway({
    env: { KEEP_RESULTS: 'false', POLL_AFTER_MS: way === 'polling' ? '50' : '3600000', ...env },
    overrides: { log: logged.log },
  });
}

/** The final state of a job whose submit or result has this fault. */
async function endOf(fault: 'odd-address' | 'generation-fails', text: string): Promise<SeenJob> {
  gateway.sandbox.setFaults({ ...faults, script: [{ on: 'submit', fault, text }] });
  const job = await submit(gateway.url);
  const end = (await follow(gateway.url, job.id)).at(-1);
  if (end === undefined) throw new Error('Nothing was told of the job');
  return end;
}

describe.each(WAYS)("A result's address that is odd, by %s", (way) => {
  it.each([
    ['with blanks and letters outside ASCII', (url: string) => `${url}/für me.png`, '/f%C3%BCr%20me.png'],
    ['with a blank behind it', (url: string) => `${url}/me.png `, '/me.png'],
    ['with a line break', (url: string) => `${url}/a\nb.png`, '/a%0Ab.png'],
    ['relative to the API', () => '/results/me.png', '/results/me.png'],
    ['without a scheme', (url: string) => `${url.replace('http:', '')}/me.png`, '/me.png'],
    ['that begins with the host', (url: string) => `${url.replace('http://', '')}/me.png`, '/me.png'],
  ])('is read: %s', async (_how, said, path) => {
    await start(way);
    const end = await endOf('odd-address', said(gateway.sandbox.url));
    expect(end).toMatchObject({
      status: 'COMPLETED',
      result: { url: `${gateway.sandbox.url}${path}`, providerUrl: `${gateway.sandbox.url}${path}` },
    });
  });

  it('is fetched like any other', async () => {
    await start(way, { KEEP_RESULTS: 'true' });
    const end = await endOf('odd-address', ' /samples/target-face.png\n');
    expect(end).toMatchObject({ status: 'COMPLETED' });
    await expect.poll(async () => (await lookUp(gateway.url, end.id)).result?.archived).toBe(true);
  });

  it.each([
    ['none', 'none'],
    ['ftp://user:pw@cdn.example/me.png?Signature=s3cret', 'ftp://cdn.example/me.png'],
    ['https://[::1/me.png', 'https://[::1/me.png'],
  ])('ends the job at once when it can not be used: %s', async (said, address) => {
    await start(way);
    const end = await endOf('odd-address', said);
    expect(end).toMatchObject({
      status: 'FAILED',
      result: null,
      error: {
        code: 'RESULT_UNUSABLE',
        retryable: false,
        message: expect.stringMatching(/generated.*billed/),
      },
    });
    const { id: job, providerId } = end;
    expect(logged.lines).toContainEqual(expect.objectContaining({ job, providerId, address, level: 50 }));
    expect(JSON.stringify(logged.lines)).not.toMatch(/s3cret|user:pw/);
    expect(gateway.sandbox.bills).toHaveLength(1);
  });
});

describe.each(WAYS)('The reason of a failed generation, by %s', (way) => {
  it("is in the job's error as Akool gives it in alg_msg", async () => {
    await start(way);
    expect(await endOf('generation-fails', 'generate temp file error')).toMatchObject({
      status: 'FAILED',
      error: { code: 'GENERATION_FAILED', message: expect.stringContaining('“generate temp file error”') },
    });
  });
});
