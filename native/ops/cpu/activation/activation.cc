#include "ops/cpu/activation/activation.h"

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {

/// f and f' at the same place: what both need is computed once, and what nobody asks for not at all.
template <class L>
struct Curve {
  L value, slope;
};

namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

// x s and its slope s + x s (1 - s) u' with s = sigmoid(u).
template <class L>
[[gnu::always_inline]] inline Curve<L> sigmoid_curve(const L& x, const L& u, const L& u_slope) {
  const L s = 1.0f / (1.0f + exp(-u));
  return {x * s, s + x * s * (1.0f - s) * u_slope};
}

}  // namespace

struct Silu {
  template <class L>
  [[gnu::always_inline]] static inline Curve<L> at(const L& x) {
    return sigmoid_curve<L>(x, x, 1.0f);
  }
};

struct QuickGelu {
  template <class L>
  [[gnu::always_inline]] static inline Curve<L> at(const L& x) {
    return sigmoid_curve<L>(x, x * 1.702f, 1.702f);
  }
};

/// 0.5 x (1 + tanh(k (x + 0.044715 x^3))), k = sqrt(2 / pi), by way of 0.5 (1 + tanh(u)) = sigmoid(2 u).
struct GeluTanh {
  template <class L>
  [[gnu::always_inline]] static inline Curve<L> at(const L& x) {
    constexpr float kTwice = 1.5957691216f, kCubic = 0.044715f;
    const L square = x * x;
    return sigmoid_curve<L>(x, x * (square * (kTwice * kCubic) + kTwice), square * (3 * kTwice * kCubic) + kTwice);
  }
};

namespace {

/// The elements left after whole lanes, with zeros behind them: they go the same way as all others, so that an element gets
/// the same bits wherever it stands and however threads share the work.
template <class L, class T>
struct Padded {
  T elements[L::kCount] = {};
  [[gnu::always_inline]] inline Padded() = default;
  [[gnu::always_inline]] inline Padded(const T* from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) elements[i] = from[i];
  }
  [[gnu::always_inline]] inline void give(T* to, int64_t count) const {
    for (int64_t i = 0; i < count; ++i) to[i] = elements[i];
  }
};

template <class F, class Y, class X>
struct Forward {
  template <class L>
  [[gnu::always_inline]] static inline void at(Y* y, const X* x) {
    F::at(L::load(x)).value.store(y);
  }
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* y, const X* x, int64_t count) {
    int64_t i = 0;
    for (; i + L::kCount <= count; i += L::kCount) at<L>(y + i, x + i);
    if (i == count) return;
    Padded<L, X> rest(x + i, count - i);
    Padded<L, Y> result;
    at<L>(result.elements, rest.elements);
    result.give(y + i, count - i);
  }
};

template <class F, class T>
struct Backward {
  template <class L>
  [[gnu::always_inline]] static inline void at(T* dx, const T* dy, const T* x) {
    (L::load(dy) * F::at(L::load(x)).slope).store(dx);
  }
  template <class L>
  [[gnu::always_inline]] static inline void run(T* dx, const T* dy, const T* x, int64_t count) {
    int64_t i = 0;
    for (; i + L::kCount <= count; i += L::kCount) at<L>(dx + i, dy + i, x + i);
    if (i == count) return;
    Padded<L, T> rest_dy(dy + i, count - i), rest_x(x + i, count - i);
    at<L>(rest_x.elements, rest_dy.elements, rest_x.elements);
    rest_x.give(dx + i, count - i);
  }
};

template <class F, class Y, class X>
struct GatedForward {
  template <class L>
  [[gnu::always_inline]] static inline void at(Y* y, const X* gate, const X* up) {
    (F::at(L::load(gate)).value * L::load(up)).store(y);
  }
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* y, const X* gate, const X* up, int64_t count) {
    int64_t i = 0;
    for (; i + L::kCount <= count; i += L::kCount) at<L>(y + i, gate + i, up + i);
    if (i == count) return;
    Padded<L, X> rest_gate(gate + i, count - i), rest_up(up + i, count - i);
    Padded<L, Y> result;
    at<L>(result.elements, rest_gate.elements, rest_up.elements);
    result.give(y + i, count - i);
  }
};

template <class F, class T>
struct GatedBackward {
  template <class L>
  [[gnu::always_inline]] static inline void at(T* dgate, T* dup, T* dy, const T* gate, const T* up) {
    const Curve<L> curve = F::at(L::load(gate));
    const L d = L::load(dy), u = L::load(up);
    (d * u * curve.slope).store(dgate);
    (d * curve.value).store(dup);
    (curve.value * u).store(dy);
  }
  template <class L>
  [[gnu::always_inline]] static inline void run(T* dgate, T* dup, T* dy, const T* gate, const T* up, int64_t count) {
    int64_t i = 0;
    for (; i + L::kCount <= count; i += L::kCount) at<L>(dgate + i, dup + i, dy + i, gate + i, up + i);
    if (i == count) return;
    Padded<L, T> rest_dy(dy + i, count - i), rest_gate(gate + i, count - i), rest_up(up + i, count - i);
    at<L>(rest_gate.elements, rest_up.elements, rest_dy.elements, rest_gate.elements, rest_up.elements);
    rest_dy.give(dy + i, count - i);
    rest_gate.give(dgate + i, count - i);
    rest_up.give(dup + i, count - i);
  }
};

}  // namespace

template <class F, class T>
void activate(T* y, const T* x, int64_t count) {
  parallel_for(0, count, kElementsPerTask,
               [&](int64_t begin, int64_t end) { dispatch<Forward<F, T, T>>(y + begin, x + begin, end - begin); });
}

template <class F, class T>
void activate_backward(T* dx, const T* dy, const T* x, int64_t count) {
  parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    dispatch<Backward<F, T>>(dx + begin, dy + begin, x + begin, end - begin);
  });
}

template <class F, class T>
void activate_gated(T* y, const T* gate, const T* up, int64_t count) {
  parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    dispatch<GatedForward<F, T, T>>(y + begin, gate + begin, up + begin, end - begin);
  });
}

template <class F, class Y>
void activate_row(Y* y, const float* gate, const float* up, int64_t count) {
  if (up) return dispatch<GatedForward<F, Y, float>>(y, gate, up, count);
  dispatch<Forward<F, Y, float>>(y, gate, count);
}

template <class F, class T>
void activate_gated_backward(T* dgate, T* dup, T* dy, const T* gate, const T* up, int64_t count) {
  parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    dispatch<GatedBackward<F, T>>(dgate + begin, dup + begin, dy + begin, gate + begin, up + begin, end - begin);
  });
}

#define HYPERFIT_ACTIVATION(F, T)                                   \
  template void activate<F>(T*, const T*, int64_t);                 \
  template void activate_backward<F>(T*, const T*, const T*, int64_t); \
  template void activate_gated<F>(T*, const T*, const T*, int64_t); \
  template void activate_row<F>(T*, const float*, const float*, int64_t); \
  template void activate_gated_backward<F>(T*, T*, T*, const T*, const T*, int64_t);
#define HYPERFIT_ACTIVATION_TYPES(F) HYPERFIT_ACTIVATION(F, float) HYPERFIT_ACTIVATION(F, c10::BFloat16)

HYPERFIT_ACTIVATION_TYPES(Silu)
HYPERFIT_ACTIVATION_TYPES(GeluTanh)
HYPERFIT_ACTIVATION_TYPES(QuickGelu)

}  // namespace hyperfit::kernels
