#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <vector>

#include "engine/generation.h"
#include "engine/transfers.h"

namespace hyperfit {

/// Where a row stands when a device takes it over: the prompt and what came after it, and how much of it is the prompt.
struct RowStart {
  std::span<const int32_t> ids;
  int64_t prompt_length;
  const GenerateOptions* options;
};

/// Rows of a batch while they grow on a device: where each stands, what it wrote, whether it still grows. All in memory of fixed addresses
/// and shapes, so that what reads and writes it can be queued again and again. B rows, C positions that a row may have, V ids that the head
/// predicts. Options may differ from row to row.
class GrowingRows {
 public:
  GrowingRows(const std::vector<RowStart>& starts, int64_t capacity, int64_t vocabulary, const Ops& ops, at::Device device);

  /// Other rows in the place of these, as many and of the same options, in the same memory: what was queued for those may be queued again.
  void begin(const std::vector<RowStart>& starts);

  /// Appends `ids` (int64 [B]) to the rows that grow and `may` grow (bool [B]); the others end, as does a row at a stop id. Rows that have
  /// ended stand still: their last token is computed again, and nobody reads what comes of it. Gives which rows grew, bool [B].
  at::Tensor append(const at::Tensor& ids, const at::Tensor& may);
  /// Ends the rows whose flag is false.
  void keep(const std::vector<bool>& flags);

  int64_t count() const { return tokens_.size(0); }
  int64_t capacity() const { return capacity_; }
  int64_t vocabulary() const { return vocabulary_; }
  const GenerateOptions& options_of(int64_t row) const { return *options_[row]; }
  const at::Tensor& tokens() const { return tokens_; }                  // int64 [B], the last of each row
  const at::Tensor& positions() const { return positions_; }            // int64 [B], where it stands
  const at::Tensor& prompt_lengths() const { return prompt_lengths_; }  // int64 [B]
  const at::Tensor& active() const { return active_; }                  // bool [B]
  const at::Tensor& history() const { return history_; }                // int64 [B, C + 1]; the last column is for what is to be forgotten
  const at::Tensor& stop_mask() const { return stop_mask_; }            // bool [1 or B, V], or undefined where no id ends a row
  at::Tensor seen() const { return seen_.narrow(1, 0, vocabulary_); }   // bool [B, V]; of rows with a repetition penalty

  /// A number of each row, [B, 1] on the device.
  at::Tensor column(at::ScalarType type, const std::function<double(const GenerateOptions&)>& of) const;
  bool any(const std::function<bool(const GenerateOptions&)>& has) const;
  bool any_draws() const;
  at::Tensor bias() const;       // float32 [1 or B, V], or undefined where no row has any
  at::Tensor penalties() const;  // float32 [B, 1], or undefined where no row has one
  /// Marks of the ids that a row's options list, bool [B, V], or [1, V] where all rows list the same: ids that the head does not predict
  /// are left out. Undefined where no row lists any.
  at::Tensor mask_of(std::vector<int32_t> GenerateOptions::* ids) const;
  /// Where the part of each row begins that counts: at 0, behind the prompt, or nowhere at all (the capacity), int64 [B, 1]. `begin` writes
  /// it anew.
  enum class Counted { all, output, nothing };
  at::Tensor beginnings(const std::function<Counted(const GenerateOptions&)>& of) const;
  const Ops& ops() const { return ops_; }
  at::TensorOptions tensor_options(at::ScalarType type) const { return tokens_.options().dtype(type); }

 private:
  struct Beginnings {
    at::Tensor is_output, is_nothing;  // bool [B, 1]
    at::Tensor there;                  // int64 [B, 1]
  };
  void take(const std::vector<RowStart>& starts);
  void write(const Beginnings& beginnings) const;
  const Ops& ops_;
  int64_t capacity_, vocabulary_;
  std::vector<const GenerateOptions*> options_;
  Upload upload_;
  mutable std::vector<Beginnings> beginnings_;  // that were asked for
  at::Tensor places_;                           // int64 [3, B]: the next three
  at::Tensor tokens_, positions_, prompt_lengths_, active_, history_, seen_, stop_mask_;
};

}  // namespace hyperfit
