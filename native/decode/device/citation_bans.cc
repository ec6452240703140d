#include <ATen/ops/arange.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "decode/device/citation_table.h"

namespace hyperfit {
namespace {

/// The last tokens of each row: ids int64 [B, W], and which of them are the context, if there is one (bool [B, W], [B]).
struct LastContexts {
  at::Tensor tokens, inside, exist;
};

// The context of words begins where the k-th word from the end does: as many words begin there and behind.
LastContexts last_contexts(const CitationTable& table, const GrowingRows& rows, const at::Tensor& places, const at::Tensor& beginnings) {
  const at::Tensor where = rows.positions().unsqueeze(1).add(places).sub_(table.longest - 1);
  const at::Tensor tokens = rows.history().gather(1, where.clamp_min(0));
  const at::Tensor there = where.ge(beginnings);
  if (!table.match_words) return {tokens, there, there.all(-1)};
  const at::Tensor begins = table.starts_word.index_select(0, tokens.view({-1})).view(tokens.sizes()).logical_and_(there);
  const at::Tensor behind = begins.to(at::kLong).flip({1}).cumsum(1).flip({1});  // words that begin here or behind
  const at::Tensor first = behind.eq(table.match_length).logical_and_(begins);
  return {tokens, behind.lt(table.match_length).logical_and_(there).logical_or_(first), first.any(-1)};
}

}  // namespace

bool CitationBans::alike(const GenerateOptions& a, const GenerateOptions& b) {
  return a.citation_index == b.citation_index && a.citation_rule == b.citation_rule && a.citation_counts_prompt == b.citation_counts_prompt;
}

std::vector<const GenerateOptions*> CitationBans::kinds_of(const GrowingRows& rows) {
  std::vector<const GenerateOptions*> kinds;
  for (int64_t row = 0; row < rows.count(); ++row) {
    const GenerateOptions& options = rows.options_of(row);
    const auto is_known = [&](const GenerateOptions* kind) { return alike(*kind, options); };
    if (!options.citation_index || std::any_of(kinds.begin(), kinds.end(), is_known)) continue;
    const auto table = CitationTable::of(*options.citation_index, options.citation_rule, rows.tensor_options(at::kLong));
    if (!table->is_empty()) kinds.push_back(&options);
  }
  return kinds;
}

CitationBans::CitationBans(const GenerateOptions& first, const GrowingRows& rows)
    : table_(CitationTable::of(*first.citation_index, first.citation_rule, rows.tensor_options(at::kLong))) {
  beginnings_ = rows.beginnings([&](const GenerateOptions& options) {
    if (!alike(options, first)) return GrowingRows::Counted::nothing;
    return options.citation_counts_prompt ? GrowingRows::Counted::all : GrowingRows::Counted::output;
  });
  banned_ = at::zeros({rows.count(), rows.vocabulary() + 1}, rows.tensor_options(at::kBool));
  places_ = at::arange(table_->longest, rows.tensor_options(at::kLong));
  ranks_ = at::arange(table_->most_banned, rows.tensor_options(at::kLong));
}

at::Tensor CitationBans::find(const GrowingRows& rows) {
  const CitationTable& table = *table_;
  const auto [tokens, inside, exist] = last_contexts(table, rows, places_, beginnings_);
  const auto of_tokens = [&tokens = tokens](const at::Tensor& values) {
    return values.index_select(0, tokens.view({-1})).view(tokens.sizes());
  };
  const at::Tensor hash = of_tokens(table.token_factors).mul_(table.place_factors).mul_(inside).sum(1);
  const at::Tensor found = at::searchsorted(table.hashes, hash).clamp_max_(table.hashes.size(0) - 1);  // [B]
  // A hash that is there is no proof: the tokens are.
  const auto of_found = [&](const at::Tensor& values) { return values.index_select(0, found); };
  const at::Tensor standing = of_found(table.ends).to(at::kLong).unsqueeze(1).add(places_).sub_(table.longest).clamp_min_(0);
  const at::Tensor quoted = table.corpus.index_select(0, standing.view({-1})).view(tokens.sizes());
  at::Tensor same = quoted.eq(of_tokens(table.canonical)).logical_or_(inside.logical_not()).all(-1);
  same.logical_and_(exist).logical_and_(of_found(table.hashes).eq(hash)).logical_and_(of_found(table.lengths).eq(inside.sum(1)));
  const at::Tensor first = of_found(table.starts), end = table.starts.index_select(0, found.add(1));
  const at::Tensor which = first.unsqueeze(1).add(ranks_);  // [B, most_banned]
  const at::Tensor forbidden = which.lt(at::where(same, end, first).unsqueeze(1));
  const at::Tensor ids =
      table.banned.index_select(0, which.clamp_max(table.banned.size(0) - 1).view({-1})).to(at::kLong).view(which.sizes());
  const at::Tensor known = ids.ge(0).logical_and_(ids.lt(rows.vocabulary())).logical_and_(forbidden);
  banned_.zero_();
  banned_.scatter_(1, at::where(known, ids, rows.vocabulary()), true);
  return banned_.narrow(1, 0, rows.vocabulary());
}

}  // namespace hyperfit
