// Products of matrices in every form, of bfloat16 and of float32, against doubles; tiles against their emulation, AVX-512 against AVX2.
#include "check.h"
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"
#include "ops/cpu/float32_gemm/float32_gemm.h"
#include "ops/cpu/tiles/split_gemm.h"

namespace check {
namespace {

using namespace hyperfit::kernels;

struct Size {
  int64_t rows, inner, columns;
};
constexpr Size kSizes[] = {{1, 1, 1},    {15, 16, 17},  {16, 32, 16},  {17, 31, 33},   {31, 33, 15},  {33, 63, 1},
                           {63, 64, 65}, {48, 576, 40}, {7, 1536, 20}, {70, 2081, 18}, {97, 96, 140}};

struct Form {
  bool a_by_columns, b_by_columns, transposed, adds;
};

template <class T>
std::vector<T> turned(const std::vector<T>& x, int64_t rows, int64_t columns) {
  std::vector<T> y(x.size());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[j * rows + i] = x[i * columns + j];
  }
  return y;
}

template <class T>
struct Operands {
  Size size;
  Form form;
  std::vector<T> a, b;
  std::vector<float> addend;

  Operands(const Size& s, const Form& f)
      : size(s), form(f), a(draw<T>(s.rows * s.inner)), b(draw<T>(s.inner * s.columns)), addend(draw<float>(s.rows * s.columns)) {}

  std::vector<double> expected() const {
    std::vector<double> y(addend.size());
    for (int64_t i = 0; i < size.rows; ++i) {
      for (int64_t j = 0; j < size.columns; ++j) {
        double sum = form.adds ? addend[i * size.columns + j] : 0;
        for (int64_t k = 0; k < size.inner; ++k) sum += static_cast<double>(a[i * size.inner + k]) * b[k * size.columns + j];
        y[i * size.columns + j] = sum;
      }
    }
    return y;
  }

  // In the form, and back.
  template <class Gemm, class Y>
  std::vector<Y> multiply(void (*call)(const Gemm&)) const {
    const auto left = form.a_by_columns ? turned(a, size.rows, size.inner) : a;
    const auto right = form.b_by_columns ? turned(b, size.inner, size.columns) : b;
    const auto added = form.transposed ? turned(addend, size.rows, size.columns) : addend;
    std::vector<Y> y(addend.size(), Y(kUntouched));
    Gemm gemm{};
    gemm.y = y.data();
    gemm.y_stride = gemm.addend_stride = form.transposed ? size.rows : size.columns;
    gemm.transposed = form.transposed;
    gemm.addend = form.adds ? added.data() : nullptr;
    gemm.a = {left.data(), form.a_by_columns ? 1 : size.inner, form.a_by_columns ? size.rows : 1};
    gemm.b = {right.data(), form.b_by_columns ? 1 : size.columns, form.b_by_columns ? size.inner : 1};
    gemm.rows = size.rows;
    gemm.columns = size.columns;
    gemm.inner = size.inner;
    call(gemm);
    return form.transposed ? turned(y, size.columns, size.rows) : y;
  }

  std::string named(const char* what, Way way) const {
    std::string name = std::string(what) + " by " + name_of(way) + ", " + std::to_string(size.rows) + " x " + std::to_string(size.inner);
    name += " x " + std::to_string(size.columns);
    if (form.a_by_columns) name += ", a by columns";
    if (form.b_by_columns) name += ", b by columns";
    if (form.transposed) name += ", transposed";
    return name + (form.adds ? ", added" : "");
  }
};

// All ways give what doubles give, and those of one group the same bits.
template <class Gemm, class Y, class T>
void compare(const char* what, const Operands<T>& operands, double tolerance, void (*call)(const Gemm&),
             const std::vector<std::vector<Way>>& groups) {
  const auto expected = operands.expected();
  for (const auto& group : groups) {
    std::vector<Y> first;
    for (const Way way : group) {
      if (!use(way)) continue;
      const auto y = operands.template multiply<Gemm, Y>(call);
      expect(distance(y, expected, usual_sum(operands.size.inner)) < tolerance, operands.named(what, way));
      if (first.empty()) first = y;
      expect(same_bits(first, y), "bits of " + operands.named(what, way));
    }
  }
}

void split(const Float32Gemm& gemm) { expect(split_gemm(gemm), "finite numbers are split"); }

void check_form(const Size& size, const Form& form) {
  const Operands<BFloat16> halves(size, form);
  const std::vector<std::vector<Way>> groups{{Way::emulated_tiles, Way::amx}, {Way::avx512_bf16}, {Way::avx2, Way::avx512}};
  compare<Bfloat16Gemm<float>, float>("bfloat16 to float32", halves, 3e-6, bfloat16_gemm, groups);
  compare<Bfloat16Gemm<BFloat16>, BFloat16>("bfloat16", halves, 5e-3, bfloat16_gemm, groups);
  const Operands<float> floats(size, form);
  compare<Float32Gemm, float>("float32 in three parts", floats, 5e-7, split, {{Way::emulated_tiles, Way::amx}});
  compare<Float32Gemm, float>("float32", floats, 3e-6, float32_gemm, {{Way::avx2, Way::avx512}});
}

}  // namespace

// Long sums in a third of the forms: tiles are emulated slowly.
void check_products() {
  for (const Size& size : kSizes) {
    for (int bits = 0; bits < 16; bits += size.inner > 500 ? 3 : 1) {
      check_form(size, {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0});
    }
  }
}

}  // namespace check
