#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <napi.h>

#include "binding/addon_data.h"
#include "binding/errors.h"
#include "binding/ivalue.h"
#include "binding/operator_call.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"
#include "engine/error.h"

namespace hyperfit::binding {
namespace {

const at::Tensor& tensor_argument(const Napi::CallbackInfo& info, size_t index = 0) {
  return addon_data(info.Env()).tensors.get(read_handle(info[index], "tensor"));
}

at::ScalarType read_dtype(const Napi::Value& value, const std::string& name) {
  auto number = read_integer(value, name, 0, static_cast<int64_t>(at::ScalarType::NumOptions) - 1);
  return static_cast<at::ScalarType>(number);
}

bool is_half(at::ScalarType dtype) { return dtype == at::kHalf || dtype == at::kBFloat16; }

std::string expected_array(at::ScalarType dtype) {
  switch (dtype) {
    case at::kByte:
    case at::kBool: return "a Uint8Array";
    case at::kInt: return "an Int32Array";
    case at::kLong: return "a BigInt64Array";
    case at::kHalf:
    case at::kBFloat16: return "a Float32Array or the bits in a Uint16Array";
    case at::kFloat: return "a Float32Array";
    case at::kDouble: return "a Float64Array";
    default: throw Error("TypeError", std::string("expected a dtype that a typed array can hold, got ") + c10::toString(dtype) +
                                          "; convert it with to(\"float32\") or another dtype");
  }
}

/// The dtype as which the bytes of a typed array stand for elements of `dtype`: the 16-bit floats may be given as their
/// bits or as float32, bool as bytes.
at::ScalarType element_type(const ArrayView& view, at::ScalarType dtype, const Napi::Value& got, const std::string& name) {
  if (view.type == napi_uint8_array && (dtype == at::kByte || dtype == at::kBool)) return at::kByte;
  if (view.type == napi_int32_array && dtype == at::kInt) return at::kInt;
  if (view.type == napi_bigint64_array && dtype == at::kLong) return at::kLong;
  if (view.type == napi_float32_array && (dtype == at::kFloat || is_half(dtype))) return at::kFloat;
  if (view.type == napi_float64_array && dtype == at::kDouble) return at::kDouble;
  if (view.type == napi_uint16_array && is_half(dtype)) return dtype;
  refuse(expected_array(dtype), name, got);
}

std::string render_shape(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Stops before the product can overflow.
bool holds(const std::vector<int64_t>& shape, int64_t length) {
  for (int64_t size : shape) {
    if (size == 0) return length == 0;
  }
  int64_t product = 1;
  for (int64_t size : shape) {
    if (size > length / product) return false;
    product *= size;
  }
  return product == length;
}

/// tensorFrom(data, shape, dtype, device): a copy of the elements.
Napi::Value tensor_from(const Napi::CallbackInfo& info) {
  ArrayView view = read_any_typed_array(info[0], "data");
  std::vector<int64_t> shape = read_shape(info[1], "shape");
  at::ScalarType dtype = read_dtype(info[2], "dtype");
  at::Device device = read_device(info[3], "device");
  at::ScalarType given = element_type(view, dtype, info[0], "data");
  if (!holds(shape, view.length)) {
    throw Error("ERR_SHAPE", "expected data for `shape` " + render_shape(shape) + ", got " + std::to_string(view.length) + " elements");
  }
  at::NoGradGuard no_grad;
  if (view.length == 0) return new_handle(info.Env(), at::empty(shape, at::TensorOptions(dtype).device(device)));
  at::Tensor source = at::from_blob(view.data, shape, at::TensorOptions(given));
  return new_handle(info.Env(), source.to(device, dtype, /*non_blocking=*/false, /*copy=*/true));
}

/// tensorRead(tensor, out): any strides, any device; one copy.
Napi::Value tensor_read(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensor_argument(info);
  ArrayView view = read_any_typed_array(info[1], "out");
  at::ScalarType wanted = element_type(view, tensor.scalar_type(), info[1], "out");
  if (view.length != tensor.numel()) {
    throw Error("ERR_SHAPE", "expected " + std::to_string(tensor.numel()) + " elements for `out`, got " + std::to_string(view.length));
  }
  if (view.length == 0) return info.Env().Undefined();
  at::NoGradGuard no_grad;
  at::Tensor out = at::from_blob(view.data, tensor.sizes(), at::TensorOptions(wanted));
  out.copy_(tensor.detach());
  return info.Env().Undefined();
}

Napi::Value tensor_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const at::Tensor& tensor = tensor_argument(info);
  Napi::Array shape = Napi::Array::New(env, tensor.dim());
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    shape.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(tensor.size(i))));
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("shape", shape);
  result.Set("dtype", Napi::Number::New(env, static_cast<int>(tensor.scalar_type())));
  result.Set("device", tensor.device().str());
  result.Set("requiresGrad", tensor.requires_grad());
  return result;
}

