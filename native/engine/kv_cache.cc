#include "engine/kv_cache.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/index_put.h>

#include <algorithm>

namespace hyperfit {
namespace {

constexpr int64_t kFirstReach = 128;  // doubled where a row may stand beyond

}  // namespace

void KVCache::reset(int64_t batch, int64_t capacity) {
  const int64_t layers = config_.num_hidden_layers;
  all_ = storage_.view({layers, 2, batch, config_.num_key_value_heads, capacity, config_.head_dim}, options_);
  // Masked positions are multiplied by a probability of exactly 0, so what stands there must be finite.
  all_.zero_();
  show_rows(batch);
}

void KVCache::grow(int64_t batch, int64_t capacity, int64_t rows) {
  const at::Tensor before = all_;
  storage_ = Buffer(ops_);
  reset(batch, capacity);
  if (rows > 0) all_.narrow(2, 0, rows).narrow(4, 0, before.size(4)).copy_(before.narrow(2, 0, rows));
}

int64_t KVCache::reach(int64_t positions) const {
  int64_t reach = kFirstReach;
  while (reach < positions) reach *= 2;
  return std::min(reach, capacity());
}

void KVCache::show_rows(int64_t rows) {
  keys_.clear();
  values_.clear();
  for (int64_t layer = 0; layer < all_.size(0); ++layer) {
    keys_.push_back(all_.select(0, layer).select(0, 0).narrow(0, 0, rows));
    values_.push_back(all_.select(0, layer).select(0, 1).narrow(0, 0, rows));
  }
}

void KVCache::copy_row(int64_t from, int64_t to) { all_.select(2, to).copy_(all_.select(2, from)); }

void KVCache::store_prompt(int64_t layer, int64_t first_row, const at::Tensor& k, const at::Tensor& v) {
  keys_[layer].narrow(0, first_row, k.size(0)).narrow(2, 0, k.size(2)).copy_(k);
  values_[layer].narrow(0, first_row, v.size(0)).narrow(2, 0, v.size(2)).copy_(v);
}

void KVCache::store_token(int64_t layer, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                          int64_t shared_position) {
  if (shared_position >= 0) {
    keys_[layer].narrow(2, shared_position, 1).copy_(k);
    values_[layer].narrow(2, shared_position, 1).copy_(v);
    return;
  }
  const CachePlace there = place(layer, positions);
  const c10::List<std::optional<at::Tensor>> where({there.rows, std::nullopt, positions});
  keys_[layer].index_put_(where, k.squeeze(2));
  values_[layer].index_put_(where, v.squeeze(2));
}

CachePlace KVCache::place(int64_t layer, const at::Tensor& positions) {
  const int64_t count = positions.size(0);
  if (!rows_.defined() || rows_.size(0) < count) {
    rows_ = at::arange(count, positions.options());
    note_memory_move();
  }
  return {keys_[layer], values_[layer], rows_.narrow(0, 0, count), positions};
}

}  // namespace hyperfit
