#include <ATen/ops/amax.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/div.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <vector>

#include "ops/arena.h"
#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

// Elements of logits that are handled together: the copies in float32 that the passes below make stay below 64 and 16 times four bytes a
// million.
constexpr int64_t kLossElements = int64_t{1} << 26, kStatsElements = int64_t{1} << 24;

int64_t chunk_rows(const at::Tensor& logits, int64_t elements) { return std::max<int64_t>(1, elements / logits.size(1)); }

template <class Body>
void for_chunks(const at::Tensor& logits, int64_t elements, Body body) {
  const int64_t rows = logits.size(0), step = chunk_rows(logits, elements);
  for (int64_t start = 0; start < rows; start += step) body(start, std::min(step, rows - start));
}

// loss float64 [] = the summed loss of one chunk; logits, float32, become gradients.
void chunk_cross_entropy(at::Tensor logits, const at::Tensor& targets, at::Tensor loss) {
  const Temporaries temporaries;
  const int64_t rows = logits.size(0);
  const auto column = [&](at::ScalarType type) { return temporaries.empty({rows, 1}, logits.options().dtype(type)); };
  at::Tensor valid = column(at::kBool), index = column(at::kLong), largest = column(at::kFloat), picked = column(at::kFloat),
             total = column(at::kFloat);
  at::Tensor losses = column(at::kFloat);
  at::ne_out(valid, targets.unsqueeze(1), kIgnoreIndex);
  at::clamp_min_out(index, targets.unsqueeze(1), 0);
  at::amax_out(largest, logits, {1}, /*keepdim=*/true);
  logits.sub_(largest);
  at::gather_out(picked, logits, 1, index);
  logits.exp_();
  at::sum_out(total, logits, at::IntArrayRef{1}, /*keepdim=*/true);
  at::log_out(losses, total);
  at::Tensor hit = column(at::kFloat);  // 1 where the target counts
  hit.copy_(valid);
  losses.sub_(picked).masked_fill_(valid.logical_not_(), 0);
  at::div_out(total, hit, total);
  logits.mul_(total);
  logits.scatter_add_(1, index, hit.neg_());
  at::sum_out(loss, temporaries.in_type(losses, at::kDouble), at::IntArrayRef{0, 1});
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

void cross_entropy(at::Tensor& logits, const at::Tensor& targets, at::Tensor& loss) {
  const Temporaries temporaries;
  const int64_t step = chunk_rows(logits, kLossElements), chunks = (logits.size(0) + step - 1) / step;
  const at::Tensor losses = temporaries.empty({chunks}, loss.options());
  for_chunks(logits, kLossElements, [&](int64_t start, int64_t rows) {
    const Temporaries of_chunk;
    at::Tensor chunk = logits.narrow(0, start, rows), single = of_chunk.in_type(chunk, at::kFloat);
    chunk_cross_entropy(single, targets.narrow(0, start, rows), losses.select(0, start / step));
    if (!chunk.is_same(single)) chunk.copy_(single);
  });
  at::sum_out(loss, losses, at::IntArrayRef{0});
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
