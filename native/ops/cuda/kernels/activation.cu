// Activations alone and with a gate (SwiGLU, GeGLU), rounded once at the end. Each element is read and written once.
#include "numbers.h"

namespace hyperfit::cuda {

/// Elements that a thread handles together.
constexpr int kTogether = 4;

/// In the order of hyperfit::Activation.
enum Function { kSilu, kGelu, kGeluTanh, kQuickGelu };

/// f(x) and f'(x).
struct Curve {
  float value, slope;
};

/// x sigmoid(a x).
HYPERFIT_FUNCTION Curve sigmoid_times(float x, float a) {
  const float gate = 1.0f / (1.0f + expf(-a * x));
  return {x * gate, gate * (1.0f + a * x * (1.0f - gate))};
}

/// x times the share of a normal distribution below x.
HYPERFIT_FUNCTION Curve gelu(float x) {
  constexpr float kRootHalf = 0.70710678f, kDensity = 0.39894228f;
  const float share = 0.5f * (1.0f + erff(x * kRootHalf));
  return {x * share, share + x * kDensity * expf(-0.5f * x * x)};
}

HYPERFIT_FUNCTION Curve gelu_tanh(float x) {
  constexpr float kScale = 0.79788456f, kCubic = 0.044715f;  // sqrt(2 / pi)
  const float bend = tanhf(kScale * (x + kCubic * x * x * x));
  const float share = 0.5f * (1.0f + bend);
  return {x * share, share + 0.5f * x * (1.0f - bend * bend) * kScale * (1.0f + 3.0f * kCubic * x * x)};
}

HYPERFIT_FUNCTION Curve curve_at(float x, int f) {
  switch (f) {
    case kSilu:
      return sigmoid_times(x, 1.0f);
    case kGelu:
      return gelu(x);
    case kGeluTanh:
      return gelu_tanh(x);
    case kQuickGelu:
      return sigmoid_times(x, 1.702f);
    default:
      return {kNaN, kNaN};
  }
}

template <class T>
HYPERFIT_FUNCTION void activate(T* y, const T* x, int f, Index count) {
  each_element<kTogether>(count, all_aligned<kTogether>(y, x), [&]<int N>(Index first, Width<N>) {
    float values[N];
    load(values, x + first);
#pragma unroll
    for (float& value : values) value = curve_at(value, f).value;
    store(y + first, values);
  });
}

template <class T>
HYPERFIT_FUNCTION void activate_backward(T* dx, const T* dy, const T* x, int f, Index count) {
  each_element<kTogether>(count, all_aligned<kTogether>(dx, dy, x), [&]<int N>(Index first, Width<N>) {
    float values[N], gradients[N];
    load(values, x + first);
    load(gradients, dy + first);
#pragma unroll
    for (int i = 0; i < N; ++i) gradients[i] *= curve_at(values[i], f).slope;
    store(dx + first, gradients);
  });
}

template <class T>
HYPERFIT_FUNCTION void activate_gated(T* y, const T* gate, const T* up, int f, Index count) {
  each_element<kTogether>(count, all_aligned<kTogether>(y, gate, up), [&]<int N>(Index first, Width<N>) {
    float gates[N], values[N];
    load(gates, gate + first);
    load(values, up + first);
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] *= curve_at(gates[i], f).value;
    store(y + first, values);
  });
}

template <class T>
HYPERFIT_FUNCTION void activate_gated_backward(T* dgate, T* dup, T* dy, const T* gate, const T* up, int f, Index count) {
  each_element<kTogether>(count, all_aligned<kTogether>(dgate, dup, dy, gate, up), [&]<int N>(Index first, Width<N>) {
    float gates[N], ups[N], gradients[N], dups[N];
    load(gates, gate + first);
    load(ups, up + first);
    load(gradients, dy + first);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const Curve curve = curve_at(gates[i], f);
      dups[i] = gradients[i] * curve.value;
      gates[i] = gradients[i] * ups[i] * curve.slope;
      ups[i] *= curve.value;
    }
    store(dgate + first, gates);
    store(dup + first, dups);
    store(dy + first, ups);
  });
}

#define HYPERFIT_DEFINE(type, T)                                                                                                          \
  HYPERFIT_KERNEL(activate_##type, T* y, const T* x, int f, Index count) { activate(y, x, f, count); }                                    \
  HYPERFIT_KERNEL(activate_backward_##type, T* dx, const T* dy, const T* x, int f, Index count) {                                         \
    activate_backward(dx, dy, x, f, count);                                                                                               \
  }                                                                                                                                       \
  HYPERFIT_KERNEL(activate_gated_##type, T* y, const T* gate, const T* up, int f, Index count) { activate_gated(y, gate, up, f, count); } \
  HYPERFIT_KERNEL(activate_gated_backward_##type, T* dgate, T* dup, T* dy, const T* gate, const T* up, int f, Index count) {              \
    activate_gated_backward(dgate, dup, dy, gate, up, f, count);                                                                          \
  }
HYPERFIT_DEFINE(float32, float)
HYPERFIT_DEFINE(bfloat16, BFloat16)
#undef HYPERFIT_DEFINE

}  // namespace hyperfit::cuda
