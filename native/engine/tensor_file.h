#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hyperfit {

/// Where the bytes of one tensor stand in a file, and what they mean. The headers were read elsewhere.
struct TensorSource {
  std::string name;
  std::string path;
  int64_t offset = 0;
  int64_t byte_length = 0;
  std::string type;
  std::vector<int64_t> shape;
  /// Heads whose rows stand interleaved for rotary embedding (GGUF, architecture llama); 0 for none.
  int64_t rope_heads = 0;
  /// Added to every element (Gemma's norms in GGUF are 1 + weight).
  double add = 0;
  /// A matrix stored the other way round (GPT-2 in GGUF).
  bool transposed = false;
};

/// A CPU tensor that owns its memory, float32 but for sources of type U8, of the source's shape, or that reversed where it is `transposed`.
/// Throws ERR_MODEL_FILES when the bytes do not lie inside the file or do not make the shape, ERR_UNSUPPORTED_MODEL for a type that cannot
/// be decoded.
at::Tensor load_tensor(const TensorSource& source);

/// Whether bfloat16 holds every element of what is read, to the bit. Looks at all of a float32 matrix that it holds, and seldom far into
/// another; of types other than F32 and BF16 it says no. Throws as `load_tensor`.
bool is_exact_in_bfloat16(const TensorSource& source);

/// GGUF's rows [heads, head_dim / 2, 2, columns] to Hugging Face's [heads, 2, head_dim / 2, columns].
at::Tensor restore_rotary_rows(const at::Tensor& tensor, int64_t heads);

/// Creates `path`, writes `header` and then every tensor's elements, of bytes as they are and as float32 else, flushes to the disk, closes.
/// Throws ERR_CHECKPOINT (path there already, disk full, ...); a partial file is removed, a file that was there before is left alone.
void save_tensors(const std::string& path, const std::vector<uint8_t>& header, const std::vector<at::Tensor>& tensors);
/// The same of `count` tensors that are asked for one after the other, so that what is made for this stands one at a time.
void save_tensors(const std::string& path, const std::vector<uint8_t>& header, size_t count,
                  const std::function<at::Tensor(size_t)>& tensor_at);

}  // namespace hyperfit
