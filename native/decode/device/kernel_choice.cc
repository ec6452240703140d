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

at::Tensor rules_of(const GrowingRows& rows, const std::vector<const Options*>& kinds) {
  const auto numbers = [&](auto of) {
    return rows.column(at::kLong, [&](const Options& options) { return static_cast<double>(of(options)); });
  };
  const auto least = numbers([](const Options& options) { return options.min_new_tokens; });
  const auto ngram = numbers([](const Options& options) { return options.no_repeat_ngram_size; });
  const auto ngram_first = rows.beginnings([](const Options& options) {
    return counted(options.no_repeat_ngram_size > 0, options.no_repeat_counts_prompt);
  });
  const auto table = numbers([&](const Options& options) { return kind_of(options, kinds) % std::max<size_t>(1, kinds.size()); });
  const auto citation_first = rows.beginnings([&](const Options& options) {
    return counted(kind_of(options, kinds) < kinds.size(), options.citation_counts_prompt);
  });
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
  rules_ = rules_of(rows, kinds);
  if (rows.any_draws()) draws_ = draws_of(rows);
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
