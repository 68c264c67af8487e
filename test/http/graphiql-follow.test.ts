/** Following jobs in GraphiQL: the button after a submit, whatever the document. */
import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { GraphiqlPage } from '../support/graphiql-page.js';
import { startGateway, type TestGateway } from '../support/harness.js';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

describe.skipIf(!isChromiumInstalled())('the Follow button of GraphiQL', { timeout: 120_000 }, () => {
  let browser: Browser;
  let gateway: TestGateway;
  let graphiql: GraphiqlPage;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([
      launchChromium(),
      startGateway({ env: { AUTH_API_KEYS: 'acme:sesame-0123456789abcdef' } }),
    ]);
    graphiql = await GraphiqlPage.open(browser, gateway.url);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });
  beforeEach(async () => {
    await graphiql.startOver();
    await graphiql.fill('Headers', { authorization: 'Bearer sesame-0123456789abcdef' });
  });

  function button(name: string) {
    return graphiql.page.getByRole('button', { name, exact: true });
  }

  /** The example of the README with this operation, with the URLs of this sandbox. */
  function example(operation: string): string {
    const blocks = [...readme.matchAll(/^```graphql\n(.*?)^```/gms)].map(([, text = '']) => text);
    const found = blocks.find((text) => text.includes(operation)) ?? expect.fail(`No ${operation}`);
    return found.replaceAll('http://127.0.0.1:4001', gateway.sandbox.url);
  }

  /** A submit whose target is in a variable. */
  function submit(name: string): string {
    return `submitFaceSwap(input: {
      sourceImage: [{ path: "${gateway.sandbox.url}/samples/source-face.png?${name}" }]
      targetImage: [{ path: $target }]
    })`;
  }

  test.each([
    ['mutation Submit', 'Submit'],
    ['mutation Batch', undefined],
    ['mutation Plus', 'Plus'],
  ])('follows the job of the example with "%s" in the README', async (text, operation) => {
    await graphiql.paste(example(text));
    await graphiql.execute(operation);
    await button('Follow this job').click();
    await expect
      .poll(() => graphiql.answer(), { timeout: 30_000 })
      .toHaveProperty('data.jobUpdated.status', 'COMPLETED');
    await graphiql.page.getByAltText('Result of the face swap').waitFor();

    expect(await graphiql.textOf('variables.json')).toBe('');
    await graphiql.page.locator('.graphiql-tab').first().click();
    await expect.poll(() => graphiql.textOf('operation.graphql')).toBe(example(text));
    expect(await graphiql.textOf('variables.json')).toBe('');
    expect(graphiql.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  });

  test('follows each of several jobs, in fragments and under aliases, and leaves variables alone', async () => {
    const variables = { target: `${gateway.sandbox.url}/samples/target-face.png`, with: true };
    const document = `query Other { jobs(first: 1) { edges { node { id } } } }
fragment Payload on SubmitFaceSwapPayload { theJob: job { status } theJob: job { ...Id } deduplicated }
fragment Id on Job { ... on FaceSwapJob { theId: id } }
mutation Several($target: URL!, $with: Boolean!) {
  one: ${submit('one')} { ...Payload }
  ... on Mutation @include(if: $with) { two: ${submit('two')} { ... { job { id version } } } }
  ${submit('three')} { job { status } }
  four: ${submit('four')} @skip(if: $with) { job { id } }
}
subscription Mine { jobsUpdated { id } }`;
    await graphiql.fill('Variables', variables);
    await graphiql.paste(document);
    await graphiql.execute('Several');
    await button('Follow two').waitFor();
    const panel = graphiql.page.locator('.job-panel');
    const offers = 'Follow one\nFollow two\nTo follow submitFaceSwap, select job { id }.';
    expect(await panel.innerText()).toBe(offers);
    const submitted = (await graphiql.answer()) as {
      data: { one: { theJob: { theId: string } }; two: { job: { id: string } } };
    };

    for (const [name, id] of [
      ['two', submitted.data.two.job.id],
      ['one', submitted.data.one.theJob.theId],
    ] as const) {
      await button(`Follow ${name}`).click();
      await expect
        .poll(() => graphiql.answer(), { timeout: 30_000 })
        .toHaveProperty('data.jobUpdated.status', 'COMPLETED');
      expect(await graphiql.textOf('operation.graphql')).toContain(
        `subscription Follow_${name} {\n  jobUpdated(id: "${id}")`,
      );
      await graphiql.page.locator('.graphiql-tab').first().click();
      await expect.poll(() => panel.innerText()).toBe(offers);
      expect(JSON.parse(await graphiql.textOf('variables.json'))).toEqual(variables);
    }
    // Following a job again uses its tab again.
    await button('Follow two').click();
    await graphiql.page.getByAltText('Result of the face swap').waitFor();
    const [, ...tabs] = await graphiql.page.locator('.graphiql-tab').allInnerTexts();
    expect(tabs).toEqual(['Follow_two', 'Follow_one']);
  });

  test('follows the job of a mutation whose neighbor failed', async () => {
    const variables = { target: `${gateway.sandbox.url}/samples/target-face.png` };
    await graphiql.fill('Variables', variables);
    await graphiql.paste(`mutation ($target: URL!) {
  good: ${submit('good')} { job { id } }
  bad: submitFaceSwap(input: { sourceImage: [], targetImage: [] }) { job { id } }
}`);
    await graphiql.execute();
    await button('Follow this job').click();
    await expect
      .poll(() => graphiql.answer(), { timeout: 30_000 })
      .toHaveProperty('data.jobUpdated.status', 'COMPLETED');
  });
});
