#include "decode/device/token_bans.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr int64_t kComparedAtOnce = 32;  // tokens of an n-gram: bounds the memory for what came of the comparison

}  // namespace

// An n-gram that no row is long enough to repeat bans nothing.
TokenBans::TokenBans(const GenerateOptions& options, const GrowingRows& rows)
    : ngram_size_(options.no_repeat_ngram_size < rows.capacity() ? options.no_repeat_ngram_size : 0),
      counts_prompt_(options.no_repeat_counts_prompt),
      min_new_tokens_(options.min_new_tokens) {
  if (min_new_tokens_ > 0 && !options.stop_ids.empty()) stop_mask_ = rows.mask_of(options.stop_ids);
  if (!options.suppress_ids.empty()) suppressed_ = rows.mask_of(options.suppress_ids);
  if (ngram_size_ == 0) return;
  followers_ = at::zeros({rows.count(), rows.vocabulary() + 1}, rows.options(at::kBool));
  places_ = at::arange(rows.capacity(), rows.options(at::kLong));
}

void TokenBans::apply(at::Tensor& logits, const GrowingRows& rows) {
  if (ngram_size_ > 0) {
    mark_followers(rows);
    logits.masked_fill_(followers_.narrow(1, 0, rows.vocabulary()), kBanned);
  }
  if (stop_mask_.defined()) {
    const at::Tensor written = rows.positions().sub(rows.prompt_lengths()).add_(1);
    logits.masked_fill_(written.lt(min_new_tokens_).unsqueeze(1).logical_and(stop_mask_), kBanned);
  }
  if (suppressed_.defined()) logits.masked_fill_(suppressed_, kBanned);
}

// Every window of n - 1 tokens is held against the row's last n - 1; where they agree, the token behind it is a follower.
void TokenBans::mark_followers(const GrowingRows& rows) {
  const int64_t prefix = ngram_size_ - 1, capacity = rows.capacity(), windows = capacity - prefix;
  const at::Tensor length = rows.positions().add(1).unsqueeze(1), starts = places_.narrow(0, 0, windows);
  const at::Tensor history = rows.history().narrow(1, 0, capacity);
  at::Tensor same = starts.lt(length.sub(prefix));
  if (!counts_prompt_) same.logical_and_(starts.ge(rows.prompt_lengths().unsqueeze(1)));
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

}  // namespace hyperfit
