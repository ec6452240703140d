#include <ATen/ops/amax.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <vector>

#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

// Elements of logits that are handled together: the copies in float32 that the passes below make stay below 64 and 16 times four bytes a million.
constexpr int64_t kLossElements = int64_t{1} << 26, kStatsElements = int64_t{1} << 24;

template <class Body>
void for_chunks(const at::Tensor& logits, int64_t elements, Body body) {
  const int64_t rows = logits.size(0), step = std::max<int64_t>(1, elements / logits.size(1));
  for (int64_t start = 0; start < rows; start += step) body(start, std::min(step, rows - start));
}

// Gives the summed loss of one chunk; logits become gradients.
at::Tensor chunk_cross_entropy(at::Tensor logits, const at::Tensor& targets) {
  const at::Tensor valid = targets.ne(kIgnoreIndex).unsqueeze(1);  // [rows, 1]
  const at::Tensor index = targets.clamp_min(0).unsqueeze(1);      // [rows, 1]
  logits.sub_(logits.amax({1}, /*keepdim=*/true));
  const at::Tensor picked = logits.gather(1, index);  // [rows, 1]
  logits.exp_();
  at::Tensor total = logits.sum({1}, /*keepdim=*/true);  // [rows, 1]
  const at::Tensor loss = total.log().sub_(picked).masked_fill(valid.logical_not(), 0);
  logits.mul_(valid.to(logits.scalar_type()).div_(total));
  logits.scatter_add_(1, index, valid.to(logits.scalar_type()).neg_());
  return loss.sum(at::kDouble);
}

TokenStats chunk_stats(const at::Tensor& logits, const at::Tensor& targets) {
  const at::Tensor log_probabilities = at::log_softmax(logits, -1);
  at::Tensor probabilities = log_probabilities.exp();
  const int64_t largest = std::min<int64_t>(5, logits.size(1));
  const at::Tensor top = std::get<0>(probabilities.topk(largest, -1));
  auto mass = [&](int64_t k) { return top.narrow(1, 0, std::min(k, largest)).sum({1}); };
  const at::Tensor valid = targets.ne(kIgnoreIndex);
  const at::Tensor loss = log_probabilities.gather(1, targets.clamp_min(0).unsqueeze(1)).squeeze(1).neg();
  // p ln p is 0 at p = 0, where ln p is -inf only if the logit was.
  const at::Tensor entropy = probabilities.mul_(log_probabilities.clamp_min(-1e30)).sum({1}).neg();
  return {loss.masked_fill(valid.logical_not(), 0), entropy, at::stack({mass(1), mass(3), mass(5)}, 1), logits.argmax(-1)};
}

}  // namespace

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets) {
  std::vector<at::Tensor> losses;
  for_chunks(logits, kLossElements, [&](int64_t start, int64_t rows) {
    at::Tensor chunk = logits.narrow(0, start, rows), single = chunk.to(at::kFloat);
    losses.push_back(chunk_cross_entropy(single, targets.narrow(0, start, rows)));
    if (!chunk.is_same(single)) chunk.copy_(single);
  });
  return at::stack(losses).sum();
}

TokenStats token_stats(const at::Tensor& logits, const at::Tensor& targets) {
  std::vector<at::Tensor> loss, entropy, mass, ids;
  for_chunks(logits, kStatsElements, [&](int64_t start, int64_t count) {
    TokenStats chunk = chunk_stats(logits.narrow(0, start, count).to(at::kFloat), targets.narrow(0, start, count));
    loss.push_back(chunk.loss);
    entropy.push_back(chunk.entropy);
    mass.push_back(chunk.top_mass);
    ids.push_back(chunk.top1_ids);
  });
  return {at::cat(loss), at::cat(entropy), at::cat(mass), at::cat(ids)};
}

}  // namespace hyperfit::aten
