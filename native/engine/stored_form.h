#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hyperfit {

/// How a parameter is stored in GGUF; the other direction of what `TensorSource` says.
struct StoredForm {
  /// A type of `block_encoder`.
  std::string type;
  /// Heads whose rows are interleaved for rotary embedding (architecture llama); 0 for none.
  int64_t rope_heads = 0;
  /// Added to every element, before `scale`.
  double add = 0;
  double scale = 1;
  /// Stored the other way round (GPT-2's matrices).
  bool transposed = false;
};

/// Throws ERR_CONFIG for a type that cannot be written, ERR_SHAPE where the stored rows of a parameter of this shape are no whole blocks of
/// it.
void require_storable(const std::string& name, const std::vector<int64_t>& shape, const StoredForm& form);

/// Writes to `out` what is read back of `values` (both float32 [shape], on any device) once they have been stored in `form`: to the bit
/// what write_stored_rows writes and load_tensor reads, but for `scale`, which is divided out again. Blocks lie along a row, so that
/// `rope_heads`, an order of rows, changes nothing. Runs on the CPU. Throws ERR_NOT_FINITE for values that are not finite, and for those
/// beyond the range of the type.
void store_and_read(at::Tensor& out, const at::Tensor& values, const StoredForm& form, const std::string& name);

}  // namespace hyperfit
