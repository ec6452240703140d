#pragma once
// Every kernel by its name and its arguments, for those who launch it and those who write it. No header of torch or CUDA is read here or in
// what stands beside it: NVRTC compiles these sources for cards, and any C++ compiler does for the host.

#ifdef __CUDACC__
#define HYPERFIT_KERNEL(name, ...) extern "C" __global__ void __launch_bounds__(kThreads) name(__VA_ARGS__)
/// One block a multiprocessor is enough for it, so that it may have all registers.
#define HYPERFIT_LONG_KERNEL(name, ...) extern "C" __global__ void __launch_bounds__(kThreads, 1) name(__VA_ARGS__)
#else
#define HYPERFIT_KERNEL(name, ...) extern "C" void name(__VA_ARGS__)
#define HYPERFIT_LONG_KERNEL HYPERFIT_KERNEL
#endif

namespace hyperfit::cuda {

using Index = long long;

/// Eight bits of precision: the upper half of a float.
struct BFloat16 {
  unsigned short bits;
};

/// Threads of a block, for all kernels. The number of blocks is free: every kernel strides over what is left.
constexpr int kThreads = 256;
constexpr int kWarp = 32;

/// Heads [batch, heads, length, 2 half], and elements from one batch row and one position to the next among the angles [.., half].
struct HeadSizes {
  Index batch, heads, length, half, angle_batch, angle_position;
};

/// Elements from one batch row, head and position to the next.
struct HeadStrides {
  Index batch, head, position;
};

/// Heads of one position a row, and of a cache: queries [batch, heads, size], keys and values [batch, kv, size], elements from one batch
/// row to the next among the angles.
struct TokenSizes {
  Index batch, heads, kv, size, angle_batch;
};
struct TokenStrides {
  HeadStrides q, k, v, keys, values;
};

/// Queries [batch, heads, size] over keys and values [batch, heads / group, .., size]: `splits` parts of kThreads positions each.
struct AttendSizes {
  Index batch, heads, group, size, splits;
};

/// An update as ops/arguments.h has it; where the device has a number of its own, that one counts.
struct AdamWNumbers {
  double learning_rate, beta1, beta2, eps, weight_decay, grad_scale;
  Index step;
};

/// Of hyperfit::DynamicMap what writing a code asks for. `lowest` 0: unsigned.
constexpr int kDecades = 7;
struct MomentMap {
  float above[kDecades], slope[kDecades], offset[kDecades], first[kDecades], most[kDecades];
  float last_edge;
  int zero, lowest;
};

/// x [rows, in] and a matrix [out, in].
struct ProductSizes {
  Index rows, out, in;
};

/// The largest head that attend takes.
constexpr int kMostHeadSize = 256;

/// Ids of a vocabulary that a block scores, and what it finds among them: the highest logit (infinity where one is NaN), the best score
/// before and after the citation blocker, the lowest id of it, and the lowest score that is not -infinity.
constexpr int kScoredPart = 4096;
struct PartScores {
  float logit, free_score, score, least;
  int free_id, id;
};

/// What a row forbids: no id of `stop_ids` before `least` tokens beyond the prompt, no n-gram of that size (0: any) twice from
/// `ngram_first` on, what the citation table `table` forbids behind the tokens from `citation_first` on.
struct TokenRule {
  Index prompt, least, ngram, ngram_first, table, citation_first;
};

/// How a row draws; temperature 0 takes the best.
struct TokenDraw {
  double temperature, top_k, top_p, min_p;
};

/// Rows [rows, size]; elements from one row to the next, 0 where all rows share one. `table`: of the rows that are scored.
struct ScoreSizes {
  Index rows, size, parts, bias, seen, suppressed, stops, history, table;
};

/// One citation index in two arrays. Of 64 bits: hashes [contexts], rising, starts [contexts + 1], factors of tokens [vocabulary] and of
/// places [longest]. Of 32: ends and lengths [contexts], what is forbidden [banned], canonical tokens of the data [corpus] and of the
/// vocabulary, and which begin a word.
struct CitationSizes {
  Index contexts, longest, banned, corpus, vocabulary, units;
  int words;
};

/// Ranges of falling scores whose masses are added up; a mass is a whole number, so that it does not matter who adds first.
constexpr int kMassBins = 4096;
struct MassBin {
  unsigned long long mass, count;
};

/// How scores of a row become weights, exp((score - best) sharpness), masses, and bins of a width.
struct RowWeights {
  double best, sharpness, of_mass, width, bins_a_score;
};

/// A best token weighs 2^`scale`, so that a whole vocabulary stays below 2^63.
struct WeightSizes {
  Index rows, size, parts;
  int scale;
};

/// `ends` says whether the step ends here.
struct ChoiceSizes {
  WeightSizes weights;
  Index history, seen, stops;
  int ends;
};

// Of one type T, float32 or bfloat16, the one that products compute in.
//   cross_entropy            logits [rows, size] become softmax - one-hot, 0 where the target is below 0; losses [rows] in nats. A target
//                            beyond the vocabulary makes its loss NaN. One block a row.
//   token_stats              of logits [rows, size]: losses and entropies [rows] in nats, masses [rows, 3] of the 1, 3 and 5 likeliest
//                            tokens, and the likeliest [rows], the lowest on ties. One block a row.
//   activate                 y = f(x) of `count` elements; f is Activation's number
//   activate_backward        dx = dy f'(x)
//   activate_gated           y = f(gate) up
//   activate_gated_backward  the gradients of that; dy becomes y again
//   rotate                   out = x turned by the angles times sign. One warp a head of one position.
//   rotate_token             of one position a row: out [batch, heads, size] = q turned, keys = k turned and values = v at positions
//   [batch]
//                            of a cache. No angles turn nothing. One warp a head, below 2^31 of them.
//   add_norm                 stream [rows, size] = x + product + shift (or null), y its norm, stats as of `norm` below. One block a row.
//   attend                   of one part of the cached positions from positions[b] - window + 1 (window 0: from 0) to positions[b]: the
//                            largest score, the sum of exp(score - largest), and the values in that mixture: parts
//                            [batch, heads, splits, 2 + size]. One block a head and part. A score is scale q k, or with a soft cap
//                            softcap tanh(scale q k / softcap).
//   attend_parts             out [batch, heads, size] of these parts. One block a head.
#define HYPERFIT_KERNELS_OF_TYPE(type, T)                                                                                                 \
  HYPERFIT_KERNEL(cross_entropy_##type, T* logits, const Index* targets, float* losses, Index rows, Index size);                          \
  HYPERFIT_KERNEL(token_stats_##type, const T* logits, const Index* targets, float* losses, float* entropies, float* masses, Index* best, \
                  Index rows, Index size);                                                                                                \
  HYPERFIT_KERNEL(activate_##type, T* y, const T* x, int f, Index count);                                                                 \
  HYPERFIT_KERNEL(activate_backward_##type, T* dx, const T* dy, const T* x, int f, Index count);                                          \
  HYPERFIT_KERNEL(activate_gated_##type, T* y, const T* gate, const T* up, int f, Index count);                                           \
  HYPERFIT_KERNEL(activate_gated_backward_##type, T* dgate, T* dup, T* dy, const T* gate, const T* up, int f, Index count);               \
  HYPERFIT_KERNEL(rotate_##type, T* out, const T* x, const float* cos, const float* sin, float sign, HeadSizes sizes, HeadStrides to,     \
                  HeadStrides from);                                                                                                      \
  HYPERFIT_KERNEL(add_norm_##type, float* stream, T* y, float* stats, const float* x, const T* product, const float* shift,               \
                  const float* weight, const float* bias, float eps, float offset, Index rows, Index size);                               \
  HYPERFIT_KERNEL(rotate_token_##type, T* out, T* keys, T* values, const T* q, const T* k, const T* v, const float* cos,                  \
                  const float* sin, const Index* positions, TokenSizes sizes, TokenStrides strides);                                      \
  HYPERFIT_KERNEL(attend_##type, float* parts, const T* q, const T* k, const T* v, const Index* positions, float scale, float softcap,    \
                  Index window, AttendSizes sizes, HeadStrides keys, HeadStrides values);                                                 \
  HYPERFIT_KERNEL(attend_parts_##type, T* out, const float* parts, AttendSizes sizes);

// Of two types.
//   norm           y [rows, size] of x; stats [2, rows] are written, or read where `again`. With a bias it is a layer norm, without
//                  that of the root mean square. One block a row.
#define HYPERFIT_KERNELS_OF_TYPES(types, Y, X)                                                                                   \
  HYPERFIT_KERNEL(norm_##types, Y* y, const X* x, float* stats, const float* weight, const float* bias, float eps, float offset, \
                  int again, Index rows, Index size);

//   norm_backward  dx += gradient through the norm. One block a row.
//   norm_chunks    sums [2, chunks, size] of the weight's and the bias's gradients, over `chunk` rows each. One thread a column and chunk.
#define HYPERFIT_KERNELS_BACKWARD(types, Y, X)                                                                                      \
  HYPERFIT_KERNEL(norm_backward_##types, float* dx, const Y* dy, const X* x, const float* stats, const float* weight, float offset, \
                  int layer, Index rows, Index size);                                                                               \
  HYPERFIT_KERNEL(norm_chunks_##types, float* sums, const Y* dy, const X* x, const float* stats, int layer, Index rows, Index size, \
                  Index chunk);

HYPERFIT_KERNELS_OF_TYPE(float32, float)
HYPERFIT_KERNELS_OF_TYPE(bfloat16, BFloat16)
HYPERFIT_KERNELS_OF_TYPES(float32_float32, float, float)
HYPERFIT_KERNELS_OF_TYPES(float32_bfloat16, float, BFloat16)
HYPERFIT_KERNELS_OF_TYPES(bfloat16_float32, BFloat16, float)
HYPERFIT_KERNELS_OF_TYPES(bfloat16_bfloat16, BFloat16, BFloat16)
HYPERFIT_KERNELS_BACKWARD(float32_float32, float, float)
HYPERFIT_KERNELS_BACKWARD(float32_bfloat16, float, BFloat16)
HYPERFIT_KERNELS_BACKWARD(bfloat16_float32, BFloat16, float)
HYPERFIT_KERNELS_BACKWARD(bfloat16_bfloat16, BFloat16, BFloat16)
/// norm_backward of bfloat16 alone, dx too: added in float32, and rounded once.
HYPERFIT_KERNEL(norm_backward_rounded, BFloat16* dx, const BFloat16* dy, const BFloat16* x, const float* stats, const float* weight,
                float offset, int layer, Index rows, Index size);
/// gradient [size] = beta gradient + the sum over chunks; `bias` may be null, and beta 0 forgets what stood there. One thread a column.
HYPERFIT_KERNEL(norm_gradients, float* weight, float* bias, const float* sums, float beta, Index chunks, Index size);

/// gradient [.., size] of each token += scale times its rows of dx [rows, size], but for `padding` (-1: none): `sorted` has the tokens of
/// all rows in rising order, and `order` where they stand. One block a token.
HYPERFIT_KERNEL(embedding_backward, float* gradient, const float* dx, const Index* sorted, const Index* order, float scale, Index padding,
                Index rows, Index size);

/// One update of `count` weights: moments, weights, and the weights in bfloat16 (`rounded`, or null). Gradients are multiplied by
/// numbers.grad_scale, or divided by *divisor; where *found_inf is not 0, weights and moments keep their bits. *learning_rate and *step
/// stand for those of the host. Each of the four may be null.
HYPERFIT_KERNEL(adamw, float* values, float* exp_avg, float* exp_avg_sq, const float* gradients, BFloat16* rounded, const float* divisor,
                const float* found_inf, const float* learning_rate, const float* step, AdamWNumbers numbers, Index count);
/// The same of moments that are codes of `mean_values` and `square_values`, 256 each, and share a largest magnitude a block of 256. One
/// block such a block.
HYPERFIT_KERNEL(adamw_8bit, float* values, unsigned char* exp_avg, unsigned char* exp_avg_sq, float* exp_avg_absmax,
                float* exp_avg_sq_absmax, const float* gradients, BFloat16* rounded, const float* mean_values, const float* square_values,
                const float* divisor, const float* found_inf, const float* learning_rate, const float* step, AdamWNumbers numbers,
                MomentMap of_means, MomentMap of_squares, Index blocks);

/// scores [rows, size] (or null where nothing changes) of logits: with bias, then of what is `seen` times the row's penalty below 0 and
/// divided by it above, -infinity where an id may not follow; parts [rows, parts] of them, and bins [rows, kMassBins] (or null) without
/// mass. Rows that are not active are left out. Bias, penalties, seen, suppressed, stops, history and the table may be null. One block a
/// part of a row.
HYPERFIT_LONG_KERNEL(score_tokens, PartScores* parts, float* scores, MassBin* bins, const float* logits, const float* bias,
                     const float* penalties, const unsigned char* seen, const unsigned char* suppressed, const unsigned char* stops,
                     const unsigned char* active, const TokenRule* rules, const Index* positions, const Index* history,
                     const Index* table_longs, const int* table_ints, ScoreSizes sizes, CitationSizes table);
/// weights [rows], and bins [rows, kMassBins] of scores [rows, size] of the rows that draw, with masses and numbers of those that have a
/// mass, by rising distance from the best. One block a part of a row.
HYPERFIT_KERNEL(weigh_tokens, MassBin* bins, RowWeights* weights, const float* scores, const PartScores* parts, const unsigned char* active,
                const TokenDraw* draws, WeightSizes sizes);
/// Chooses an id for each row and appends it: ids [steps, rows] at its step gets it, or -1 where a row stands, -2 where all is banned, -3
/// where logits are not finite. Rows draw by uniform [steps, rows]. History, seen, stops and interventions may be null; so may scores,
/// bins, weights, draws and uniform, where all rows take the best. One block a row.
HYPERFIT_LONG_KERNEL(choose_tokens, Index* ids, Index* steps, Index* interventions, Index* tokens, Index* positions, unsigned char* active,
                Index* history, unsigned char* seen, const unsigned char* stops, const PartScores* parts, const float* scores,
                const MassBin* bins, const RowWeights* weights, const TokenDraw* draws, const double* uniform, ChoiceSizes sizes);

/// parts [blocks]: the sum of squares of each block's share of x, in float64. The result of all is that of a number of blocks.
HYPERFIT_KERNEL(vector_norm_parts, double* parts, const float* x, Index count);
/// norm [1] = the root of the sum of `count` parts. One block.
HYPERFIT_KERNEL(vector_norm, double* norm, const double* parts, Index count);

/// y [rows, out] = residual + bias + x W^T of at most 1, 4 and 8 rows, x and W [out, in] at multiples of sixteen bytes, `in` of eight.
/// Residual and bias may be null, the latter in either type; `rounded`, unless null, gets y in bfloat16, without a residual. A warp one
/// column of y, or two. As conv1d W is [in, out], `out` a multiple of eight: any rows, 1 and 4 at a time, a block 32 columns.
#define HYPERFIT_SKINNY_GEMM(rows)                                                                                                         \
  HYPERFIT_KERNEL(skinny_gemm_##rows, float* y, BFloat16* rounded, const float* residual, const float* bias, const BFloat16* rounded_bias, \
                  const BFloat16* x, const BFloat16* w, ProductSizes sizes);
HYPERFIT_SKINNY_GEMM(1)
HYPERFIT_SKINNY_GEMM(4)
HYPERFIT_SKINNY_GEMM(8)
HYPERFIT_SKINNY_GEMM(conv1d_1)
HYPERFIT_SKINNY_GEMM(conv1d_4)
#undef HYPERFIT_SKINNY_GEMM

#undef HYPERFIT_KERNELS_OF_TYPE
#undef HYPERFIT_KERNELS_OF_TYPES
#undef HYPERFIT_KERNELS_BACKWARD

}  // namespace hyperfit::cuda
