#include <napi.h>

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <string>

#include "fallback.h"
#include "reads.h"

// Device meta as a device that nobody may wait for unasked; ../meta.ts has the types.

namespace meta {
namespace {

at::Scalar read_scalar(const at::Tensor& tensor) {
  read("aten::_local_scalar_dense");
  if (tensor.is_floating_point()) return 1.0;
  return int64_t{1};
}

// What comes from the host is dropped, what goes there is zero.
at::Tensor& copy(at::Tensor& to, const at::Tensor& from, bool /*non_blocking*/) {
  from.expand(to.sizes());  // throws where the sizes do not fit
  if (to.is_meta()) return to;
  read("a copy to the host");
  return to.zero_();
}

// Python's torch brings the meta kernels of these along; libtorch alone has none.
bool lacks_meta(const c10::OperatorHandle& op) {
  using c10::DispatchKey;
  for (const DispatchKey key :
       {DispatchKey::Meta, DispatchKey::CompositeExplicitAutograd, DispatchKey::CompositeExplicitAutogradNonFunctional}) {
    if (op.hasKernelForDispatchKey(key)) return false;
  }
  return true;
}

void register_lacking(torch::Library& library) {
  c10::Dispatcher& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getRegistrationsForDispatchKey(c10::DispatchKey::CPU)) {
    const auto op = dispatcher.findSchema(name);
    if (name.getNamespace() != "aten" || name.name == "aten::_local_scalar_dense" || !op || !lacks_meta(*op)) continue;
    library.impl(c10::toString(name).c_str(), torch::CppFunction::makeFromBoxedFunction<&run_on_zeros>());
  }
}

Napi::Value set_permitted(const Napi::CallbackInfo& info) {
  permit(info[0].As<Napi::Number>().Int64Value());
  return info.Env().Undefined();
}

Napi::Value get_permitted(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(permitted())); }

Napi::Value plant_read(const Napi::CallbackInfo& info) {
  plant(info[0].As<Napi::String>(), info[1].As<Napi::String>());
  return info.Env().Undefined();
}

Napi::Object make_exports(Napi::Env env, Napi::Object exports) {
  exports.Set("permit", Napi::Function::New<set_permitted>(env, "permit"));
  exports.Set("permitted", Napi::Function::New<get_permitted>(env, "permitted"));
  exports.Set("plant", Napi::Function::New<plant_read>(env, "plant"));
  return exports;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  register_lacking(library);
  library.impl("_local_scalar_dense", &read_scalar);
  library.impl("copy_", &copy);
}

NODE_API_MODULE(meta, make_exports)

}  // namespace meta
