// libFuzzer's entry: bytes become a description of a tensor and the file that it stands in, or blocks of a quantised type, and go through
// what reads them in C++. Refusals are hyperfit::Error; anything else that is thrown, read outside, or undefined ends the process.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/dequantize.h"
#include "engine/error.h"
#include "engine/gguf_tensor.h"
#include "engine/quantize.h"
#include "engine/tensor_file.h"

namespace {

using namespace hyperfit;

constexpr std::array TYPES = {"F32", "F16", "BF16", "F64", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "I8", ""};
constexpr std::array<int64_t, 12> SIZES = {0, 1, 2, 3, 16, 32, 64, 256, 512, INT32_MAX, INT64_MAX, INT64_MIN};

/// Takes numbers off the front of the input; zeros once it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  /// Small, or one of the sizes at which things break.
  int64_t number() {
    const uint8_t kind = byte();
    if (kind < 128) return kind;
    if (kind < 240) return SIZES[kind % SIZES.size()];
    int64_t value = 0;
    for (int i = 0; i < 8; ++i) value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 | byte());
    return value;
  }

  const uint8_t* rest() const { return data_; }
  size_t left() const { return size_; }

 private:
  const uint8_t* data_;
  size_t size_;
};

/// One file in memory, written anew for each input.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", 0)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {
    if (descriptor_ < 0) std::abort();
  }

  const std::string& write(const uint8_t* data, size_t size) {
    if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
    return path_;
  }

 private:
  int descriptor_;
  std::string path_;
};

void load(Input& input) {
  static MemoryFile file;
  TensorSource source;
  source.name = "t";
  source.type = TYPES[input.byte() % TYPES.size()];
  for (int dimensions = input.byte() % 5; dimensions > 0; --dimensions) source.shape.push_back(input.number());
  const uint8_t flags = input.byte();
  source.transposed = (flags & 1) != 0;
  if ((flags & 2) != 0) source.add = 1;
  if ((flags & 4) != 0) source.rope_heads = input.number() & 0xfffff;
  source.offset = input.number();
  source.byte_length = input.number();
  // Most inputs tell the right length, or nothing would be read.
  if ((flags & 8) == 0)
    source.byte_length = static_cast<int64_t>(input.left()) - std::min<int64_t>(std::max<int64_t>(source.offset, 0), input.left());
  source.path = file.write(input.rest(), input.left());
  const at::Tensor tensor = load_tensor(source);
  if (tensor.numel() > 0 && !tensor.is_contiguous()) std::abort();
}

/// What is read of any bytes can be written, and is then read as it was.
void blocks(Input& input) {
  const std::string type = TYPES[input.byte() % 12];
  const BlockFormat& format = block_format(type);
  const auto count = static_cast<int64_t>(input.left()) / format.bytes;
  std::vector<float> values(count * format.elements);
  dequantize(format, input.rest(), count, values.data());
  if (type == "F64" ||
      !std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value) && std::fabs(value) < 1e30F; }))
    return;
  const BlockEncoder& encoder = block_encoder(type);
  std::vector<uint8_t> bytes(count * encoder.bytes);
  quantize(encoder, values.data(), count, bytes.data());
  std::vector<float> again(values.size());
  quantize_and_back(encoder, values.data(), count, again.data());
}

/// Rows of a tensor that a file of some size is to hold.
void store(Input& input) {
  static MemoryFile file;
  StoredForm form;
  form.type = TYPES[input.byte() % TYPES.size()];
  const uint8_t flags = input.byte();
  form.transposed = (flags & 1) != 0;
  if ((flags & 2) != 0) form.rope_heads = input.byte() % 9;
  const int64_t rows = input.byte() % 9;
  const int64_t begin = input.number(), end = input.number();
  const auto columns = rows == 0 ? 0 : static_cast<int64_t>(input.left() / sizeof(float)) / rows;
  std::vector<float> values(rows * columns);
  if (!values.empty()) std::memcpy(values.data(), input.rest(), values.size() * sizeof(float));
  const at::Tensor tensor = load_tensor({"t",
                                         file.write(input.rest(), values.size() * sizeof(float)),
                                         0,
                                         static_cast<int64_t>(values.size() * sizeof(float)),
                                         "F32",
                                         {rows, columns}});
  write_stored_rows(file.write(input.rest(), 0), 0, "t", tensor, form, begin, end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  try {
    switch (input.byte() % 3) {
      case 0: load(input); break;
      case 1: blocks(input); break;
      default: store(input);
    }
  } catch (const hyperfit::Error& error) {
    if (error.code().rfind("ERR_", 0) != 0) std::abort();
  }
  return 0;
}
