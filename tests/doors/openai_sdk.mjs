// Asks through OpenAI's SDK for Node.js, whole and streamed; prints what it answers, as JSON.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.API}/openai/v1`, apiKey: process.env.KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "How often is the coolant pump inspected?" }];
const models = [];
for await (const model of client.models.list()) models.push(model.id);
const whole = await client.chat.completions.create({ model: "alcove", messages });
let streamed = "";
let usage = null;
const stream = await client.chat.completions.create({
  model: "alcove",
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const part of stream) {
  streamed += part.choices[0]?.delta?.content ?? "";
  usage = part.usage ?? usage;
}
const embedded = await client.embeddings.create({ model: "alcove", input: "pump" });
let refused = null;
try {
  await client.chat.completions.create({ model: "gpt-9", messages });
} catch (error) {
  refused = [error.constructor.name, error.code];
}
console.log(
  JSON.stringify({
    models,
    whole: whole.choices[0].message.content,
    annotations: whole.choices[0].message.annotations.length,
    streamed,
    usage,
    dimensions: embedded.data[0].embedding.length,
    refused,
  }),
);
