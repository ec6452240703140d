#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/transfers.h"

namespace hyperfit {

/// What growing rows have to remember on their device.
struct RowMemory {
  bool history = false;  // the ids themselves
  bool seen = false;     // which ids stood there
};

/// Rows of a batch while they grow on a device: where each stands, what it wrote, whether it still grows. All in memory of fixed addresses and
/// shapes, so that what reads and writes it can be queued again and again. B rows, C positions that a row may have, V ids that the head predicts.
class GrowingRows {
 public:
  /// Rows that hold their prompts and whose first token is still to be chosen.
  GrowingRows(const std::vector<std::vector<int32_t>>& prompts, int64_t capacity, int64_t vocabulary, const std::vector<int32_t>& stop_ids,
              RowMemory memory, const Ops& ops, at::Device device);

  /// Appends `ids` (int64 [B]) to the rows that grow and `may` grow (bool [B]); the others end, as does a row at a stop id. Rows that have ended
  /// stand still: their last token is computed again, and nobody reads what comes of it. Gives which rows grew, bool [B].
  at::Tensor append(const at::Tensor& ids, const at::Tensor& may);
  /// Ends the rows whose flag is false.
  void keep(const std::vector<bool>& flags);

  int64_t count() const { return tokens_.size(0); }
  int64_t capacity() const { return capacity_; }
  int64_t vocabulary() const { return vocabulary_; }
  const at::Tensor& tokens() const { return tokens_; }                  // int64 [B], the last of each row
  const at::Tensor& positions() const { return positions_; }            // int64 [B], where it stands
  const at::Tensor& prompt_lengths() const { return prompt_lengths_; }  // int64 [B]
  const at::Tensor& active() const { return active_; }                  // bool [B]
  const at::Tensor& history() const { return history_; }                // int64 [B, C + 1]; the last column is for what is to be forgotten
  at::Tensor seen() const { return seen_.narrow(1, 0, vocabulary_); }   // bool [B, V]
  /// Marks of ids, bool [V], those of the list true: ids that the head does not predict are left out.
  at::Tensor mask_of(const std::vector<int32_t>& ids) const;
  const Ops& ops() const { return ops_; }
  at::TensorOptions options(at::ScalarType type) const { return tokens_.options().dtype(type); }

 private:
  void take_prompts(const std::vector<std::vector<int32_t>>& prompts, RowMemory memory);
  const Ops& ops_;
  int64_t capacity_, vocabulary_;
  Upload upload_;
  at::Tensor tokens_, positions_, prompt_lengths_, active_, history_, seen_, stop_mask_;
};

}  // namespace hyperfit
