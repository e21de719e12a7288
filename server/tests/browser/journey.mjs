// One person's first visit, in a real browser: upload, subscribe, send a report now, open the mail, unsubscribe.
// node journey.mjs BASE_URL SCREENSHOT_FOLDER. Every wait is for something that a person would see.
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const require = createRequire(process.env.TRIALBRIEF_NODE_MODULES + '/');
const { chromium } = require('playwright-core');
const [base, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 }, timezoneId: 'Europe/Berlin', locale: 'en-GB' });
page.setDefaultTimeout(20_000);
const wrong = [];
page.on('pageerror', (error) => wrong.push(`script error: ${error.message}`));
page.on('request', (request) => {
  // The browser's own PDF viewer asks for chrome: addresses, which leave no machine.
  if (/^(https?|wss?):/.test(request.url()) && !request.url().startsWith(base)) {
    wrong.push(`asked another party: ${request.url()}`);
  }
});

try {
  await page.goto(base);
  await page.click('.people button:has-text("Ada Berger")');
  await page.click('.cards >> text=A device study');
  await page.waitForSelector('.figures');

  // A file name that would be markup or a path if anything took it for one.
  const name = '../<img src=x onerror=alert(1)> ward.txt';
  const shown = page.locator('.uploads');
  await page.setInputFiles('#choose-files', [
    { name, mimeType: 'text/plain', buffer: Buffer.from('the ward was clean\n'.repeat(20)) },
  ]);
  await shown.locator('a').first().waitFor();
  assert.match(await shown.textContent(), /<img src=x onerror=alert\(1\)> ward\.txt/);
  await page.waitForFunction(() => /\b1\b/.test(document.querySelector('.figures')?.textContent ?? ''));
  await page.screenshot({ path: `${folder}/trial.png` });

  await page.click('text=Subscribe >> nth=-1');
  await page.fill('dialog [name=zone]', 'Europe/Berlin');
  await page.waitForFunction(() => /Every Monday at \d\d:\d\d Europe\/Berlin/.test(document.querySelector('.sentence')?.textContent ?? ''));
  assert.match(await page.textContent('.sentence'), /next/i);
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('dialog', { state: 'detached' });

  await page.goto(`${base}/#/subscriptions`);
  await page.click('button:has-text("Send now") >> nth=0');
  await page.goto(`${base}/#/outbox`);
  let mail;
  for (let tries = 0; !mail; tries += 1) {
    assert.ok(tries < 40, 'the mail did not come within 20 seconds');
    const outbox = await (await page.request.get(`${base}/api/outbox`)).json();
    mail = outbox.items[0];
    if (!mail) await page.waitForTimeout(500);
  }
  await page.reload();
  await page.click('.table a >> nth=0');
  await page.waitForSelector('text=so far');
  const text = await page.textContent('main');
  assert.match(text, /1 document added/);
  await page.screenshot({ path: `${folder}/mail.png` });

  const source = await (await page.request.get(`${base}/api/outbox/${mail.id}`)).json();
  const link = source.text.match(/https?:\/\/\S+\/unsubscribe\/\S+/)[0];
  await page.goto(link);
  await page.waitForSelector('text=Unsubscribe?');
  await page.click('button:has-text("Unsubscribe")');
  await page.waitForSelector('text=You are unsubscribed');
  await page.goto(`${base}/#/subscriptions`);
  await page.waitForSelector('text=Ended');

  await page.goto(`${base}/#/reports`);
  await page.click('.table a >> nth=0');
  await page.waitForSelector('iframe, object, embed');
  assert.deepEqual(wrong, []);
  console.log('the journey is complete');
} catch (error) {
  await page.screenshot({ path: `${folder}/failed.png` });
  console.error(error, wrong, `\nscreenshot: ${folder}/failed.png`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
