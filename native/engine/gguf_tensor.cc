#include "engine/gguf_tensor.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/dequantize.h"
#include "engine/error.h"
#include "engine/quantize.h"

namespace hyperfit {
namespace {

[[noreturn]] void refuse_shape(const std::string& name, const std::string& expected, const std::string& got) {
  throw Error("ERR_SHAPE", "expected " + expected + " for `" + name + "`, got " + got + "; choose another type");
}

/// Where rows `begin` to `end` of the interleaved order come from: pair p of a head is its row p, then its row heads / 2 + p.
at::Tensor interleaved_rows(int64_t rows, int64_t heads, int64_t begin, int64_t end) {
  const int64_t head_rows = rows / heads;
  at::Tensor sources = at::empty({end - begin}, at::TensorOptions(at::kLong));
  auto* out = sources.mutable_data_ptr<int64_t>();
  for (int64_t row = begin; row < end; ++row) {
    const int64_t within = row % head_rows;
    *out++ = row - within + within % 2 * (head_rows / 2) + within / 2;
  }
  return sources;
}

/// Rows `begin` to `end` as they are stored, float32 on the CPU.
at::Tensor stored_rows(const std::string& name, const at::Tensor& tensor, const StoredForm& form, int64_t begin, int64_t end) {
  if (form.rope_heads > 0 && (tensor.dim() == 0 || tensor.numel() == 0)) refuse_shape(name, "rows that make heads of an even size", "none");
  const bool isVector = tensor.dim() < 2;
  at::Tensor matrix = form.rope_heads > 0 ? tensor.view({tensor.size(0), -1}) : isVector ? tensor.view({1, -1}) : tensor;
  if (form.transposed) matrix = matrix.t();
  // The rows of a rotary bias are its elements; all of them make the one row that is stored.
  const bool isWhole = isVector && form.rope_heads > 0;
  const int64_t rows = isWhole ? 1 : matrix.size(0);
  if (begin < 0 || begin > end || end > rows) {
    refuse_shape(name, "rows within its " + std::to_string(rows), std::to_string(begin) + " to " + std::to_string(end));
  }
  const int64_t last = isWhole ? matrix.size(0) : end;
  if (form.rope_heads > 0) {
    if (matrix.size(0) % (2 * form.rope_heads) != 0)
      refuse_shape(name, "rows that make heads of an even size", std::to_string(matrix.size(0)));
    matrix = at::index_select(matrix, 0, interleaved_rows(matrix.size(0), form.rope_heads, begin, last).to(matrix.device()));
  } else {
    matrix = matrix.slice(0, begin, end);
  }
  matrix = matrix.to(at::TensorOptions(at::kFloat).device(at::kCPU));
  if (form.add != 0) matrix = matrix.add(form.add);
  if (form.scale != 1) matrix = matrix.mul(form.scale);
  return matrix.contiguous();
}

bool all_finite(const float* values, int64_t count) {
  std::atomic<bool> finite{true};
  at::parallel_for(0, count, 1 << 15, [&](int64_t begin, int64_t end) {
    bool mine = true;
    for (int64_t i = begin; i < end; ++i) mine = mine && std::isfinite(values[i]);
    if (!mine) finite = false;
  });
  return finite;
}

/// What is read back must be finite as well: a half ends at 65504, and scales are halves.
void check_range(const std::string& name, const StoredForm& form, const std::vector<uint8_t>& bytes, int64_t blocks) {
  const BlockFormat& format = block_format(form.type);
  std::vector<float> decoded(blocks * format.elements);
  dequantize(format, bytes.data(), blocks, decoded.data());
  if (all_finite(decoded.data(), static_cast<int64_t>(decoded.size()))) return;
  throw Error("ERR_NOT_FINITE",
              "expected weights within the range of " + form.type + " for `" + name + "`, got larger ones; choose BF16 or F32");
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) refuse(errno);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(descriptor_); }

  void write(const std::vector<uint8_t>& bytes, int64_t offset) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t written = ::pwrite(descriptor_, bytes.data() + at, bytes.size() - at, offset + static_cast<int64_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) refuse(errno);
      at += static_cast<size_t>(written);
    }
  }

 private:
  [[noreturn]] void refuse(int error) const {
    throw Error("ERR_CHECKPOINT",
                "expected to write " + path_ + ", got \"" + std::strerror(error) + "\"; free disk space or choose another folder");
  }

  std::string path_;
  int descriptor_;
};

}  // namespace

void write_stored_rows(const std::string& path, int64_t offset, const std::string& name, const at::Tensor& tensor, const StoredForm& form,
                       int64_t begin, int64_t end) {
  const BlockEncoder& encoder = block_encoder(form.type);
  const at::Tensor rows = stored_rows(name, tensor, form, begin, end);
  const int64_t columns = rows.numel() == 0 ? 0 : rows.numel() / (end - begin);
  if (columns % encoder.elements != 0) {
    refuse_shape(name, "rows of whole blocks of " + std::to_string(encoder.elements), "rows of " + std::to_string(columns));
  }
  const auto* values = rows.const_data_ptr<float>();
  if (!all_finite(values, rows.numel())) {
    throw Error("ERR_NOT_FINITE",
                "expected finite weights for `" + name + "`, got NaN or infinity; the training diverged, use an earlier checkpoint");
  }
  const int64_t blocks = rows.numel() / encoder.elements;
  std::vector<uint8_t> bytes(blocks * encoder.bytes);
  quantize(encoder, values, blocks, bytes.data());
  if (form.type != "F32") check_range(name, form, bytes, blocks);
  OpenFile(path).write(bytes, offset);
}

}  // namespace hyperfit
