// Products of a few rows, as decoding makes them.
#include "check.h"
#include "ops/cpu/skinny_gemm/skinny_gemm.h"

namespace check {
namespace {

using namespace hyperfit::kernels;

template <class X>
std::vector<double> expected(const std::vector<X>& x, const std::vector<X>& w, int64_t rows, int64_t in, int64_t out) {
  std::vector<double> y(rows * out);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < out; ++j) {
      for (int64_t k = 0; k < in; ++k) y[i * out + j] += static_cast<double>(x[i * in + k]) * w[j * in + k];
    }
  }
  return y;
}

std::string name_of(Way way, int64_t rows, int64_t in, int64_t out) {
  return std::to_string(rows) + " rows by " + name_of(way) + ", " + std::to_string(in) + " to " + std::to_string(out);
}

void check_bfloat16(int64_t rows, int64_t in, int64_t out) {
  const auto x = draw<BFloat16>(rows * in), w = draw<BFloat16>(out * in);
  const auto exact = expected(x, w, rows, in, out);
  std::vector<float> emulated;
  for (const Way way : {Way::emulated_tiles, Way::amx, Way::avx512_bf16, Way::avx512, Way::avx2}) {
    if (!use(way)) continue;
    std::vector<float> y(exact.size(), kUntouched);
    std::vector<BFloat16> rounded(exact.size(), kUntouched);
    skinny_gemm(SkinnyGemm<float, BFloat16>{y.data(), x.data(), w.data(), rows, in, out});
    skinny_gemm(SkinnyGemm<BFloat16, BFloat16>{rounded.data(), x.data(), w.data(), rows, in, out});
    const std::string what = name_of(way, rows, in, out);
    expect(distance(y, exact, usual_sum(in)) < 3e-6 && distance(rounded, exact, usual_sum(in)) < 5e-3, what);
    if (way == Way::emulated_tiles) emulated = y;
    if (way == Way::amx) expect(same_bits(emulated, y), "bits of " + what);
  }
}

// Sums have one order, whatever the width of registers.
void check_float32(int64_t rows, int64_t in, int64_t out) {
  const auto x = draw<float>(rows * in), w = draw<float>(out * in);
  const auto exact = expected(x, w, rows, in, out);
  std::vector<float> narrow;
  for (const Way way : {Way::avx2, Way::avx512}) {
    if (!use(way)) continue;
    std::vector<float> y(exact.size(), kUntouched);
    skinny_gemm(SkinnyGemm<float, float>{y.data(), x.data(), w.data(), rows, in, out});
    const std::string what = "float32, " + name_of(way, rows, in, out);
    expect(distance(y, exact, usual_sum(in)) < 3e-6, what);
    if (way == Way::avx2) narrow = y;
    if (way == Way::avx512) expect(same_bits(narrow, y), "bits of " + what);
  }
}

void check_size(int64_t rows, int64_t in, int64_t out) {
  check_bfloat16(rows, in, out);
  check_float32(rows, in, out);
}

}  // namespace

void check_few_rows() {
  for (const int64_t in : {32, 33, 64, 96, 100, 576}) {
    for (const int64_t out : {1, 16, 50, 100}) {
      for (const int64_t rows : {1, 2, 5, 8, 15, 16, 17, 33, 64}) check_size(rows, in, out);
    }
  }
  // Of so many inputs the nearest cache does not hold a tile's weights: they are taken in blocks.
  for (const int64_t in : {1712, 3232}) {
    for (const int64_t rows : {8, 16, 32, 48, 64}) check_size(rows, in, 55);
  }
}

}  // namespace check
