#include "ops/cuda/launch/driver.h"

#include <dlfcn.h>

#include <atomic>

namespace hyperfit::cuda {
namespace {

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

std::optional<Driver::Graphs> read_graphs(void* library) {
  Driver::Graphs graphs;
  const bool whole = find(library, "cuStreamBeginCapture_v2", graphs.cuStreamBeginCapture_v2) &&
                     find(library, "cuStreamEndCapture", graphs.cuStreamEndCapture) &&
                     find(library, "cuGraphInstantiateWithFlags", graphs.cuGraphInstantiateWithFlags) &&
                     find(library, "cuGraphLaunch", graphs.cuGraphLaunch) &&
                     find(library, "cuGraphExecDestroy", graphs.cuGraphExecDestroy) &&
                     find(library, "cuGraphDestroy", graphs.cuGraphDestroy);
  return whole ? std::optional(graphs) : std::nullopt;
}

const Driver* read_driver(void* library) {
  auto* driver = new Driver();  // never released, as the library is not
  const bool whole =
      find(library, "cuInit", driver->cuInit) && find(library, "cuDeviceGetCount", driver->cuDeviceGetCount) &&
      find(library, "cuDeviceGet", driver->cuDeviceGet) && find(library, "cuDeviceGetAttribute", driver->cuDeviceGetAttribute) &&
      find(library, "cuDevicePrimaryCtxRetain", driver->cuDevicePrimaryCtxRetain) &&
      find(library, "cuCtxGetCurrent", driver->cuCtxGetCurrent) && find(library, "cuCtxPushCurrent_v2", driver->cuCtxPushCurrent_v2) &&
      find(library, "cuCtxPopCurrent_v2", driver->cuCtxPopCurrent_v2) && find(library, "cuModuleLoadData", driver->cuModuleLoadData) &&
      find(library, "cuModuleGetFunction", driver->cuModuleGetFunction) && find(library, "cuLaunchKernel", driver->cuLaunchKernel) &&
      find(library, "cuGetErrorName", driver->cuGetErrorName);
  if (!whole) {
    delete driver;
    return nullptr;
  }
  driver->graphs = read_graphs(library);
  return driver;
}

// A failure is not kept: it is cheap to ask again, and tests load a driver late.
const Driver* open_once(std::atomic<const Driver*>& kept, const char* name, int flags) {
  if (const Driver* driver = kept.load()) return driver;
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | flags);
  const Driver* driver = library == nullptr ? nullptr : read_driver(library);
  kept = driver;
  return driver;
}

std::atomic<const Driver*> of_cuda{nullptr}, of_tests{nullptr};

}  // namespace

std::string Driver::failure(const char* call, Result result) const {
  const char* name = nullptr;
  if (cuGetErrorName(result, &name) != 0 || name == nullptr) return std::string(call) + ": error " + std::to_string(result);
  return std::string(call) + ": " + name;
}

const Driver* driver_of(c10::DeviceType type) {
  if (type == c10::kCUDA) return open_once(of_cuda, "libcuda.so.1", 0);
  // What stands in for a driver in tests names itself so, and is only found once they have loaded it.
  if (type == c10::kPrivateUse1) return open_once(of_tests, "libcuda-stand-in.so.1", RTLD_NOLOAD);
  return nullptr;
}

}  // namespace hyperfit::cuda
