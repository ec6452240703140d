#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "ops/arguments.h"
#include "engine/model_config.h"

namespace hyperfit {

/// Keys and values of every layer, allocated once at full length. Each row keeps its own length: prompts of different
/// lengths need no padding inside the cache, so a row sees the same numbers in any batch.
class KVCache {
 public:
  KVCache(const ModelConfig& config, const Ops& ops, const at::TensorOptions& options)
      : config_(config), ops_(ops), options_(options), storage_(ops) {}

  /// Makes room for `batch` rows of `capacity` positions; what was cached is forgotten.
  void reset(int64_t batch, int64_t capacity);
  /// As `reset`, but the first `rows` rows stay as they are; for a moment both caches are in memory.
  void grow(int64_t batch, int64_t capacity, int64_t rows);
  /// Lets `keys` and `values` have the first `rows` rows only: all of them after `reset`.
  void show_rows(int64_t rows);
  /// Row `to` becomes what row `from` is.
  void copy_row(int64_t from, int64_t to);
  int64_t batch() const { return all_.defined() ? all_.size(2) : 0; }
  /// How far attention looks where rows stand below `positions`: one of few lengths, so that what is queued for a token has one of few
  /// shapes.
  int64_t reach(int64_t positions) const;
  int64_t capacity() const { return all_.defined() ? all_.size(4) : 0; }
  at::Tensor keys(int64_t layer) const { return keys_[layer]; }      // [B, K, S, D]
  at::Tensor values(int64_t layer) const { return values_[layer]; }  // [B, K, S, D]
  /// Stores a prompt's k and v [rows, K, T, D] for the rows from `first_row`.
  void store_prompt(int64_t layer, int64_t first_row, const at::Tensor& k, const at::Tensor& v);
  /// Stores one position a row: k and v [B, K, 1, D] at `positions` (int64 [B]); `shared_position` >= 0 says that all
  /// rows stand at the same one, which is a plain copy.
  void store_token(int64_t layer, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                   int64_t shared_position);
  /// Where one position a row is written, at `positions` (int64 [B]).
  CachePlace place(int64_t layer, const at::Tensor& positions);
  int64_t bytes() const { return storage_.bytes(); }

 private:
  ModelConfig config_;
  const Ops& ops_;
  at::TensorOptions options_;
  Buffer storage_;
  at::Tensor all_;   // [layers, 2, B, K, S, D]
  at::Tensor rows_;  // int64 [B or more]: 0, 1, ..., made by the first token that needs it
  std::vector<at::Tensor> keys_, values_;
};

}  // namespace hyperfit
