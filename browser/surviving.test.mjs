// What may happen in the middle of an answer: the page goes, the network goes, the server goes. The text goes on where it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Cutter } from './cutter.mjs';
import { Person, fixture, letters } from './site.mjs';

const all = fixture({ TERTULIA_AGENT_PACE: '10' });

/** The last answer is, on the page and in the server, the whole story, once. */
async function whole(ana, nth = 0) {
  await ana.quiet();
  const said = (await all.site.messages(ana.id))[nth];
  assert.equal(said.state, 'answered');
  assert.ok(said.replies.join('').split(' ').length > 300, 'it is the whole story');
  const story = letters(said.replies.join(''));
  assert.equal(letters(await ana.answer()), story);
  for (const text of await ana.seen()) {
    assert.ok(story.startsWith(letters(text)), `at every moment it is a beginning of the story, not: ${text}`);
  }
  assert.deepEqual(ana.errors, []);
}

test('the page is loaded again', async () => {
  const ana = await Person.at(all);
  await ana.say('tell me a long story');
  const before = await ana.written(150);
  await ana.page.reload();
  const after = await ana.written(before.length);
  assert.ok(after.startsWith(before.trimEnd()), 'it begins with what was there');
  assert.equal(await ana.page.locator('.bubble').count(), 1);
  await whole(ana);
  await ana.close();
});

test('the page is closed, and opened again elsewhere', async () => {
  const ana = await Person.at(all);
  await ana.say('tell me a long story');
  await ana.written(100);
  const address = ana.page.url();
  await ana.close();
  const bea = await Person.at(all);
  await bea.page.goto(address);
  await bea.written(100);
  await whole(bea);
  await bea.close();
});

test('the server is killed and started again', async () => {
  const ana = await Person.at(all);
  await ana.say('tell me a long story');
  await ana.written(150);
  await all.site.kill();
  await ana.page.getByText('The server is not reached').waitFor();
  assert.ok((await ana.answer()).length >= 150, 'what was said is still there');
  await all.site.serve();
  await whole(ana);
  assert.equal(await ana.page.locator('.bubble').count(), 1);
  await ana.page.reload();
  await whole(ana);
  await ana.close();
});

test('the server is killed before it has the message', async () => {
  const ana = await Person.at(all);
  await ana.say('my name is Ana');
  await ana.sees('Nice to meet you, Ana.');
  await all.site.kill();
  await ana.say('count');
  await ana.sees('Not sent yet.');
  // It is kept with the browser.
  await all.site.serve();
  await ana.sees('2 messages, with this one.');
  await ana.page.reload();
  await ana.sees('2 messages, with this one.');
  assert.deepEqual((await all.site.messages(ana.id)).map((said) => said.text), ['my name is Ana', 'count']);
  await ana.close();
});

test('the network is lost and comes back', async () => {
  const ana = await Person.at(all);
  await ana.say('tell me a long story');
  const before = await ana.written(150);
  await ana.context.setOffline(true);
  await ana.page.getByText('No network').waitFor();
  await ana.say('count');
  await ana.context.setOffline(false);
  const after = await ana.written(before.length, 0);
  assert.ok(after.startsWith(before.trimEnd()), 'it goes on with what was there');
  await ana.quiet();
  await ana.sees('2 messages, with this one.');
  const messages = await all.site.messages(ana.id);
  assert.deepEqual(messages.map((said) => said.text), ['tell me a long story', 'count']);
  assert.equal(letters(await ana.answer(0)), letters(messages[0].replies.join('')));
  assert.deepEqual(ana.errors, []);
  await ana.close();
});

test('a message whose answer was lost counts once', async () => {
  const ana = await Person.at(all);
  let lost = 0;
  await ana.page.route('**/chat/*', async (route) => {
    // The server has it; the browser never hears so.
    await route.fetch();
    lost += 1;
    if (lost < 3) await route.abort('connectionreset');
    else await route.fallback();
  });
  await ana.say('note buy bread');
  await ana.sees('Noted, number 1.');
  await ana.page.waitForFunction(() => (localStorage.getItem('tertulia.outbox') ?? '[]') === '[]');
  assert.equal((await all.site.messages(ana.id)).length, 1);
  assert.equal(await ana.page.locator('.bubble').count(), 1);
  await ana.close();
});

test('connections are cut again and again', async () => {
  const cutter = await Cutter.before(all.site.url, 7);
  try {
    const ana = await Person.at(all, { url: cutter.url });
    cutter.armed = true;
    await ana.say('tell me a long story');
    await ana.written(1_000);
    await whole(ana);
    assert.ok(cutter.cuts >= 10, `only ${cutter.cuts} connections were cut`);
    await ana.close();
  } finally {
    cutter.stop();
  }
});
