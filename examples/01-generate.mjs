// Continue a text, token by token.
//
//   node examples/01-generate.mjs <model> [text]
//
// <model>: a name of the Hugging Face hub such as HuggingFaceTB/SmolLM2-135M-Instruct, a folder, a run or a .gguf file.
import { Model } from 'hyperfit';

const [path, text = 'It was a dark and stormy night;'] = process.argv.slice(2);
const model = await Model.load(path);

process.stdout.write(text);
for await (const token of model.stream(text, { maxNewTokens: 48, noRepeatNgramSize: 4 })) process.stdout.write(token.text);
process.stdout.write('\n');

model.dispose();
