// The kernels between products with wider or newer lanes, against their form with AVX2, or plain where there is none.
#include <functional>

#include "check.h"
#include "ops/cpu/activation/activation.h"
#include "ops/cpu/adamw/adamw.h"
#include "ops/cpu/attention/decode_attention.h"
#include "ops/cpu/convert/convert.h"
#include "ops/cpu/cross_entropy/cross_entropy.h"
#include "ops/cpu/norm/layer_norm.h"
#include "ops/cpu/norm/rms_norm.h"
#include "ops/cpu/rotary/rotate.h"
#include "ops/cpu/rows/row_functions.h"

namespace check {
namespace {

using namespace hyperfit::kernels;

/// What a kernel wrote, one result behind the other.
struct Written {
  std::vector<double> numbers;
  template <class T>
  void add(const std::vector<T>& x) {
    for (const T& value : x) numbers.push_back(static_cast<float>(value));
  }
};

using Kernel = std::function<void(Written&)>;

// NaN has to be NaN, and an infinity the same one.
bool near(const std::vector<double>& actual, const std::vector<double>& expected, double tolerance) {
  double size = 0;
  for (const double value : expected) {
    if (std::isfinite(value)) size = std::max(size, std::fabs(value));
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const bool same = actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]));
    if (!same && !(std::fabs(actual[i] - expected[i]) < tolerance * size)) return false;
  }
  return actual.size() == expected.size();
}

void compare(const std::string& what, double tolerance, const Kernel& kernel) {
  Written expected;
  use(Way::avx2);  // an older processor takes plain
  kernel(expected);
  for (const Way way : {Way::plain, Way::avx512, Way::avx512_bf16, Way::amx}) {
    if (!use(way)) continue;
    Written written;
    kernel(written);
    expect(near(written.numbers, expected.numbers, tolerance), what + " by " + name_of(way));
  }
}

template <class T>
double tolerance_of() {
  return sizeof(T) == sizeof(float) ? 2e-5 : 2e-2;
}

template <class F, class T>
void check_activation(const std::string& name, int64_t count) {
  const auto x = draw<T>(count), up = draw<T>(count), dy = draw<T>(count);
  compare(name + " of " + std::to_string(count), tolerance_of<T>(), [&](Written& written) {
    std::vector<T> y(count), dgate(count), dup(count), both(dy);
    activate<F>(y.data(), x.data(), count);
    written.add(y);
    activate_backward<F>(y.data(), dy.data(), x.data(), count);
    written.add(y);
    activate_gated<F>(y.data(), x.data(), up.data(), count);
    activate_gated_backward<F>(dgate.data(), dup.data(), both.data(), x.data(), up.data(), count);
    for (const auto& some : {y, dgate, dup, both}) written.add(some);
  });
}

template <class T>
void check_cross_entropy(int64_t size) {
  const auto logits = draw<T>(3 * size);
  const std::vector<int64_t> targets{0, -1, size - 1};
  compare("cross entropy of " + std::to_string(size), tolerance_of<T>(), [&](Written& written) {
    auto gradient = logits;
    std::vector<float> losses(3);
    cross_entropy(gradient.data(), losses.data(), targets.data(), 3, size);
    written.add(gradient);
    written.add(losses);
  });
}

template <class Y, class X>
void check_norms(int64_t size) {
  constexpr int64_t kRows = 5;
  const auto x = draw<X>(kRows * size), dx_before = draw<X>(kRows * size);
  const auto dy = draw<Y>(kRows * size);
  const auto weight = draw<float>(size), bias = draw<float>(size);
  compare("layer norm of " + std::to_string(size), tolerance_of<Y>(), [&](Written& written) {
    std::vector<Y> y(kRows * size);
    std::vector<float> rstd(kRows), mean(kRows), dw(weight), db(bias);
    std::vector<X> dx(dx_before);
    layer_norm_forward(y.data(), {rstd.data(), mean.data()}, x.data(), weight.data(), bias.data(), 1e-1f, kRows, size);
    layer_norm_backward(dx.data(), dw.data(), db.data(), dy.data(), x.data(), {rstd.data(), mean.data()}, weight.data(), .5f, kRows, size);
    written.add(y);
    written.add(dx);
    for (const auto& some : {rstd, mean, dw, db}) written.add(some);
  });
  compare("RMS norm of " + std::to_string(size), tolerance_of<Y>(), [&](Written& written) {
    std::vector<Y> y(kRows * size);
    std::vector<float> rstd(kRows), dw(weight);
    std::vector<X> dx(dx_before);
    rms_norm_forward(y.data(), rstd.data(), x.data(), weight.data(), 1.0f, 1e-1f, kRows, size);
    rms_norm_backward(dx.data(), dw.data(), dy.data(), x.data(), rstd.data(), weight.data(), 1.0f, 0.0f, kRows, size);
    written.add(y);
    written.add(dx);
    for (const auto& some : {rstd, dw}) written.add(some);
  });
}

