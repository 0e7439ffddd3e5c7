// Who can use the page: in light and dark, on a phone and on a desk, by keyboard, with a screen reader, with a token.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { Person, Site, fixture } from './site.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const TOKEN = 'a-token-of-the-page-0123456789';
const all = fixture({ TERTULIA_AGENT_PACE: '1' });

async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document));
  const bad = found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  return bad.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

/** A conversation with all that there is to see. */
async function fill(ana) {
  await ana.say('what is 12*(3+4)');
  await ana.quiet();
  await ana.say('search how streams survive a crash');
  await ana.quiet();
  await ana.say('note buy bread');
  await ana.quiet();
  await ana.say('delete my notes');
  await ana.page.getByRole('button', { name: 'Approve' }).waitFor();
}

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of [[390, 844], [1280, 800]]) {
    test(`nothing serious stands in the way: ${colorScheme}, ${width} by ${height}`, async () => {
      // The checker is a script that the page's policy would not let in.
      const ana = await Person.at(all, { colorScheme, viewport: { width, height }, bypassCSP: true, reducedMotion: 'reduce' });
      await ana.page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
      assert.deepEqual(await violations(ana.page), [], 'empty');
      await fill(ana);
      assert.deepEqual(await violations(ana.page), [], 'full');
      for (const summary of await ana.page.locator('summary').all()) await summary.click();
      assert.deepEqual(await violations(ana.page), [], 'with everything open');
      if (width < 800) {
        await ana.page.getByRole('button', { name: 'Conversations' }).click();
        await ana.page.getByRole('navigation').waitFor();
        assert.deepEqual(await violations(ana.page), [], 'with the list');
      }
      await ana.close();
    });
  }
}

test('nothing is wider than a small phone', async () => {
  const ana = await Person.at(all, { viewport: { width: 320, height: 640 } });
  const wide = () => ana.page.evaluate(() => [document.documentElement, document.getElementById('scroll')]
    .map((element) => element.scrollWidth - element.clientWidth));
  assert.deepEqual(await wide(), [0, 0]);
  await fill(ana);
  await ana.say(`a${'very'.repeat(60)}longword`);
  await ana.quiet();
  for (const summary of await ana.page.locator('summary').all()) await summary.click();
  assert.deepEqual(await wide(), [0, 0]);
  await ana.close();
});

test('the keyboard is enough', async () => {
  const ana = await Person.at(all);
  const focused = () => ana.page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? (document.activeElement.textContent || document.activeElement.id).trim());
  const tabTo = async (name, back = false) => {
    for (let tried = 0; tried < 60; tried += 1) {
      if ((await focused()) === name) return;
      await ana.page.keyboard.press(back ? 'Shift+Tab' : 'Tab');
    }
    assert.fail(`${name} is not reached, only ${await focused()}`);
  };
  assert.equal(await focused(), 'message', 'one can write at once');
  await ana.page.keyboard.type('note buy bread');
  await ana.page.keyboard.press('Shift+Enter');
  await ana.page.keyboard.type('and milk');
  await ana.page.keyboard.press('Enter');
  await ana.sees('Noted, number 1.');
  assert.equal(await ana.page.locator('.bubble').innerText(), 'note buy bread\nand milk');
  assert.equal(await focused(), 'message', 'one can write on');
  await ana.page.keyboard.type('delete my notes');
  await ana.page.keyboard.press('Enter');
  await ana.page.getByRole('button', { name: 'Deny' }).waitFor();
  await tabTo('Deny', true);
  await ana.page.keyboard.press('Enter');
  await ana.page.locator('.tool[data-state="denied"]').waitFor();
  assert.equal(await focused(), 'message', 'the focus is not lost with the button');
  await ana.quiet();
  await tabTo('New conversation');
  await ana.page.keyboard.press('Enter');
  await ana.page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
  assert.equal(await focused(), 'message');
  await ana.close();
});

test('on a phone the list is opened and closed by keyboard', async () => {
  const ana = await Person.at(all, { viewport: { width: 390, height: 844 } });
  const button = ana.page.getByRole('button', { name: 'Conversations' });
  await button.focus();
  await ana.page.keyboard.press('Enter');
  assert.equal(await button.getAttribute('aria-expanded'), 'true');
  await ana.page.getByRole('button', { name: 'Close the list' }).waitFor();
  await ana.page.keyboard.press('Escape');
  assert.equal(await button.getAttribute('aria-expanded'), 'false');
  assert.equal(await ana.page.evaluate(() => document.activeElement.id), 'open-side');
  await ana.close();
});

test('who listens is told of each answer once, when it is whole', async () => {
  const ana = await Person.at(all, { path: '/#listener' });
  await ana.page.evaluate(() => {
    globalThis.told = [];
    new MutationObserver(() => globalThis.told.push(document.getElementById('announce').textContent))
      .observe(document.getElementById('announce'), { childList: true, characterData: true, subtree: true });
  });
  await ana.say('tell me a long story');
  await ana.written(100);
  await ana.quiet();
  await ana.page.waitForFunction(() => globalThis.told.length > 0);
  await ana.say('note buy bread');
  await ana.sees('Noted, number 1.');
  await ana.say('delete my notes');
  await ana.page.getByRole('button', { name: 'Approve' }).waitFor();
  await ana.page.waitForFunction(() => globalThis.told.some((text) => text.includes('Approval is needed')));
  const told = await ana.page.evaluate(() => globalThis.told);
  assert.match(told[0], /^Answer: .{300}/s, 'the first is the whole story');
  assert.match(told[1], /^Answer: Noted, number 1/);
  assert.ok(told.length <= 4, `${told.length}`);
  await ana.page.reload();
  await ana.sees('Noted, number 1.');
  await ana.quiet();
  assert.doesNotMatch(await ana.page.locator('#announce').textContent(), /Answer/, 'what was said before is not told again');
  await ana.close();
});

test('a server that asks for a token is given one, by the page', async () => {
  const site = await Site.start({ TERTULIA_AGENT_PACE: '1', TERTULIA_TOKEN: TOKEN });
  site.headers = { authorization: `Bearer ${TOKEN}` };
  const ana = await Person.at({ ...all, site }, { path: '/#ana' });
  const field = ana.page.getByLabel('Token', { exact: true });
  await field.fill('not-the-token');
  await field.press('Enter');
  await ana.page.getByText('That token is not the right one').waitFor();
  await field.fill(TOKEN);
  await field.press('Enter');
  await ana.say('tell me a long story');
  await ana.written(100);
  await ana.quiet();
  assert.equal((await site.messages('ana')).length, 1);
  assert.equal(await ana.page.evaluate(() => JSON.stringify(localStorage).includes('a-token')), false, 'it is kept in the tab only');
  await ana.page.reload();
  await ana.written(100);
  await ana.close();
  await site.stop();
});
