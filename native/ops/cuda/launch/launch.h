#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "ops/cuda/kernels/kernels.h"

namespace hyperfit::cuda {

/// A kernel by the file it stands in and its name there.
struct KernelName {
  const char *source, *name;
};

/// An address for a kernel, of whatever type it asks for; null for an undefined tensor.
struct Pointer {
  void* address;
  template <class T>
  operator T*() const {  // NOLINT: kernels.h says the type
    return static_cast<T*>(address);
  }
};
inline Pointer data_of(const at::Tensor& tensor) { return {tensor.defined() ? tensor.data_ptr() : nullptr}; }

/// Queues a kernel on the device's current stream, with a pointer to each of its arguments. False where it cannot be had: then nothing is
/// queued, what is in the way is noted once a device, and the caller computes by libtorch. Throws nothing.
bool launch_kernel(const KernelName& kernel, at::Device device, int64_t blocks, void** arguments) noexcept;

/// Whether it is worth to prepare a launch of kernels of that source: nothing is known that would be in the way.
bool may_launch_from(const char* source, at::Device device);

template <class Signature>
struct Launch;

/// Turns what is given into what the kernel declares, so that no argument can be of another size than it reads.
template <class... Parameters>
struct Launch<void(Parameters...)> {
  template <class... Arguments>
  static bool run(const KernelName& kernel, at::Device device, int64_t blocks, const Arguments&... arguments) {
    static_assert(sizeof...(Parameters) == sizeof...(Arguments), "a kernel takes as many arguments as it declares");
    std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
    std::array<void*, sizeof...(Parameters)> pointers;
    std::apply([&](auto&... value) { pointers = {const_cast<void*>(static_cast<const void*>(&value))...}; }, values);
    return launch_kernel(kernel, device, blocks, pointers.data());
  }
};

constexpr int64_t kMostBlocks = int64_t{1} << 20;  // kernels stride over the rest

/// Blocks for so many pieces of which each does `each`.
inline int64_t blocks_for(int64_t pieces, int64_t each) { return std::min(kMostBlocks, (pieces + each - 1) / each); }

inline bool is_float(const at::Tensor& tensor) { return tensor.scalar_type() == at::kFloat; }
inline bool is_bfloat16(const at::Tensor& tensor) { return tensor.scalar_type() == at::kBFloat16; }
/// Kernels take whole tensors of one of their two types.
inline bool is_plain(const at::Tensor& tensor) { return (is_float(tensor) || is_bfloat16(tensor)) && tensor.is_contiguous(); }

}  // namespace hyperfit::cuda

/// launch(source, kernel, device, blocks, arguments...): the kernel's own declaration types the arguments.
#define HYPERFIT_LAUNCH(source, kernel, device, blocks, ...) \
  hyperfit::cuda::Launch<decltype(hyperfit::cuda::kernel)>::run({source, #kernel}, device, blocks, __VA_ARGS__)
/// The kernel for the type of `tensor`, on its device.
#define HYPERFIT_LAUNCH_BY_TYPE(source, kernel, tensor, blocks, ...)                                                    \
  (hyperfit::cuda::is_float(tensor) ? HYPERFIT_LAUNCH(source, kernel##_float32, (tensor).device(), blocks, __VA_ARGS__) \
                                    : HYPERFIT_LAUNCH(source, kernel##_bfloat16, (tensor).device(), blocks, __VA_ARGS__))
/// The kernel for the types of a and b, on a's device.
#define HYPERFIT_LAUNCH_BY_TYPES(source, kernel, a, b, blocks, ...)                                        \
  (hyperfit::cuda::is_float(a) ? HYPERFIT_LAUNCH_BY_TYPE(source, kernel##_float32, b, blocks, __VA_ARGS__) \
                               : HYPERFIT_LAUNCH_BY_TYPE(source, kernel##_bfloat16, b, blocks, __VA_ARGS__))
