#pragma once
#include <c10/core/Device.h>

#include <optional>
#include <string>

namespace hyperfit::cuda {

/// What launching takes of the NVIDIA driver, found in its library by name: nothing is linked to CUDA, so that one addon serves every
/// machine. https://docs.nvidia.com/cuda/cuda-driver-api
struct Driver {
  using Result = int;  // 0: done
  using Handle = void*;

  Result (*cuInit)(unsigned flags);
  Result (*cuDeviceGetCount)(int* count);
  Result (*cuDeviceGet)(int* device, int ordinal);
  Result (*cuDeviceGetAttribute)(int* value, int attribute, int device);
  Result (*cuDevicePrimaryCtxRetain)(Handle* context, int device);
  Result (*cuCtxGetCurrent)(Handle* context);
  Result (*cuCtxPushCurrent_v2)(Handle context);
  Result (*cuCtxPopCurrent_v2)(Handle* context);
  Result (*cuModuleLoadData)(Handle* module, const void* image);
  Result (*cuModuleGetFunction)(Handle* function, Handle module, const char* name);
  Result (*cuLaunchKernel)(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                           unsigned block_z, unsigned shared_bytes, Handle stream, void** arguments, void** extra);
  Result (*cuGetErrorName)(Result result, const char** name);

  /// What recording work takes beside (graph/graph.h); nothing in drivers that are too old for it.
  struct Graphs {
    Result (*cuStreamBeginCapture_v2)(Handle stream, int mode);
    Result (*cuStreamEndCapture)(Handle stream, Handle* graph);
    Result (*cuGraphInstantiateWithFlags)(Handle* executable, Handle graph, unsigned long long flags);
    Result (*cuGraphLaunch)(Handle executable, Handle stream);
    Result (*cuGraphExecDestroy)(Handle executable);
    Result (*cuGraphDestroy)(Handle graph);
  };
  std::optional<Graphs> graphs;

  /// "cuModuleLoadData: CUDA_ERROR_NO_BINARY_FOR_GPU"
  std::string failure(const char* call, Result result) const;
};

/// The driver of a kind of device: of CUDA, or one that tests have loaded for theirs. Null where there is none, or where it lacks a
/// function.
const Driver* driver_of(c10::DeviceType type);

}  // namespace hyperfit::cuda
