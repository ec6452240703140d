/**
 * In the order in which they run: what tells most comes first, so that a box that is lent for minutes has told it when time runs out.
 * `seconds` is the most that each may take; a hang costs no more than that. `module` stands in phases/, and gets `argument`.
 */
export const PHASES = [
  { name: 'driver', seconds: 45, module: 'driver', title: 'libraries, driver and card, as found' },
  { name: 'kernels', seconds: 45, module: 'kernels', title: 'our kernels for cards, each by itself against the CPU, and timed' },
  { name: 'float32', seconds: 75, module: 'comparison', argument: 'float32', title: 'tiny models in float32 against the CPU' },
  {
    name: 'bfloat16',
    seconds: 90,
    module: 'comparison',
    argument: 'bfloat16',
    title: 'tiny models in bfloat16 against the CPU; 40 losses',
  },
  { name: 'decoding', seconds: 90, module: 'decoding', title: 'ragged and windowed decoding, every sampler and both blockers' },
  { name: 'speed-135m', seconds: 60, module: 'speed', argument: 'SmolLM2-135M', title: 'speed at the shape of SmolLM2-135M' },
  { name: 'bits', seconds: 40, module: 'bits', title: 'equal runs to the last bit; alone and in a batch' },
  { name: 'fused', seconds: 40, module: 'fused', title: 'fused attention beside the plain form; a step in one call' },
  { name: 'graphs', seconds: 40, module: 'graphs', title: 'steps and tokens queued as graphs beside the same operator by operator' },
  { name: 'checkpoints', seconds: 40, module: 'checkpoints', title: 'trained here, gone on with on the CPU, and back' },
  { name: 'errors', seconds: 30, module: 'errors', title: 'devices that are not there, and other refusals' },
  { name: 'memory', seconds: 40, module: 'memory', title: 'out of memory, and going on after it' },
  { name: 'exits', seconds: 75, module: 'exits', title: 'ends of a process in the middle of a step' },
  { name: 'second', seconds: 25, module: 'second', title: 'a second device' },
  { name: 'speed-1b', seconds: 60, module: 'speed', argument: 'TinyLlama-1.1B', title: 'speed at the shape of TinyLlama 1.1B' },
  { name: 'speed-8b', seconds: 120, module: 'speed', argument: 'Llama-3.1-8B', title: 'speed at the shape of Llama 3.1 8B' },
];

export const BUDGET_SECONDS = 540;
