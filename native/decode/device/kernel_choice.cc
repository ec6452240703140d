#include "decode/device/kernel_choice.h"

#include <ATen/ops/cat.h>

#include <algorithm>

namespace hyperfit {
namespace {

using Options = GenerateOptions;

/// Which of `kinds` a row shares; as many as there are for none.
size_t kind_of(const Options& options, const std::vector<const Options*>& kinds) {
  size_t kind = 0;
  while (kind < kinds.size() && !CitationBans::alike(options, *kinds[kind])) ++kind;
  return kind;
}

GrowingRows::Counted counted(bool asked, bool with_prompt) {
  if (!asked) return GrowingRows::Counted::nothing;
  return with_prompt ? GrowingRows::Counted::all : GrowingRows::Counted::output;
}

// Columns of rules that prompts decide about.
constexpr int64_t kPromptLength = 0, kNgramsBegin = 3, kCitationsBegin = 5;

at::Tensor ngrams_begin(const GrowingRows& rows) {
  return rows.beginnings([](const Options& options) { return counted(options.no_repeat_ngram_size > 0, options.no_repeat_counts_prompt); });
}

at::Tensor citations_begin(const GrowingRows& rows, const std::vector<const Options*>& kinds) {
  return rows.beginnings(
      [&](const Options& options) { return counted(kind_of(options, kinds) < kinds.size(), options.citation_counts_prompt); });
}

at::Tensor rules_of(const GrowingRows& rows, const std::vector<const Options*>& kinds, const at::Tensor& ngram_first,
                    const at::Tensor& citation_first) {
  const auto numbers = [&](auto of) {
    return rows.column(at::kLong, [&](const Options& options) { return static_cast<double>(of(options)); });
  };
  const auto least = numbers([](const Options& options) { return options.min_new_tokens; });
  const auto ngram = numbers([](const Options& options) { return options.no_repeat_ngram_size; });
  const auto table = numbers([&](const Options& options) { return kind_of(options, kinds) % std::max<size_t>(1, kinds.size()); });
  return at::cat({rows.prompt_lengths().unsqueeze(1), least, ngram, ngram_first, table, citation_first}, 1);
}

at::Tensor draws_of(const GrowingRows& rows) {
  const auto numbers = [&](auto of) {
    return rows.column(at::kDouble, [&](const Options& options) { return static_cast<double>(of(options.sampling)); });
  };
  return at::cat({numbers([](const SamplingOptions& sampling) { return sampling.temperature; }),
                  numbers([](const SamplingOptions& sampling) { return sampling.top_k; }),
                  numbers([](const SamplingOptions& sampling) { return sampling.top_p; }),
                  numbers([](const SamplingOptions& sampling) { return sampling.min_p; })},
                 1);
}

}  // namespace

KernelChoice::KernelChoice(const GrowingRows& rows)
    : bias_(rows.bias()), penalties_(rows.penalties()), suppressed_(rows.mask_of(&GenerateOptions::suppress_ids)), scratch_(rows.ops()) {
  const std::vector<const Options*> kinds = CitationBans::kinds_of(rows);
  for (const Options* kind : kinds) {
    tables_.push_back(CitationTable::of(*kind->citation_index, kind->citation_rule, rows.tensor_options(at::kLong)));
  }
  ngrams_begin_ = ngrams_begin(rows);
  citations_begin_ = citations_begin(rows, kinds);
  rules_ = rules_of(rows, kinds, ngrams_begin_, citations_begin_);
  if (rows.any_draws()) draws_ = draws_of(rows);
}

void KernelChoice::begin(const GrowingRows& rows) {
  rules_.select(1, kPromptLength).copy_(rows.prompt_lengths());
  rules_.narrow(1, kNgramsBegin, 1).copy_(ngrams_begin_);
  rules_.narrow(1, kCitationsBegin, 1).copy_(citations_begin_);
}

bool KernelChoice::choose(const at::Tensor& logits, GrowingRows& rows, ChoiceRecord& record, const at::Tensor& uniform,
                          bool ends_step) {
  std::vector<const CitationArrays*> tables;
  for (const auto& table : tables_) tables.push_back(&table->arrays);
  const at::Tensor seen = penalties_.defined() ? rows.seen() : at::Tensor();
  return rows.ops().choose_tokens({logits, rules_, bias_, penalties_, suppressed_, rows.stop_mask(), std::move(tables), draws_, uniform,
                                   rows.tokens(), rows.positions(), rows.active(), rows.history(), seen, record.ids(), record.steps(),
                                   record.interventions(), ends_step, scratch_});
}

}  // namespace hyperfit