template <class T>
void check_rotation(int64_t half) {
  constexpr int64_t kBatch = 2, kHeads = 3, kTime = 3;
  const int64_t size = 2 * half;
  const auto x = draw<T>(kBatch * kHeads * kTime * size);
  const auto cosines = draw<float>(kTime * half), sines = draw<float>(kTime * half);
  compare("rotation of " + std::to_string(size), tolerance_of<T>(), [&](Written& written) {
    std::vector<T> y(x.size());
    const HeadLayout layout{kHeads * kTime * size, kTime * size, size};
    const float *cos = cosines.data(), *sin = sines.data();
    rotate_heads(Rotation<T>{y.data(), layout, x.data(), layout, cos, sin, 0, half, kBatch, kHeads, kTime, half, -1.0f});
    written.add(y);
  });
}

template <class T>
void check_decoding(int64_t size, int64_t positions, float softcap) {
  constexpr int64_t kBatch = 2, kHeads = 6, kKeyHeads = 2;
  const auto q = draw<T>(kBatch * kHeads * size), keys = draw<T>(kBatch * kKeyHeads * positions * size), values = draw<T>(keys.size());
  const std::vector<int64_t> first{0, positions / 2}, last{positions - 1, positions - 1};
  compare("attention over " + std::to_string(positions) + " of " + std::to_string(size), tolerance_of<T>(), [&](Written& written) {
    std::vector<T> out(q.size());
    DecodeAttention<T, T> call{};
    call.out = out.data();
    call.q = q.data();
    call.keys = keys.data();
    call.values = values.data();
    call.batch_stride = kKeyHeads * positions * size;
    call.head_stride = positions * size;
    call.heads = kHeads;
    call.key_value_heads = kKeyHeads;
    call.head_dim = size;
    call.scale = .3f;
    call.softcap = softcap;
    call.batch = kBatch;
    call.first = first.data();
    call.last = last.data();
    decode_attention(call);
    written.add(out);
  });
}

void check_update(int64_t count) {
  const auto weights = draw<float>(count), gradients = draw<float>(count), first = draw<float>(count);
  compare("AdamW of " + std::to_string(count), 1e-6, [&](Written& written) {
    std::vector<float> w(weights), m(first), v(count, .3f);
    std::vector<BFloat16> rounded(count);
    adamw_step({w.data(), m.data(), v.data(), gradients.data(), rounded.data(), count, .9f, .95f, 1e-8f, .99f, .01f, .5f, .7f});
    for (const auto& some : {w, m, v}) written.add(some);
  });
}

void check_row_functions(int64_t count) {
  const auto x = draw<float>(count), up = draw<float>(count);
  const auto addend = draw<BFloat16>(count);
  compare("functions of rows of " + std::to_string(count), 2e-5, [&](Written& written) {
    std::vector<float> sum(x), gelu(count), capped(x), best((count + 15) / 16);
    accumulate_bfloat16(sum.data(), addend.data(), .5f, count);
    add_row(sum.data(), up.data(), count);
    gelu_row(gelu.data(), x.data(), up.data(), count);
    softcap_row(capped.data(), 3.0f, count);
    best_of_blocks(best.data(), x.data(), count, 16);
    for (const auto& some : {sum, gelu, capped, best}) written.add(some);
  });
}

// Halves between two numbers, denormal ones, infinities and NaN.
void check_rounding() {
  std::vector<float> x(4001);
  for (size_t i = 0; i < x.size(); ++i) {
    uint32_t word = numbers()();
    if (i % 3 == 0) word = (word & 0xffff0000) | 0x8000;
    if (i % 7 == 0) word &= 0x807fffff;
    if (i % 11 == 0) word |= 0x7f800000;
    std::memcpy(&x[i], &word, sizeof word);
  }
  compare("rounding to bfloat16", 0, [&](Written& written) {
    std::vector<BFloat16> y(x.size());
    round_to_bfloat16(y.data(), x.data(), static_cast<int64_t>(x.size()));
    written.add(y);
  });
}

template <class T>
void check_type(int64_t count) {
  check_activation<Silu, T>("SiLU", count);
  check_activation<GeluTanh, T>("tanh GELU", count);
  check_activation<QuickGelu, T>("quick GELU", count);
  check_cross_entropy<T>(count);
  check_norms<T, float>(count);
  check_norms<T, T>(count);
  check_rotation<T>(count);
}

}  // namespace

void check_lanes() {
  check_rounding();
  for (const int64_t count : {1, 2, 7, 15, 16, 17, 31, 33, 64, 65, 100, 257}) {
    check_type<float>(count);
    check_type<BFloat16>(count);
    check_update(count);
    check_row_functions(count);
  }
  for (const int64_t size : {2, 8, 24, 64, 66}) {
    for (const int64_t positions : {1, 16, 17, 70}) {
      for (const float softcap : {0.0f, 2.0f}) {
        check_decoding<float>(size, positions, softcap);
        check_decoding<BFloat16>(size, positions, softcap);
      }
    }
  }
}

}  // namespace check
