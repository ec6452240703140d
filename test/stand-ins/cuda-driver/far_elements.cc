#include "far_elements.h"

#include <sys/mman.h>

#include <cmath>
#include <stdexcept>

#include "kernels.h"
#include "registry.h"

namespace stand_in {
namespace {

using hyperfit::cuda::BFloat16;
using hyperfit::cuda::Index;

void* same(void* address) { return address; }

/// Addresses for so many elements, all of them 0 until they are written to.
template <class T>
class Far {
 public:
  explicit Far(int64_t count) : bytes_(count * sizeof(T)) {
    void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("expected addresses for " + std::to_string(bytes_) + " bytes, got none");
    data_ = static_cast<T*>(mapped);
  }
  ~Far() { munmap(data_, bytes_); }
  Far(const Far&) = delete;
  Far& operator=(const Far&) = delete;
  T* data() { return data_; }
  T& operator[](int64_t at) { return data_[at]; }

 private:
  size_t bytes_;
  T* data_;
};

template <class... Arguments>
void run(const char* name, const Blocks& blocks, Arguments... arguments) {
  void* places[] = {&arguments...};
  kernel_of(name).run(blocks, places, same);
}

// The last of 8,200 rows of 262,144 logits, of which one is 1 and the others 0.
std::string last_loss() {
  constexpr Index kRows = 8200, kSize = 262144;
  Far<BFloat16> logits(kRows * kSize);
  Far<Index> targets(kRows);
  Far<float> losses(kRows);
  const Index start = (kRows - 1) * kSize;
  logits[start + 77].bits = 0x3F80;
  targets[kRows - 1] = 77;
  run("cross_entropy_bfloat16", {kRows - 1, kRows, kRows}, logits.data(), static_cast<const Index*>(targets.data()), losses.data(), kRows,
      kSize);
  const double total = std::exp(1.0) + kSize - 1, expected = std::log(total) - 1;
  if (!(std::abs(losses[kRows - 1] - expected) < 1e-4)) return "cross_entropy: the last loss is " + std::to_string(losses[kRows - 1]);
  if (logits[start - 1].bits != 0 || logits[start].bits == 0 || logits[start + 77].bits >> 15 != 1)
    return "cross_entropy: the last row's gradient";
  return "";
}

// Of 2^31 + 5 elements, those of the first and of the last block of as many as a launch has: whole packs, and what is left beyond them.
std::string last_products() {
  constexpr Index kWhole = Index{1} << 31, kCount = kWhole + 5;
  constexpr unsigned kBlocks = 1U << 20;
  Far<BFloat16> y(kCount), gate(kCount), up(kCount);
  const Index places[] = {0, kWhole - 1, kWhole, kCount - 1};
  for (const Index at : places) gate[at].bits = up[at].bits = 0x3F80;
  for (const unsigned first : {0U, kBlocks - 1}) {
    run("activate_gated_bfloat16", {first, first + 1, kBlocks}, y.data(), static_cast<const BFloat16*>(gate.data()),
        static_cast<const BFloat16*>(up.data()), 0, kCount);
  }
  constexpr unsigned short kSiluOfOne = 0x3F3B;  // .731
  for (const Index at : places) {
    if (y[at].bits != kSiluOfOne) return "activate_gated: element " + std::to_string(at);
  }
  return y[kWhole - 2].bits == 0 && y[kWhole + 1].bits == 0 ? "" : "activate_gated: elements beside";
}

// Of 2^31 + 5 weights two: the last, which is left beyond whole packs of four and so the first block's, has a gradient and is moved by its
// decay and a step; one of the last pack has none and is moved by its decay.
std::string last_weights() {
  constexpr Index kWhole = Index{1} << 31, kCount = kWhole + 5, kLast = kCount - 1;
  constexpr unsigned kBlocks = 262145, kOfLastPack = (kWhole / 4 / hyperfit::cuda::kThreads) % kBlocks;
  Far<float> values(kCount), mean(kCount), square(kCount), gradients(kCount);
  Far<BFloat16> rounded(kCount);
  values[kLast] = values[kWhole] = 1;
  gradients[kLast] = 3;
  const float* no_number = nullptr;
  const hyperfit::cuda::AdamWNumbers numbers{0.125, 0.9, 0.999, 1e-8, 1, 1, 1};
  for (const unsigned block : {0U, kOfLastPack}) {
    run("adamw", {block, block + 1, kBlocks}, values.data(), mean.data(), square.data(), static_cast<const float*>(gradients.data()),
        rounded.data(), no_number, no_number, no_number, no_number, numbers, kCount);
  }
  if (std::abs(values[kLast] - 0.75F) > 1e-5 || values[kWhole] != 0.875F) return "adamw: weight " + std::to_string(values[kLast]);
  return std::abs(mean[kLast] - 0.3F) < 1e-6 && rounded[kLast].bits == 0x3F40 ? "" : "adamw: its moment";
}

// The last of 1,024 blocks over 2^31 numbers, of which the very last and the first that this block reads are not 0.
std::string last_squares() {
  constexpr Index kCount = Index{1} << 31;
  constexpr unsigned kBlocks = 1024;
  Far<float> x(kCount);
  Far<double> parts(kBlocks);
  x[kCount - 1] = 3;
  x[Index{kBlocks - 1} * hyperfit::cuda::kThreads * 4] = 4;
  run("vector_norm_parts", {kBlocks - 1, kBlocks, kBlocks}, parts.data(), static_cast<const float*>(x.data()), kCount);
  return parts[kBlocks - 1] == 25 ? "" : "vector_norm: the last part is " + std::to_string(parts[kBlocks - 1]);
}

}  // namespace

std::string far_elements() {
  for (const auto& check : {last_loss, last_products, last_weights, last_squares}) {
    if (const std::string wrong = check(); !wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace stand_in
