// One person's first visit, in a real browser: open a trial, upload, edit, subscribe, send a report now, open the mail,
// unsubscribe, look at the history; and what a reader sees of it.
// node journey.mjs BASE_URL SCREENSHOT_FOLDER. Every wait is for something that a person would see.
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import assert from 'node:assert/strict';

const require = createRequire(process.env.TRIALBRIEF_NODE_MODULES + '/');
const { chromium } = require('playwright-core');
const [base, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 }, timezoneId: 'Europe/Berlin', locale: 'en-GB' });
page.setDefaultTimeout(20_000);

// What the browser may complain of, by address and words: answers that the client expects, and what this journey breaks.
const EXPECTED = [
  [/\/api\/me$/, /401/], // nobody is signed in yet
  [/\/thumbnail$/, /404/], // not analysed yet
  [/\/api\/documents$/, /ERR_FAILED/], // the upload that is cut off below
];
const wrong = [];
page.on('pageerror', (error) => wrong.push(`script error: ${error.message}`));
page.on('console', (message) => {
  const { url } = message.location();
  const expected = EXPECTED.some(([address, words]) => address.test(url) && words.test(message.text()));
  if (message.type() === 'error' && !expected) wrong.push(`${message.text()} (${url})`);
});
page.on('request', (request) => {
  // The browser's own PDF viewer asks for chrome: addresses, which leave no machine.
  if (/^(https?|wss?):/.test(request.url()) && !request.url().startsWith(base)) {
    wrong.push(`asked another party: ${request.url()}`);
  }
});

const trial = `${base}/#/trials/ACME-101`;
const signIn = async (name) => {
  await page.goto(base);
  await page.click(`.people button:has-text("${name}")`);
  await page.waitForSelector('#nav');
};

/** A dialog that is saved changes what somebody touched, and nothing that its controls cannot show. */
async function editOneProperty() {
  const stored = await page.request.post(`${base}/api/documents?TrialId=ACME-101&Filename=a%0D%0Ab.txt`, {
    headers: { 'Content-Type': 'text/plain' }, data: 'two lines in its name\n',
  });
  const address = `${base}/api/documents/${(await stored.json())._id}`;
  // Other programs write what they like into the collection.
  const theirs = { DocumentDate: '2026-11-02T09:30:00Z', Status: 7 };
  const sent = [];
  await page.route(address, async (route) => {
    if (route.request().method() === 'PATCH') sent.push(route.request().postDataJSON());
    if (route.request().method() !== 'GET') return route.continue();
    const answer = await route.fetch();
    return route.fulfill({ response: answer, json: { ...await answer.json(), ...theirs } });
  });
  await page.goto(`${base}/#/documents/${address.split('/').pop()}`);
  await page.click('button:has-text("Edit")');
  await page.fill('dialog [name=SiteId]', 'DE-02');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('dialog', { state: 'detached' });
  assert.deepEqual(sent, [{ SiteId: 'DE-02' }]);
  await page.unroute(address);
}

/** A retry is queued once however often it is pressed, and a picture that was not there at first comes by itself. */
async function retryAnUpload() {
  let posts = 0;
  await page.route(`${base}/api/documents`, (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    posts += 1;
    return posts === 1 ? route.abort() : route.continue();
  });
  await page.goto(trial);
  await page.waitForSelector('.figures');
  await page.setInputFiles('#choose-files', [{ name: 'screen.png', mimeType: 'image/png', buffer: await page.screenshot() }]);
  await page.locator('.uploads button:has-text("Try again")').evaluate((button) => {
    button.click();
    button.click();
  });
  await page.waitForSelector('.uploads a:has-text("Stored")');
  await page.waitForFunction(() => [...document.querySelectorAll('.table .file')].some((row) =>
    row.textContent.includes('screen.png') && row.querySelector('img')?.naturalWidth > 0));
  assert.equal(posts, 2);
  await page.unroute(`${base}/api/documents`);
}

try {
  await signIn('Ada Berger');
  await page.click('button:has-text("Open a trial")');
  await page.fill('dialog [name=trial]', 'ACME-101');
  await page.fill('dialog [name=title]', 'A device study');
  await page.click('dialog button[type=submit]');
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
  await editOneProperty();
  await retryAnUpload();

  await page.click('text=Subscribe >> nth=-1');
  await page.fill('dialog [name=zone]', 'Europe/Berlin');
  await page.waitForFunction(() => /^Every Monday at \d\d:\d\d Europe\/Berlin; next: \d+ \w+ \d{4}$/.test(document.querySelector('.sentence')?.textContent ?? ''));
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('dialog', { state: 'detached' });

  await page.goto(`${base}/#/subscriptions`);
  await page.click('button:has-text("Send me a report now") >> nth=0');
  await page.goto(`${base}/#/outbox`);
  let mail;
  for (let tries = 0; !mail; tries += 1) {
    assert.ok(tries < 40, 'the mail did not come within 20 seconds');
    const outbox = await (await page.request.get(`${base}/api/outbox`)).json();
    mail = outbox.items[0];
    if (!mail) await page.waitForTimeout(500);
  }
  assert.match(mail.to, /Ada Berger <berger@/);
  await page.reload();
  await page.click('.table a >> nth=0');
  await page.waitForSelector('pre.mail');
  const text = await page.textContent('main');
  assert.match(text, /so far/);
  assert.match(text, /3 documents added/);
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

  await page.goto(`${trial}/members`);
  await page.fill('[name=user]', 'u-weber');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.table tr:has-text("Greta Weber") >> text=Reader');
  await page.goto(`${trial}/audit`);
  await page.waitForSelector('.events tr:has-text("Membership granted"):has-text("Ada Berger")');
  await page.click('.events tr:has-text("Document added") a >> nth=0');
  await page.waitForSelector('text=hash chain: intact');
  await page.screenshot({ path: `${folder}/history.png` });

  await page.click('button:has-text("Sign out")');
  await signIn('Greta Weber');
  await page.goto(trial);
  await page.click('.table .file a >> nth=0');
  await page.waitForSelector('a:has-text("Open file")');
  assert.equal(await page.locator('button:has-text("Edit"), button:has-text("Delete")').count(), 0);
  assert.deepEqual(wrong, []);
  console.log('the journey is complete');
} catch (error) {
  await page.screenshot({ path: `${folder}/failed.png` });
  console.error(error, wrong);
  process.exitCode = 1;
} finally {
  await browser.close();
}
