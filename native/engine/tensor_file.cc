#include "engine/tensor_file.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/dequantize.h"
#include "engine/error.h"
#include "engine/mapped_file.h"

namespace hyperfit {
namespace {

[[noreturn]] void refuse(const TensorSource& source, const std::string& expected, const std::string& got) {
  throw Error("ERR_MODEL_FILES", "expected " + expected + " for `" + source.name + "`, got " + got + " in " + source.path +
                                     "; fetch the file again");
}

/// Product of the shape; throws where it is negative or no int64, also but for sizes of zero: strides are products without them.
int64_t count_elements(const TensorSource& source) {
  int64_t count = 1;
  bool is_empty = false;
  for (const int64_t size : source.shape) {
    is_empty = is_empty || size == 0;
    if (size < 0 || __builtin_mul_overflow(count, std::max<int64_t>(size, 1), &count))
      refuse(source, "a shape of sizes that can be multiplied", "too large a one");
  }
  return is_empty ? 0 : count;
}

int64_t count_blocks(const TensorSource& source, const BlockFormat& format) {
  const int64_t count = count_elements(source);
  const int64_t row = source.shape.empty() ? 1 : source.shape.back();
  if (row % format.elements != 0) {
    refuse(source, "rows of whole blocks of " + std::to_string(format.elements), "rows of " + std::to_string(row));
  }
  int64_t bytes = 0;
  const int64_t blocks = count / format.elements;
  if (__builtin_mul_overflow(blocks, format.bytes, &bytes) || bytes != source.byte_length) {
    refuse(source, std::to_string(bytes) + " bytes of " + source.type, std::to_string(source.byte_length));
  }
  return blocks;
}

void check_extent(const TensorSource& source, size_t file_size) {
  const auto size = static_cast<int64_t>(file_size);
  if (source.offset < 0 || source.byte_length < 0 || source.offset > size || source.byte_length > size - source.offset) {
    refuse(source, "bytes " + std::to_string(source.offset) + " to offset + " + std::to_string(source.byte_length) + " inside the file",
           std::to_string(size) + " bytes");
  }
}

[[noreturn]] void refuse_save(const std::string& path, int error) {
  throw Error("ERR_CHECKPOINT", "expected to write " + path + ", got \"" + std::strerror(error) +
                                    "\"; free disk space or choose another folder, then save again (earlier checkpoints are untouched)");
}

/// A file that did not exist before, and that is removed again unless `finish` is reached.
class NewFile {
 public:
  explicit NewFile(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) refuse_save(path, errno);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (finished_) return;
    if (descriptor_ >= 0) ::close(descriptor_);
    ::unlink(path_.c_str());
  }

  void write(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    while (size > 0) {
      const ssize_t written = ::write(descriptor_, bytes, std::min<size_t>(size, 1 << 30));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) refuse_save(path_, errno);
      bytes += written;
      size -= static_cast<size_t>(written);
    }
  }

  /// Some file systems report a full disk only here.
  void finish() {
    if (::fsync(descriptor_) != 0) refuse_save(path_, errno);
    const int descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0) refuse_save(path_, errno);
    finished_ = true;
  }

 private:
  std::string path_;
  int descriptor_;
  bool finished_ = false;
};

at::Tensor load_bytes(const TensorSource& source) {
  if (count_elements(source) != source.byte_length)
    refuse(source, std::to_string(count_elements(source)) + " bytes of U8", std::to_string(source.byte_length));
  const MappedFile file(source.path);
  check_extent(source, file.size());
  at::Tensor tensor = at::empty(source.shape, at::TensorOptions(at::kByte));
  if (source.byte_length > 0)
    std::memcpy(tensor.mutable_data_ptr<uint8_t>(), file.data() + source.offset, static_cast<size_t>(source.byte_length));
  return tensor;
}

}  // namespace

at::Tensor load_tensor(const TensorSource& source) {
  if (source.type == "U8") return load_bytes(source);
  const BlockFormat& format = block_format(source.type);
  const int64_t blocks = count_blocks(source, format);
  if (source.transposed && source.shape.size() != 2)
    refuse(source, "a matrix, to transpose it,", std::to_string(source.shape.size()) + " dimensions");
  const MappedFile file(source.path);
  check_extent(source, file.size());
  at::Tensor tensor = at::empty(source.shape, at::TensorOptions(at::kFloat));
  if (blocks > 0) dequantize(format, file.data() + source.offset, blocks, tensor.mutable_data_ptr<float>());
  if (source.rope_heads > 0) tensor = restore_rotary_rows(tensor, source.rope_heads);
  if (source.add != 0) tensor.add_(source.add);
  return source.transposed ? tensor.t().contiguous() : tensor;
}

bool is_exact_in_bfloat16(const TensorSource& source) {
  constexpr int64_t kAtOnce = 1 << 14;
  if (source.add != 0) return false;
  if (source.type == "BF16") return true;
  if (source.type != "F32") return false;
  const int64_t count = count_blocks(source, block_format(source.type));
  const MappedFile file(source.path);
  check_extent(source, file.size());
  const uint8_t* bytes = file.data() + source.offset;
  for (int64_t first = 0; first < count; first += kAtOnce) {
    uint32_t bits = 0;  // of all, below what bfloat16 has
    for (int64_t i = first; i < std::min(count, first + kAtOnce); ++i) {
      uint32_t element;
      std::memcpy(&element, bytes + 4 * i, sizeof(element));
      bits |= element;
    }
    if ((bits & 0xffff) != 0) return false;
  }
  return true;
}

at::Tensor restore_rotary_rows(const at::Tensor& tensor, int64_t heads) {
  const int64_t rows = tensor.dim() == 0 ? 0 : tensor.size(0);
  if (rows == 0 || rows % (2 * heads) != 0) {
    throw Error("ERR_MODEL_FILES", "expected rows that make " + std::to_string(heads) + " heads of an even size, got " +
                                       std::to_string(rows) + " rows; fetch the file again");
  }
  const int64_t pairs = rows / (2 * heads);
  return tensor.view({heads, pairs, 2, -1}).transpose(1, 2).contiguous().view(tensor.sizes());
}

void save_tensors(const std::string& path, const std::vector<uint8_t>& header, size_t count,
                  const std::function<at::Tensor(size_t)>& tensor_at) {
  NewFile file(path);
  file.write(header.data(), header.size());
  for (size_t i = 0; i < count; ++i) {
    const at::Tensor tensor = tensor_at(i).detach();
    const at::ScalarType stored = tensor.scalar_type() == at::kByte ? at::kByte : at::kFloat;
    const at::Tensor elements = tensor.cpu().to(stored).contiguous();
    file.write(elements.const_data_ptr(), elements.nbytes());
  }
  file.finish();
}

void save_tensors(const std::string& path, const std::vector<uint8_t>& header, const std::vector<at::Tensor>& tensors) {
  save_tensors(path, header, tensors.size(), [&](size_t i) { return tensors[i]; });
}

}  // namespace hyperfit