Napi::Value tensor_dispose(const Napi::CallbackInfo& info) {
  addon_data(info.Env()).tensors.release(read_handle(info[0], "tensor"));
  report_memory(info.Env());
  return info.Env().Undefined();
}

/// tensorWatch(tensor, object): of a large one, whose handle says so.
Napi::Value tensor_watch(const Napi::CallbackInfo& info) {
  addon_data(info.Env()).external.watch(info.Env(), read_handle(info[0], "tensor"), info[1]);
  return info.Env().Undefined();
}

/// tensorGrad(tensor): a further handle on the gradient, or null. A non-leaf has none unless it retains it, and asking
/// libtorch would print a warning.
Napi::Value tensor_grad(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensor_argument(info);
  bool may_have = tensor.is_leaf() || tensor.retains_grad();
  if (!may_have || !tensor.grad().defined()) return info.Env().Null();
  return new_handle(info.Env(), tensor.grad());
}

Napi::Value tensor_set_requires_grad(const Napi::CallbackInfo& info) {
  tensor_argument(info).requires_grad_(read_boolean(info[1], "requiresGrad"));
  return info.Env().Undefined();
}

/// tensorZeroGrad(tensor): lets go of the gradient, as PyTorch's zero_grad does.
Napi::Value tensor_zero_grad(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensor_argument(info);
  if (tensor.is_leaf()) tensor.mutable_grad().reset();
  return info.Env().Undefined();
}

Napi::Value tensor_call(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  TensorTable& tensors = addon_data(env).tensors;
  std::string name = read_string(info[0], "name");
  Napi::Array args = read_array(info[1], "args");
  Napi::Object kwargs = read_object(info[2], "kwargs");
  std::vector<c10::IValue> results = call_operator(name, args, kwargs, tensors);
  Napi::Value result = env.Null();
  if (results.size() == 1) {
    result = to_native_result(env, results[0], tensors);
  } else if (results.size() > 1) {
    result = to_native_result(env, c10::ivalue::Tuple::create(std::move(results)), tensors);
  }
  report_memory(env);
  return result;
}

Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  at::manual_seed(static_cast<uint64_t>(read_integer(info[0], "seed", 0)));
  return info.Env().Undefined();
}

/// setGradEnabled(enabled): what it was before. Gradient mode belongs to the calling thread.
Napi::Value set_grad_enabled(const Napi::CallbackInfo& info) {
  bool enabled = read_boolean(info[0], "enabled");
  bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(enabled);
  return Napi::Boolean::New(info.Env(), before);
}

template <auto Function>
void define(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<Function>>(env, name));
}

}  // namespace

void init_tensor(Napi::Env env, Napi::Object exports) {
  define<tensor_from>(env, exports, "tensorFrom");
  define<tensor_info>(env, exports, "tensorInfo");
  define<tensor_read>(env, exports, "tensorRead");
  define<tensor_dispose>(env, exports, "tensorDispose");
  define<tensor_watch>(env, exports, "tensorWatch");
  define<tensor_grad>(env, exports, "tensorGrad");
  define<tensor_set_requires_grad>(env, exports, "tensorSetRequiresGrad");
  define<tensor_zero_grad>(env, exports, "tensorZeroGrad");
  define<tensor_call>(env, exports, "tensorCall");
  define<manual_seed>(env, exports, "manualSeed");
  define<set_grad_enabled>(env, exports, "setGradEnabled");
}

}  // namespace hyperfit::binding
