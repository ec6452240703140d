// Attention over whole sequences, forward and backward, against doubles; by tiles the bits of the emulation, by lanes those of AVX2.
#include "ops/cpu/attention/causal_attention.h"

#include "check.h"

namespace check {
namespace {

using namespace hyperfit::kernels;

constexpr int64_t kHeads = 4, kKeyHeads = 2;

struct Shape {
  int64_t length, size, window;
  double scale() const { return 1 / std::sqrt(static_cast<double>(size)); }
  std::string named() const {
    return std::to_string(length) + " positions of " + std::to_string(size) + ", window " + std::to_string(window);
  }
};

/// One sequence: q [H, T, D], k and v [K, T, D]; out and dout [T, H * D].
template <class T>
struct Sequence {
  std::vector<T> q, k, v, dout;
  explicit Sequence(const Shape& s)
      : q(draw<T>(kHeads * s.length * s.size)), k(draw<T>(kKeyHeads * s.length * s.size)), v(draw<T>(k.size())), dout(draw<T>(q.size())) {}
};

template <class T>
struct Results {
  std::vector<T> out, dq, dk, dv;
  template <class X>
  Results(const Sequence<X>& x, T value) : out(x.q.size(), value), dq(x.q.size(), value), dk(x.k.size(), value), dv(x.v.size(), value) {}
};

template <class T>
double product(const T* a, const T* b, int64_t size) {
  double sum = 0;
  for (int64_t d = 0; d < size; ++d) sum += static_cast<double>(a[d]) * b[d];
  return sum;
}

template <class T>
std::vector<double> probabilities(const T* q, const T* keys, const Shape& s, int64_t from, int64_t to) {
  std::vector<double> p;
  for (int64_t u = from; u <= to; ++u) p.push_back(product(q, keys + u * s.size, s.size) * s.scale());
  const double most = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& value : p) sum += value = std::exp(value - most);
  for (double& value : p) value /= sum;
  return p;
}

// What one query gives, and what its gradient gives everybody.
template <class T>
void attend(Results<double>& y, const Sequence<T>& x, const Shape& s, int64_t h, int64_t t) {
  const int64_t from = s.window > 0 ? std::max<int64_t>(0, t + 1 - s.window) : 0, head = h / (kHeads / kKeyHeads) * s.length * s.size;
  const T *q = &x.q[(h * s.length + t) * s.size], *dout = &x.dout[(t * kHeads + h) * s.size];
  const auto p = probabilities(q, &x.k[head], s, from, t);
  std::vector<double> dp;
  double mean = 0;
  for (int64_t u = from; u <= t; ++u) {
    dp.push_back(product(dout, &x.v[head + u * s.size], s.size));
    mean += p[u - from] * dp.back();
  }
  for (int64_t u = from; u <= t; ++u) {
    const int64_t at = head + u * s.size;
    const double probability = p[u - from], dscore = probability * (dp[u - from] - mean) * s.scale();
    for (int64_t d = 0; d < s.size; ++d) {
      y.out[(t * kHeads + h) * s.size + d] += probability * x.v[at + d];
      y.dv[at + d] += probability * dout[d];
      y.dq[(h * s.length + t) * s.size + d] += dscore * x.k[at + d];
      y.dk[at + d] += dscore * q[d];
    }
  }
}

template <class T>
Results<T> compute(const Sequence<T>& x, const Shape& s) {
  const auto scale = static_cast<float>(s.scale());
  const CausalAttention<T> call{x.q.data(), x.k.data(), x.v.data(), 1, kHeads, kKeyHeads, s.length, s.size, s.window, scale};
  Results<T> y(x, kUntouched);
  causal_attention(call, y.out.data());
  causal_attention_backward(call, x.dout.data(), y.dq.data(), y.dk.data(), y.dv.data());
  return y;
}

// Of one position the gradients of queries and keys are zero.
template <class T>
void compare(const Results<T>& y, const Results<double>& exact, const Shape& s, double tolerance, const std::string& what) {
  expect(distance(y.out, exact.out) < tolerance && distance(y.dv, exact.dv) < tolerance, what);
  if (s.length > 1) expect(distance(y.dq, exact.dq) < 4 * tolerance && distance(y.dk, exact.dk) < 4 * tolerance, "gradients of " + what);
}

// All ways give what doubles give, and those of one group the same bits.
template <class T>
void check_shape(const Shape& s, double tolerance, const std::vector<std::vector<Way>>& groups) {
  const Sequence<T> x(s);
  Results<double> exact(x, 0);
  for (int64_t h = 0; h < kHeads; ++h) {
    for (int64_t t = 0; t < s.length; ++t) attend(exact, x, s, h, t);
  }
  for (const auto& group : groups) {
    std::vector<Results<T>> all;
    for (const Way way : group) {
      if (!use(way) || !has_causal_attention()) continue;
      all.push_back(compute(x, s));
      const std::string what = std::string("attention by ") + name_of(way) + ", " + s.named();
      const Results<T>&first = all.front(), &last = all.back();
      compare(last, exact, s, tolerance, what);
      expect(same_bits(first.out, last.out), "bits of " + what);
      expect(same_bits(first.dq, last.dq) && same_bits(first.dk, last.dk) && same_bits(first.dv, last.dv), "bits of gradients of " + what);
    }
  }
}

}  // namespace

void check_attention() {
  for (const int64_t length : {1, 2, 17, 63, 64, 65, 130}) {
    for (const int64_t size : {2, 5, 16, 24, 64, 66}) {
      for (const int64_t window : {0, 20}) {
        const Shape shape{length, size, window};
        check_shape<BFloat16>(shape, 1.5e-2, {{Way::emulated_tiles, Way::amx}, {Way::avx512_bf16}, {Way::avx2, Way::avx512}});
        check_shape<float>(shape, 1e-5, {{Way::avx2, Way::avx512, Way::amx}});
      }
    }
  }
}

}  // namespace check
