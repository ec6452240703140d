#pragma once
#include "engine/decoder.h"
#include "kernels/activation.h"
#include "kernels/decode_rows.h"
#include "kernels/few_rows_across.h"
#include "kernels/few_rows_linear.h"
#include "kernels/layer_norm.h"
#include "kernels/rms_norm.h"
#include "kernels/rotate.h"
#include "kernels/team.h"

namespace hyperfit {

// The parts of a decoder as the kernels of one decoding step want them: plain pointers, taken once a generation.

inline const float* floats(const Parameter* parameter) { return parameter ? parameter->value.data_ptr<float>() : nullptr; }

struct PlannedNorm {
  const float *weight, *bias;
  float eps, offset;

  explicit PlannedNorm(const Norm& norm)
      : weight(floats(norm.weight)), bias(floats(norm.bias)), eps(static_cast<float>(norm.eps)), offset(norm.offset) {}
  /// y may be x.
  template <class Y>
  void apply(Y* y, const float* x, int64_t size) const {
    float rstd, mean;
    if (bias) return kernels::layer_norm_forward(y, {&rstd, &mean}, x, weight, bias, eps, /*rows=*/1, size);
    kernels::rms_norm_forward(y, &rstd, x, weight, offset, eps, /*rows=*/1, size);
  }
  void apply_if_any(float* x, int64_t size) const {
    if (weight) apply(x, x, size);
  }
};

struct PlannedRotation {
  const float *cos, *sin;  // [positions, headDim / 2], or null

  explicit PlannedRotation(const Rotation& tables)
      : cos(tables.cos.defined() ? tables.cos.data_ptr<float>() : nullptr), sin(cos ? tables.sin.data_ptr<float>() : nullptr) {}
  template <class Y>
  void apply(Y* out, const float* x, int64_t position, int64_t size) const {
    if (!cos) return kernels::round_row(out, x, size);
    const int64_t half = size / 2;
    kernels::rotate_row(out, x, cos + position * half, sin + position * half, half);
  }
};

/// What products read: rows side by side, and where it pays also across each other.
template <class X>
struct PlannedInput {
  const X* values;  // [rows, size]
  float* across;    // scratch
  int64_t rows, size;

  bool goes_across() const { return kernels::can_go_across<X>(rows, size); }
  /// To be called by all members once the values are there; then they may multiply.
  void complete(const kernels::Member& member) const {
    member.meet();
    if (!goes_across()) return;
    const kernels::Share steps = member.share(kernels::across_steps<X>(size));
    kernels::store_across(across, values, rows, size, steps.begin, steps.end);
    member.meet();
  }
};

template <class X>
struct PlannedLinear {
  static constexpr int64_t kFetched = 1 << 14, kLine = 64;

  const X* weight;
  const float* bias;
  int64_t in = 0, out = 0;
  bool transposed;

  explicit PlannedLinear(const Linear& linear)
      : weight(linear ? linear.weight->compute.data_ptr<X>() : nullptr), bias(floats(linear.bias)), transposed(linear.transposed) {
    if (!linear) return;
    in = linear.weight->compute.size(transposed ? 0 : 1);
    out = linear.weight->compute.size(transposed ? 1 : 0);
  }
  explicit operator bool() const { return weight != nullptr; }
  /// Asks for the first weights of the member's columns: memory delivers them while the members still wait for each other.
  void fetch(const kernels::Member& member) const {
    if (transposed || !weight) return;
    const kernels::Share columns = member.share(out, kernels::kColumns);
    const char *from = reinterpret_cast<const char*>(weight + columns.begin * in), *end = reinterpret_cast<const char*>(weight + columns.end * in);
    for (end = std::min(end, from + kFetched); from < end; from += kLine) __builtin_prefetch(from, 0, 2);
  }
  /// The member's columns of y [rows, out] = x W^T + b, which are given back.
  kernels::Share multiply(const kernels::Member& member, float* y, const PlannedInput<X>& x) const {
    const kernels::Share columns = member.share(out, transposed ? kernels::kTransposedColumns : kernels::kColumns);
    multiply_columns(columns, y, x);
    return columns;
  }
  void multiply_columns(kernels::Share columns, float* y, const PlannedInput<X>& x) const {
    const int64_t rows = x.rows;
    const kernels::FewRowsProduct<float, X> product{y, x.values, weight, rows, in, out};
    if (!transposed && x.goes_across()) {
      kernels::across_columns(product, x.across, columns.begin, columns.end);
    } else if (transposed) {
      kernels::few_rows_transposed_columns(product, columns.begin, columns.end);
    } else {
      kernels::few_rows_columns(product, columns.begin, columns.end);
    }
    if (!bias) return;
    for (int64_t row = 0; row < rows; ++row) {
      kernels::add_row(y + row * out + columns.begin, bias + columns.begin, columns.end - columns.begin);
    }
  }
};

template <class X>
struct PlannedLayer {
  PlannedNorm input_norm, mlp_norm, attention_out_norm, mlp_out_norm, q_norm, k_norm;
  PlannedLinear<X> qkv, q, k, v, o, gate, up, down;
  PlannedRotation rotation;
  int64_t window;
  X *keys, *values;  // [B, K, capacity, D]

  PlannedLayer(const DecoderLayer& layer, const LayerRotations& rotations, const at::Tensor& cached_keys, const at::Tensor& cached_values)
      : input_norm(layer.input_norm),
        mlp_norm(layer.mlp_norm),
        attention_out_norm(layer.attention_out_norm),
        mlp_out_norm(layer.mlp_out_norm),
        q_norm(layer.q_norm),
        k_norm(layer.k_norm),
        qkv(layer.qkv_proj),
        q(layer.q_proj),
        k(layer.k_proj),
        v(layer.v_proj),
        o(layer.o_proj),
        gate(layer.gate_proj),
        up(layer.up_proj),
        down(layer.down_proj),
        rotation(rotations.of(layer.rope)),
        window(layer.window),
        keys(cached_keys.data_ptr<X>()),
        values(cached_values.data_ptr<X>()) {}
};

/// y = f(gate) up [count]; without `up` (null) y = f(gate).
template <class Y>
using ActivationRow = void (*)(Y* y, const float* gate, const float* up, int64_t count);

template <class X>
ActivationRow<X> activation_row(Activation f) {
  switch (f) {
    case Activation::silu: return kernels::activate_row<kernels::Silu, X>;
    case Activation::quick_gelu: return kernels::activate_row<kernels::QuickGelu, X>;
    case Activation::gelu_tanh: return kernels::activate_row<kernels::GeluTanh, X>;
    default: return kernels::gelu_row<X>;
  }
}

}  // namespace hyperfit
