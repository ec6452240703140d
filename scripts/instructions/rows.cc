// Products of a few rows, as decoding makes them.
#include "check.h"
#include "ops/cpu/skinny_gemm/skinny_gemm.h"

namespace check {
namespace {

using namespace hyperfit::kernels;

std::vector<double> expected(const std::vector<BFloat16>& x, const std::vector<BFloat16>& w, int64_t rows, int64_t in, int64_t out) {
  std::vector<double> y(rows * out);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < out; ++j) {
      for (int64_t k = 0; k < in; ++k) y[i * out + j] += static_cast<double>(x[i * in + k]) * w[j * in + k];
    }
  }
  return y;
}

void check_size(int64_t rows, int64_t in, int64_t out) {
  const auto x = draw<BFloat16>(rows * in), w = draw<BFloat16>(out * in);
  const auto exact = expected(x, w, rows, in, out);
  std::vector<float> emulated;
  for (const Way way : {Way::emulated_tiles, Way::amx, Way::avx512_bf16, Way::avx512, Way::avx2}) {
    if (!use(way)) continue;
    std::vector<float> y(exact.size(), kUntouched);
    std::vector<BFloat16> rounded(exact.size(), kUntouched);
    skinny_gemm(SkinnyGemm<float, BFloat16>{y.data(), x.data(), w.data(), rows, in, out});
    skinny_gemm(SkinnyGemm<BFloat16, BFloat16>{rounded.data(), x.data(), w.data(), rows, in, out});
    const std::string what = std::to_string(rows) + " rows by " + name_of(way) + ", " + std::to_string(in) + " to " + std::to_string(out);
    expect(distance(y, exact) < 3e-6 && distance(rounded, exact) < 5e-3, what);
    if (way == Way::emulated_tiles) emulated = y;
    if (way == Way::amx) expect(same_bits(emulated, y), "bits of " + what);
  }
}

}  // namespace

void check_few_rows() {
  for (const int64_t in : {32, 33, 64, 96, 100, 576}) {
    for (const int64_t out : {1, 16, 50, 100}) {
      for (const int64_t rows : {1, 2, 15, 16, 17, 33, 64}) check_size(rows, in, out);
    }
  }
}

}  // namespace check
