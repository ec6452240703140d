#pragma once
#include "engine/decoder.h"
#include "ops/cpu/activation/activation.h"
#include "ops/cpu/rows/row_functions.h"
#include "ops/cpu/skinny_gemm/lane_transposed.h"
#include "ops/cpu/skinny_gemm/skinny_gemm.h"
#include "ops/cpu/norm/layer_norm.h"
#include "ops/cpu/norm/rms_norm.h"
#include "ops/cpu/rotary/rotate.h"
#include "decode/cpu/workers.h"

namespace hyperfit {

// The parts of a decoder as the kernels of one decoding step want them: plain pointers, taken once a generation.

inline const float* floats(const Parameter* parameter) { return parameter ? parameter->forward.data_ptr<float>() : nullptr; }

/// A table of rows that are looked up: float32, or bfloat16 where that alone is held.
struct StepTable {
  const float* values = nullptr;
  const c10::BFloat16* rounded = nullptr;

  explicit StepTable(const Parameter* parameter) {
    if (!parameter) return;
    if (parameter->forward.scalar_type() == at::kFloat) {
      values = parameter->forward.data_ptr<float>();
    } else {
      rounded = parameter->forward.data_ptr<c10::BFloat16>();
    }
  }
  explicit operator bool() const { return values || rounded; }
  float at(int64_t index) const { return values ? values[index] : static_cast<float>(rounded[index]); }
};

struct StepNorm {
  const float *weight, *bias;
  float eps, offset;

  explicit StepNorm(const Norm& norm)
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

struct StepRotation {
  const float *cos, *sin;  // [positions, headDim / 2], or null

  explicit StepRotation(const Rotation& tables)
      : cos(tables.cos.defined() ? tables.cos.data_ptr<float>() : nullptr), sin(cos ? tables.sin.data_ptr<float>() : nullptr) {}
  template <class Y>
  void apply(Y* out, const float* x, int64_t position, int64_t size) const {
    if (!cos) return kernels::round_row(out, x, size);
    const int64_t half = size / 2;
    kernels::rotate_row(out, x, cos + position * half, sin + position * half, half);
  }
};

/// What products read: rows side by side, and where it pays also in the lanes.
template <class X>
struct StepInput {
  const X* values;  // [rows, size]
  float* lanes;     // scratch
  int64_t rows, size;

  bool is_lane_transposed() const { return kernels::pays_to_lane_transpose<X>(rows, size); }
  /// The worker's share of what is to be transposed once the values are there; when all have done theirs they may multiply.
  void lane_transpose(const kernels::Worker& worker) const {
    const kernels::Share steps = worker.share(kernels::lane_transpose_steps<X>(size));
    kernels::lane_transpose(lanes, values, rows, size, steps.begin, steps.end);
  }
};

template <class X>
struct StepLinear {
  static constexpr int64_t kPrefetched = 1 << 14, kLine = 64;

  const X* weight;
  const float* bias;
  int64_t in = 0, out = 0;
  bool transposed;
  mutable kernels::Rest rest;  // of its columns

  explicit StepLinear(const Linear& linear)
      : weight(linear ? linear.weight->compute.data_ptr<X>() : nullptr), bias(floats(linear.bias)), transposed(linear.transposed) {
    if (!linear) return;
    in = linear.weight->compute.size(transposed ? 0 : 1);
    out = linear.weight->compute.size(transposed ? 1 : 0);
  }
  explicit operator bool() const { return weight != nullptr; }
  /// Asks for the first weights of the worker's columns: memory delivers them while the workers still wait for each other.
  void prefetch(const kernels::Worker& worker) const {
    if (transposed || !weight) return;
    const kernels::Share columns = worker.own(out, kernels::kColumns);
    const char *from = reinterpret_cast<const char*>(weight + columns.begin * in),
               *end = reinterpret_cast<const char*>(weight + columns.end * in);
    for (end = std::min(end, from + kPrefetched); from < end; from += kLine) __builtin_prefetch(from, 0, 2);
  }
  /// Calls body(columns) for as many columns of y [rows, out] as this worker gets to.
  template <class Body>
  void share(const kernels::Worker& worker, const Body& body) const {
    worker.take_parts(rest, out, transposed ? kernels::kTransposedColumns : kernels::kColumns, body);
  }
  /// As many columns of y [rows, out] = x W^T + b.
  void multiply(const kernels::Worker& worker, float* y, const StepInput<X>& x) const {
    share(worker, [&](kernels::Share columns) { multiply(columns, y, x); });
  }
  void multiply(kernels::Share columns, float* y, const StepInput<X>& x) const {
    const int64_t rows = x.rows;
    const kernels::SkinnyGemm<float, X> product{y, x.values, weight, rows, in, out};
    if (!transposed && x.is_lane_transposed()) {
      kernels::lane_transposed_columns(product, x.lanes, columns.begin, columns.end);
    } else if (transposed) {
      kernels::skinny_gemm_conv1d_columns(product, columns.begin, columns.end);
    } else {
      kernels::skinny_gemm_columns(product, columns.begin, columns.end);
    }
    if (!bias) return;
    for (int64_t row = 0; row < rows; ++row) {
      kernels::add_row(y + row * out + columns.begin, bias + columns.begin, columns.end - columns.begin);
    }
  }
};

template <class X>
struct StepLayer {
  StepNorm input_norm, mlp_norm, attention_out_norm, mlp_out_norm, q_norm, k_norm;
  StepLinear<X> qkv, q, k, v, o, gate, up, down;
  StepRotation rotation;
  int64_t window;
  X *keys, *values;  // [B, K, capacity, D]

  StepLayer(const DecoderLayer& layer, const LayerRotations& rotations, const at::Tensor& cached_keys, const at::Tensor& cached_values)
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
    case Activation::gelu: return kernels::gelu_row<X>;
  }
  TORCH_INTERNAL_ASSERT(false, "an activation that the decoding step does not know");
}

}  // namespace hyperfit
