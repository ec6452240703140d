#include "decode/device/token_bans.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>

#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr int64_t kComparedAtOnce = 32;  // tokens of an n-gram: bounds the memory for what came of the comparison

}  // namespace

NgramBans::NgramBans(int64_t size, const GrowingRows& rows) : size_(size) {
  beginnings_ = rows.beginnings([&](const GenerateOptions& options) {
    if (options.no_repeat_ngram_size != size) return GrowingRows::Counted::nothing;
    return options.no_repeat_counts_prompt ? GrowingRows::Counted::all : GrowingRows::Counted::output;
  });
  followers_ = at::zeros({rows.count(), rows.vocabulary() + 1}, rows.tensor_options(at::kBool));
  places_ = at::arange(rows.capacity(), rows.tensor_options(at::kLong));
}

void NgramBans::apply(at::Tensor& logits, const GrowingRows& rows) {
  mark_followers(rows);
  logits.masked_fill_(followers_.narrow(1, 0, rows.vocabulary()), kBanned);
}

// Every window of n - 1 tokens is held against the row's last n - 1; where they agree, the token behind it is a follower.
void NgramBans::mark_followers(const GrowingRows& rows) {
  const int64_t prefix = size_ - 1, capacity = rows.capacity(), windows = capacity - prefix;
  const at::Tensor length = rows.positions().add(1).unsqueeze(1), starts = places_.narrow(0, 0, windows);
  const at::Tensor history = rows.history().narrow(1, 0, capacity);
  at::Tensor same = starts.lt(length.sub(prefix)).logical_and_(starts.ge(beginnings_));
  if (prefix > 0) {
    const at::Tensor last = history.gather(1, length.sub(prefix).add(places_.narrow(0, 0, prefix)).clamp_min_(0));
    const at::Tensor all = history.unfold(1, prefix, 1).narrow(1, 0, windows);  // [B, windows, n - 1]
    for (int64_t first = 0; first < prefix; first += kComparedAtOnce) {
      const int64_t count = std::min(kComparedAtOnce, prefix - first);
      same.logical_and_(all.narrow(2, first, count).eq(last.narrow(1, first, count).unsqueeze(1)).all(-1));
    }
  }
  const at::Tensor behind = history.narrow(1, prefix, windows).clamp_max(rows.vocabulary());
  followers_.zero_();
  followers_.scatter_(1, at::where(same, behind, rows.vocabulary()), true);
}

// An n-gram that no row is long enough to repeat bans nothing.
TokenBans::TokenBans(const GrowingRows& rows) : suppressed_(rows.mask_of(&GenerateOptions::suppress_ids)) {
  std::set<int64_t> sizes;
  for (int64_t row = 0; row < rows.count(); ++row) sizes.insert(rows.options_of(row).no_repeat_ngram_size);
  for (int64_t size : sizes) {
    if (size > 0 && size < rows.capacity()) ngrams_.emplace_back(size, rows);
  }
  const bool has_least = rows.any([](const GenerateOptions& options) { return options.min_new_tokens > 0; });
  if (!has_least || !rows.stop_mask().defined()) return;
  least_ = rows.column(at::kLong, [](const GenerateOptions& options) { return static_cast<double>(options.min_new_tokens); });
}

void TokenBans::apply(at::Tensor& logits, const GrowingRows& rows) {
  for (NgramBans& ngrams : ngrams_) ngrams.apply(logits, rows);
  if (least_.defined()) {
    const at::Tensor written = rows.positions().sub(rows.prompt_lengths()).add_(1);
    logits.masked_fill_(written.unsqueeze(1).lt(least_).logical_and(rows.stop_mask()), kBanned);
  }
  if (suppressed_.defined()) logits.masked_fill_(suppressed_, kBanned);
}

}  // namespace hyperfit
