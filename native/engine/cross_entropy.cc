#include "engine/cross_entropy.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <vector>

#include "kernels/cross_entropy.h"
#include "kernels/enabled.h"

namespace hyperfit {
namespace {

// Rows handled together: on the CPU few enough that a chunk's logits stay in cache over the passes below.
int64_t chunk_rows(const at::Tensor& logits) {
  if (!logits.is_cpu()) return logits.size(0);
  return std::clamp<int64_t>((1 << 20) / logits.size(1), 1, logits.size(0));
}

template <class Body>
void for_chunks(const at::Tensor& logits, Body body) {
  const int64_t rows = logits.size(0), step = std::max<int64_t>(1, chunk_rows(logits));
  for (int64_t start = 0; start < rows; start += step) body(start, std::min(step, rows - start));
}

// Gives the summed loss of one chunk as a tensor, so that a GPU is not waited for; logits become gradients.
at::Tensor chunk_forward_backward_(at::Tensor logits, const at::Tensor& targets) {
  at::Tensor valid = targets.ne(kIgnoreIndex).unsqueeze(1);          // [rows, 1]
  at::Tensor index = targets.clamp_min(0).unsqueeze(1);              // [rows, 1]
  logits.sub_(logits.amax({1}, /*keepdim=*/true));
  at::Tensor picked = logits.gather(1, index);                       // [rows, 1]
  logits.exp_();
  at::Tensor total = logits.sum({1}, /*keepdim=*/true);              // [rows, 1]
  at::Tensor loss = total.log().sub_(picked).masked_fill(valid.logical_not(), 0);
  logits.mul_(valid.to(logits.scalar_type()).div_(total));
  logits.scatter_add_(1, index, valid.to(logits.scalar_type()).neg_());
  return loss.sum(at::kDouble);
}

TokenStats chunk_stats(const at::Tensor& logits, const at::Tensor& targets) {
  at::Tensor log_probabilities = at::log_softmax(logits, -1);
  at::Tensor probabilities = log_probabilities.exp();
  const int64_t largest = std::min<int64_t>(5, logits.size(1));
  at::Tensor top = std::get<0>(probabilities.topk(largest, -1));
  auto mass = [&](int64_t k) { return top.narrow(1, 0, std::min(k, largest)).sum({1}); };
  at::Tensor valid = targets.ne(kIgnoreIndex);
  at::Tensor loss = log_probabilities.gather(1, targets.clamp_min(0).unsqueeze(1)).squeeze(1).neg();
  // p ln p is 0 at p = 0, where ln p is -inf only if the logit was.
  at::Tensor entropy = probabilities.mul_(log_probabilities.clamp_min(-1e30)).sum({1}).neg();
  return {loss.masked_fill(valid.logical_not(), 0), entropy, at::stack({mass(1), mass(3), mass(5)}, 1), logits.argmax(-1)};
}

}  // namespace

LossSum cross_entropy_forward_backward_(at::Tensor& logits, const at::Tensor& targets) {
  const int64_t count = targets.ne(kIgnoreIndex).sum().item<int64_t>();
  if (kernels::takes_any(logits)) {
    at::Tensor losses = at::empty({logits.size(0)}, at::kFloat);
    kernels::by_type(logits, [&](auto* values) {
      kernels::cross_entropy(values, losses.data_ptr<float>(), targets.data_ptr<int64_t>(), logits.size(0), logits.size(1));
    });
    return {losses.sum(at::kDouble).item<double>(), count};
  }
  std::vector<at::Tensor> losses;
  for_chunks(logits, [&](int64_t start, int64_t rows) {
    at::Tensor chunk = logits.narrow(0, start, rows), single = chunk.to(at::kFloat);
    losses.push_back(chunk_forward_backward_(single, targets.narrow(0, start, rows)));
    if (!chunk.is_same(single)) chunk.copy_(single);
  });
  return {at::stack(losses).sum().item<double>(), count};
}

TokenStats token_stats(const at::Tensor& logits, const at::Tensor& targets) {
  std::vector<at::Tensor> loss, entropy, mass, ids;
  for_chunks(logits, [&](int64_t start, int64_t count) {
    TokenStats chunk = chunk_stats(logits.narrow(0, start, count).to(at::kFloat), targets.narrow(0, start, count));
    loss.push_back(chunk.loss);
    entropy.push_back(chunk.entropy);
    mass.push_back(chunk.top_mass);
    ids.push_back(chunk.top1_ids);
  });
  return {at::cat(loss).cpu(), at::cat(entropy).cpu(), at::cat(mass).cpu(), at::cat(ids).cpu()};
}

}  // namespace hyperfit
