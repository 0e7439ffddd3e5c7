// What a person does with the page: writes, watches, stops, allows, denies, asks again, goes elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Person, fixture, letters } from './site.mjs';

const all = fixture({ TERTULIA_AGENT_PACE: '12' });

test('what is thought, a tool and the answer are seen as they come', async () => {
  const ana = await Person.at(all);
  await ana.say('what is 12*(3+4)');
  await ana.page.getByText('Thinking…').waitFor();
  await ana.page.locator('.tool', { hasText: 'calculator' }).waitFor();
  await ana.quiet();
  assert.equal(await ana.page.locator('.tool').getAttribute('data-state'), 'done');
  assert.match(await ana.answer(), /84/);
  assert.match(await ana.page.locator('.thinking summary').innerText(), /Thought/);
  assert.equal(await ana.page.title(), 'what is 12*(3+4) · Tertulia');
  await ana.page.locator('.tool summary').click();
  assert.match(await ana.page.getByLabel('What it gave').innerText(), /84/);
  assert.deepEqual(ana.errors, []);
  await ana.close();
});

test('a text grows until it is whole', async () => {
  const ana = await Person.at(all);
  await ana.say('tell me a long story');
  const first = await ana.written(100);
  const second = await ana.written(first.length + 100);
  assert.ok(second.startsWith(first.trimEnd()), 'what was said stays');
  assert.equal(await ana.page.locator('article').getAttribute('aria-busy'), 'true');
  await ana.quiet();
  const [said] = await all.site.messages(ana.id);
  assert.equal(letters(await ana.answer()), letters(said.replies.join('')));
  await ana.close();
});

test('two tabs and other programs see the same', async () => {
  const ana = await Person.at(all, { path: '/#alice' });
  const tab = await Person.at(all, { path: '/#alice', context: ana.context });
  await ana.say('tell me a long story');
  await tab.written(80);
  // The page that is behind is drawn later.
  await ana.written(80);
  await ana.quiet();
  await tab.quiet();
  assert.equal(await tab.answer(), await ana.answer());
  assert.deepEqual(await all.site.say('alice', 'my name is Ana'), ['Nice to meet you, Ana.']);
  for (const person of [ana, tab]) {
    await person.sees('Nice to meet you, Ana.');
    assert.deepEqual(await person.page.locator('.bubble').allInnerTexts(), ['tell me a long story', 'my name is Ana']);
  }
  assert.deepEqual([...ana.errors, ...tab.errors], []);
  await ana.close();
});

for (const [how, act] of [
  ['its button', (ana) => ana.page.getByRole('button', { name: 'Stop' }).click()],
  ['Escape', (ana) => ana.page.keyboard.press('Escape')],
]) {
  test(`an answer is stopped by ${how}, and what was said stays`, async () => {
    const ana = await Person.at(all);
    await ana.say('tell me a long story');
    await ana.written(60);
    await act(ana);
    await ana.quiet();
    await ana.sees('Stopped');
    const [said] = await all.site.messages(ana.id);
    assert.equal(letters(await ana.answer()), letters(said.replies.join('')));
    assert.ok(said.replies.join('').split(' ').length < 200, 'it is not the whole story');
    await ana.close();
  });
}

for (const [verb, expected, state] of [['Approve', 'done', 'You approved this'], ['Deny', 'denied', 'You denied this']]) {
  test(`a tool that asks is told: ${verb}`, async () => {
    const ana = await Person.at(all);
    await ana.say('note buy bread');
    await ana.sees('Noted, number 1.');
    await ana.say('delete my notes');
    await ana.page.getByRole('button', { name: verb }).click();
    await ana.sees(state);
    await ana.quiet();
    await ana.page.locator(`.tool[data-state="${expected}"]`).waitFor();
    assert.equal(await ana.page.getByRole('button', { name: verb }).count(), 0);
    await ana.say('notes');
    await ana.sees(verb === 'Approve' ? 'There are no notes yet.' : /^buy bread$/);
    // After a reload it is the same.
    await ana.page.reload();
    await ana.page.locator(`.tool[data-state="${expected}"]`).waitFor();
    assert.deepEqual(ana.errors, []);
    await ana.close();
  });
}

test('an approval waits while the page is away', async () => {
  const ana = await Person.at(all);
  await ana.say('note buy bread');
  await ana.sees('Noted, number 1.');
  await ana.say('delete my notes');
  await ana.page.getByRole('button', { name: 'Approve' }).waitFor();
  await ana.page.reload();
  await ana.page.getByRole('button', { name: 'Deny' }).click();
  await ana.page.locator('.tool[data-state="denied"]').waitFor();
  await ana.close();
});

test('a message is said again in a new conversation, and the old one stays', async () => {
  const ana = await Person.at(all);
  await ana.say('note one');
  await ana.sees('Noted, number 1.');
  await ana.say('note two');
  await ana.sees('Noted, number 2.');
  const old = ana.id;
  await ana.answers.last().getByRole('button', { name: 'Regenerate' }).click();
  await ana.page.waitForFunction((old) => location.hash !== `#${old}`, old);
  await ana.quiet();
  await ana.sees('Noted, number 2.');
  assert.notEqual(ana.id, old);
  assert.deepEqual(await ana.page.locator('.bubble').allInnerTexts(), ['note one', 'note two'], 'with what came before');
  assert.equal(await ana.page.locator('#list li').count(), 2);
  await ana.page.locator('#list a').last().click();
  await ana.page.waitForFunction((old) => location.hash === `#${old}`, old);
  await ana.sees('Noted, number 2.');
  await ana.close();
});

test('conversations are opened by their names and their addresses', async () => {
  await all.site.say('carla', 'my name is Carla');
  const ana = await Person.at(all);
  assert.ok(await ana.page.getByRole('heading', { name: 'What is on your mind?' }).isVisible());
  await ana.page.getByLabel('Open by name').fill('carla');
  await ana.page.getByRole('button', { name: 'Open', exact: true }).click();
  await ana.sees('Nice to meet you, Carla.');
  await ana.page.getByRole('button', { name: 'New conversation' }).click();
  assert.equal(await ana.page.locator('.item').count(), 0);
  await ana.say('my name is Ana');
  await ana.sees('Nice to meet you, Ana.');
  assert.match(ana.id, /^[0-9a-f]{32}$/);
  const link = ana.page.url();
  await ana.page.goBack();
  const elsewhere = await Person.at(all);
  await elsewhere.page.goto(link);
  await elsewhere.sees('Nice to meet you, Ana.');
  await elsewhere.close();
  await ana.close();
});

test('what is said is never more than text', async () => {
  const ana = await Person.at(all);
  await ana.say('note <img src=x onerror="document.title=1"><script>document.title=2</script> [go](javascript:alert(1)) **bold**');
  await ana.sees('Noted, number 1.');
  await ana.say('notes');
  await ana.page.locator('.prose strong', { hasText: 'bold' }).waitFor();
  assert.equal(await ana.page.locator('#thread img, #thread script, #thread a[href^="javascript"]').count(), 0);
  assert.match(await ana.answer(), /<img src=x/);
  assert.deepEqual(ana.errors, []);
  await ana.close();
});
