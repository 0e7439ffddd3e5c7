// Runs npm's telegram-test-api: takes what users do as lines of JSON, and prints what the bot says as lines of JSON.
const TelegramServer = require('telegram-test-api');

const [port, token] = process.argv.slice(2);
const server = new TelegramServer({ port: Number(port), host: '127.0.0.1' });
const print = (value) => console.log(JSON.stringify(value));

server.on('AddedBotMessage', () => {
  const { message } = server.storage.botMessages.at(-1);
  print({ chat: Number(message.chat_id), text: message.text });
});

server.start().then(() => {
  print({ ready: true });
  let pending = Promise.resolve();
  require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    pending = pending.then(async () => {
      const { chat, text, press } = JSON.parse(line);
      const client = server.getClient(token, { chatId: chat, userId: chat, firstName: 'Ana' });
      if (press !== undefined) {
        await client.sendCallback(client.makeCallbackQuery(press, { message: { message_id: 1 } }));
      } else if (text.startsWith('/')) {
        await client.sendCommand(client.makeCommand(text));
      } else {
        await client.sendMessage(client.makeMessage(text));
      }
    });
  }).on('close', () => process.exit(0));
});
