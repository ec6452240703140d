import { ChatTemplate } from '../../lib/tokenizer/chat-template.ts';
import { findGoTemplate, renderGo } from '../../lib/run/go-template.ts';

const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const SMOLLM2 =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const GEMMA =
  "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for message in rest %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<start_of_turn>' + role + '\n' + (first if loop.first else '') + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}";
const GEMMA2 =
  "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}";
const LLAMA3 =
  "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.first %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
const OWN =
  "{% for message in messages %}{{ message['role'] | upper + '>> ' + message['content'] + '\n' }}{% endfor %}{{ 'ASSISTANT>> ' }}";

const find = (template: string) => {
  const chat = new ChatTemplate(template, { bos_token: '<s>' }, 'test');
  return findGoTemplate((messages) => chat.render(messages), '<s>');
};

test.each([
  ['ChatML', CHATML],
  ['Gemma', GEMMA],
  ['Gemma', GEMMA2],
  ['Llama 3', LLAMA3],
])('%s is known by what it writes', (name, template) => {
  expect(find(template)).toMatchObject({ name, defaultSystem: undefined });
});

test('a system text that a template says by itself is said in the Modelfile', () => {
  expect(find(SMOLLM2)).toMatchObject({
    name: 'ChatML',
    defaultSystem: 'You are a helpful AI assistant named SmolLM, trained by Hugging Face',
  });
});

test('a template of another kind is not taken for one of them', () => {
  expect(find(OWN)).toBeUndefined();
});

test('a Go template is run once for each exchange, the last up to its response', () => {
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: '$& c' },
  ];
  expect(renderGo('{{ if .System }}S:{{ .System }};{{ end }}U:{{ .Prompt }};A:{{ .Response }};', messages, 'x')).toBe(
    'S:x;U:a;A:b;U:$& c;A:',
  );
});
