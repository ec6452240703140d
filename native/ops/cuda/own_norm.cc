#include "ops/arena.h"
#include "ops/aten/table.h"
#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

constexpr int64_t kChunk = 32;  // rows whose gradients one thread adds up

bool is_layer(const NormWeights& w) { return w.type == NormType::layer; }

bool has_plain_weights(const NormWeights& w) {
  return is_float(w.weight) && w.weight.is_contiguous() &&
         (!is_layer(w) || (w.bias.defined() && is_float(w.bias) && w.bias.is_contiguous()));
}

bool launch_norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w, bool again) {
  const int64_t rows = x.size(0), size = x.size(1);
  return is_plain(y) && is_plain(x) && stats.is_contiguous() && has_plain_weights(w) &&
         HYPERFIT_LAUNCH_BY_TYPES("norm", norm, y, x, blocks_for(rows, 1), data_of(y), data_of(x), data_of(stats), data_of(w.weight),
                                  data_of(is_layer(w) ? w.bias : at::Tensor()), w.eps, w.offset, again, rows, size);
}

/// Sums of chunks, float32 [2, chunks, size]: in what `scratch` has, or in memory of their own where that is too little.
at::Tensor sums_in(const at::Tensor& scratch, const Temporaries& temporaries, int64_t chunks, const at::Tensor& x) {
  const int64_t count = 2 * chunks * x.size(1);
  const bool fits = scratch.defined() && scratch.is_contiguous() && is_float(scratch) && scratch.numel() >= count;
  const at::Tensor room = fits ? scratch.view({-1}).narrow(0, 0, count) : temporaries.empty({count}, x.options().dtype(at::kFloat));
  return room.view({2, chunks, x.size(1)});
}

void add_chunks(const at::Tensor& sums, const at::Tensor& x, const NormWeights& w, const NormGradients& gradients) {
  const int64_t size = x.size(1);
  const bool done =
      HYPERFIT_LAUNCH("norm_backward", norm_gradients, x.device(), blocks_for(size, kThreads), data_of(gradients.weight),
                      data_of(is_layer(w) ? gradients.bias : at::Tensor()), data_of(sums), gradients.beta, sums.size(1), size);
  if (done) return;
  aten::accumulate(gradients.weight, sums.select(0, 0).sum(0), gradients.beta);
  if (is_layer(w)) aten::accumulate(gradients.bias, sums.select(0, 1).sum(0), gradients.beta);
}

bool are_of_backward(const at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x) {
  return (is_float(dx) || (is_bfloat16(dy) && is_bfloat16(x))) && is_plain(dx) && is_plain(dy) && is_plain(x);
}

bool launch_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w) {
  const int64_t rows = x.size(0), size = x.size(1);
  if (!is_float(dx)) {
    return HYPERFIT_LAUNCH("norm_backward", norm_backward_rounded, x.device(), blocks_for(rows, 1), data_of(dx), data_of(dy), data_of(x),
                           data_of(stats), data_of(w.weight), w.offset, is_layer(w), rows, size);
  }
  return HYPERFIT_LAUNCH_BY_TYPES("norm_backward", norm_backward, dy, x, blocks_for(rows, 1), data_of(dx), data_of(dy), data_of(x),
                                  data_of(stats), data_of(w.weight), w.offset, is_layer(w), rows, size);
}

}  // namespace

void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (!launch_norm(y, stats, x, w, /*again=*/false)) libtorch_rows(x.device()).norm(y, stats, x, w);
}

void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (!launch_norm(y, stats, x, w, /*again=*/true)) libtorch_rows(x.device()).norm_again(y, stats, x, w);
}

// dx is added to by the second kernel alone, and gradients by what follows it: where one of the first two fails, nothing has changed yet.
void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch) {
  const bool plain =
      may_launch_from("norm_backward", x.device()) && are_of_backward(dx, dy, x) && stats.is_contiguous() && has_plain_weights(w);
  if (!plain || x.numel() == 0) return libtorch_rows(x.device()).norm_backward(dx, dy, x, stats, w, gradients, scratch);
  const int64_t rows = x.size(0), size = x.size(1), chunks = (rows + kChunk - 1) / kChunk, tiles = (size + kThreads - 1) / kThreads;
  const Temporaries temporaries;
  const at::Tensor sums = sums_in(scratch, temporaries, chunks, x);
  const bool done = HYPERFIT_LAUNCH_BY_TYPES("norm_backward", norm_chunks, dy, x, blocks_for(chunks * tiles, 1), data_of(sums), data_of(dy),
                                             data_of(x), data_of(stats), is_layer(w), rows, size, kChunk) &&
                    launch_backward(dx, dy, x, stats, w);
  if (!done) return libtorch_rows(x.device()).norm_backward(dx, dy, x, stats, w, gradients, scratch);
  add_chunks(sums, x, w, gradients);
}

}  // namespace hyperfit::cuda::own
