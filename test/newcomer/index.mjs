/**
 * `npm run newcomer`: how long it takes from `git clone` to a comparison of two files in the studio, as the README says,
 * in a Chromium that reaches nothing but this machine. Fails over MAX_SECONDS, or if the studio shows nothing within
 * MAX_PAINT_MS.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { readCommandLine } from '../../scripts/command-line.mjs';

const MAX_SECONDS = 60;
const MAX_PAINT_MS = 1000;

readCommandLine(
  'npm run newcomer',
  'npm run newcomer: times the way of a newcomer, from git clone to a swap of two files. It takes no arguments.',
);
const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
if (!existsSync(executablePath)) throw new Error(`Chromium is not at ${executablePath} (CHROMIUM_PATH)`);

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'newcomer-'));
const project = join(folder, 'face-swap-gateway');
const picture = (name) => join(folder, `${name}.png`);

let begun = performance.now();
let total = 0;
function took(step) {
  const seconds = (performance.now() - begun) / 1000;
  total += seconds;
  console.log(`${step.padEnd(40)} ${seconds.toFixed(1).padStart(6)} s`);
  begun = performance.now();
}

let gateway;
let browser;
try {
  execFileSync('git', ['clone', '--quiet', root, project]);
  took('git clone');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: project });
  took('npm ci');
  // A group of its own, because npm does not pass signals on.
  gateway = spawn('npm', ['start'], { cwd: project, detached: true, env: { ...process.env, PORT: '0' } });
  const { studio, sandbox } = await addresses(gateway);
  took('npm start, with its build');

  // The files of whoever tries it are there already.
  for (const name of ['source-face', 'target-face']) {
    execFileSync('curl', ['-sfo', picture(name), `${sandbox}/samples/${name}.png`]);
  }
  browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  const page = await browser.newPage();
  begun = performance.now();
  await page.goto(studio);
  const paint = await page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => {
          for (const { name, startTime } of list.getEntries())
            if (name === 'first-contentful-paint') resolve(startTime);
        }).observe({ type: 'paint', buffered: true });
      }),
  );
  for (const [place, name] of [
    ['Face', 'source-face'],
    ['Scene', 'target-face'],
  ]) {
    const slot = page.getByRole('region', { name: new RegExp(`^${place}`) });
    await slot.locator('input[type=file]').setInputFiles(picture(name));
    await slot.getByText(/^Ready, /).waitFor();
  }
  await page.getByRole('button', { name: 'Swap faces' }).click();
  await page.getByRole('slider').waitFor();
  took('two files, and their comparison');
  console.log(`${'together'.padEnd(40)} ${total.toFixed(1).padStart(6)} s, at most ${MAX_SECONDS}`);
  console.log(
    `${'first paint of the studio'.padEnd(40)} ${(paint / 1000).toFixed(2).padStart(6)} s, at most ${MAX_PAINT_MS / 1000}`,
  );
  if (total > MAX_SECONDS || paint > MAX_PAINT_MS) process.exitCode = 1;
} finally {
  await browser?.close();
  if (gateway?.exitCode === null) {
    process.kill(-gateway.pid, 'SIGTERM');
    await once(gateway, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Where the gateway says that its studio and its sandbox are. */
function addresses({ stdout }) {
  return new Promise((resolve, reject) => {
    let printed = '';
    // Reads on to the end: what it logs later has to go somewhere.
    stdout.on('data', (chunk) => {
      printed += chunk;
      const [, studio] = /Studio\s+(http:\S+)/.exec(printed) ?? [];
      const [, sandbox] = /Sandbox\s+(http:\S+)/.exec(printed) ?? [];
      if (studio && sandbox) resolve({ studio, sandbox });
    });
    stdout.on('end', () => reject(new Error(`npm start ended:\n${printed}`)));
  });
}
