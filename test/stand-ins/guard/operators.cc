#include "operators.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_local_scalar_dense.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_as_complex_native.h>
#include <ATen/ops/view_as_real_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "copies.h"
#include "counts.h"
#include "fallback.h"
#include "last_operator.h"
#include "memory.h"
#include "recorder.h"

// What makes, views, resizes, copies and reads tensors; all that computes goes by the fallback.

namespace guard {
namespace {

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

c10::Device check_options(std::optional<c10::Layout> layout, std::optional<c10::Device> device, std::optional<bool> pinned) {
  TORCH_CHECK(!pinned.value_or(false), "Only dense CPU tensors can be pinned");
  TORCH_CHECK(layout.value_or(c10::kStrided) == c10::kStrided, "guard: expected a strided layout");
  return c10::device_or_default(device);
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<c10::Layout> layout,
                 std::optional<c10::Device> device, std::optional<bool> pinned, std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard on(check_options(layout, device, pinned));
  return at::detail::empty_generic(size, &device_allocator(), kKeys, c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<c10::Layout> layout, std::optional<c10::Device> device, std::optional<bool> pinned) {
  const c10::DeviceGuard on(check_options(layout, device, pinned));
  return at::detail::empty_strided_generic(size, stride, &device_allocator(), kKeys, c10::dtype_or_default(dtype));
}

// A tensor that grows takes new memory; the elements that it had stay where they were.
void grow_storage(const at::Tensor& self, at::IntArrayRef size, std::optional<at::IntArrayRef> stride, int64_t offset) {
  const auto [itemsize, start] = std::pair(self.itemsize(), static_cast<size_t>(offset));
  const size_t bytes = stride ? at::detail::computeStorageNbytes(size, *stride, itemsize, start)
                              : at::detail::computeStorageNbytesContiguous(size, itemsize, start);
  c10::StorageImpl& storage = *self.storage().unsafeGetStorageImpl();
  if (bytes > storage.nbytes()) resize_storage(storage, bytes);
}

const at::Tensor& resize_(const at::Tensor& self, at::IntArrayRef size, std::optional<at::MemoryFormat> format) {
  enter_operator("aten::resize_", self.device().index());
  grow_storage(self, size, std::nullopt, self.storage_offset());
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(size);
  if (format && *format != at::MemoryFormat::Preserve) impl->empty_tensor_restride(*format);
  return self;
}

at::Tensor& set_from_storage(at::Tensor& self, at::Storage source, int64_t offset, at::IntArrayRef size, at::IntArrayRef stride) {
  TORCH_CHECK(source.device() == self.device(), "Attempted to set the storage of a tensor on device \"", self.device(),
              "\" to a storage on different device \"", source.device(), "\"");
  self.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(source));
  grow_storage(self, size, stride.empty() ? std::nullopt : std::optional(stride), offset);
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_offset(offset);
  if (stride.empty()) {
    impl->set_sizes_contiguous(size);
  } else {
    impl->set_sizes_and_strides(size, stride);
  }
  return self;
}

at::Tensor& set_whole_storage(at::Tensor& self, at::Storage source) {
  const auto count = static_cast<int64_t>(source.nbytes() / self.itemsize());
  return set_from_storage(self, std::move(source), 0, {count}, {});
}

at::Tensor& set_nothing(at::Tensor& self) {
  const c10::DeviceGuard on(self.device());
  c10::Storage none(c10::Storage::use_byte_size_t(), 0, device_allocator().allocate(0), &device_allocator(), /*resizable=*/true);
  return set_from_storage(self, std::move(none), 0, {0}, {});
}

at::Tensor copy_from(const at::Tensor& self, const at::Tensor& target, bool non_blocking) {
  const at::Device device = self.is_privateuseone() ? self.device() : target.device();
  enter_operator("aten::copy_", device.index());
  transfer(target, self.expand(target.sizes()), non_blocking);
  return target;
}

// libtorch's own copy_ calls _copy_from, which resolves a conjugated source by another copy_, for ever.
at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  if (!self.is_same(source)) copy_from(source, self, non_blocking);
  return self;
}

at::Tensor copy_from_and_resize(const at::Tensor& self, const at::Tensor& target) {
  target.resize_(self.sizes());
  return copy_from(self, target, /*non_blocking=*/false);
}

at::Scalar local_scalar_dense(const at::Tensor& self) {
  enter_operator("aten::_local_scalar_dense", self.device().index());
  refuse_in_capture("a scalar read");
  counts().scalar_reads += 1;
  wait(c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getStream(self.device()));
  return at::_local_scalar_dense(behind(self));
}

void record_stream(at::Tensor&, c10::Stream) {}

void fall_back(const c10::OperatorHandle& op, torch::jit::Stack* stack) { run_behind(op, *stack); }

// Where the CPU has a kernel beside a composite one (native_layer_norm), so has CUDA, and the composite's other arithmetic would come
// before a fallback.
void define_what_the_cpu_computes(torch::Library& library) {
  c10::Dispatcher& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (name.name.rfind("aten::", 0) != 0) continue;
    const auto op = dispatcher.findOp(name);
    const auto has = [&](c10::DispatchKey key) { return op && op->hasKernelForDispatchKey(key); };
    const bool composite = has(c10::DispatchKey::CompositeExplicitAutograd) || has(c10::DispatchKey::CompositeImplicitAutograd);
    if (!composite || !has(c10::DispatchKey::CPU) || has(c10::DispatchKey::PrivateUse1)) continue;
    library.impl(c10::toString(name).c_str(), torch::CppFunction::makeFromBoxedFunction<&fall_back>());
  }
}

void define_all(torch::Library& library) {
  library.impl("empty.memory_format", TORCH_FN(empty));
  library.impl("empty_strided", TORCH_FN(empty_strided));
  library.impl("resize_", TORCH_FN(resize_));
  library.impl("set_", TORCH_FN(set_nothing));
  library.impl("set_.source_Storage", TORCH_FN(set_whole_storage));
  library.impl("set_.source_Storage_storage_offset", TORCH_FN(set_from_storage));
  library.impl("set_.source_Tensor", TORCH_FN(at::native::set_tensor_));
  library.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  library.impl("view", TORCH_FN(at::native::view));
  library.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  library.impl("unfold", TORCH_FN(at::native::unfold));
  library.impl("view_as_real", TORCH_FN(at::native::view_as_real));
  library.impl("view_as_complex", TORCH_FN(at::native::view_as_complex));
  library.impl("copy_", TORCH_FN(copy_));
  library.impl("_copy_from", TORCH_FN(copy_from));
  library.impl("_copy_from_and_resize", TORCH_FN(copy_from_and_resize));
  library.impl("_local_scalar_dense", TORCH_FN(local_scalar_dense));
  library.impl("record_stream", TORCH_FN(record_stream));
  define_what_the_cpu_computes(library);
}

}  // namespace

void register_operators() {
  static auto* aten = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  define_all(*aten);
  static auto* rest = new torch::Library(torch::Library::IMPL, "_", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  rest->fallback(torch::CppFunction::makeFromBoxedFunction<&fall_back>());
}

}  // namespace guard
