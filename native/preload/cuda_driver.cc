#include "preload/cuda_driver.h"

#include <dlfcn.h>

#include <utility>

namespace hyperfit {
namespace {

using Result = int;
using Device = int;
using Context = void*;

constexpr Result kSuccess = 0;
constexpr int kCapabilityMajor = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int kCapabilityMinor = 76;

/// Calls functions of the opened library by name, and keeps the first failure.
class Caller {
 public:
  explicit Caller(void* library) : library_(library) {}

  template <typename... Parameters, typename... Arguments>
  bool call(const char* name, Result (*)(Parameters...), Arguments... arguments) {
    auto function = reinterpret_cast<Result (*)(Parameters...)>(dlsym(library_, name));
    const Result result = function == nullptr ? kMissing : function(arguments...);
    if (result == kSuccess) return true;
    if (!error_) error_ = DriverError{name, result, name_of(result)};
    return false;
  }

  std::optional<DriverError> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  static constexpr Result kMissing = -1;

  std::string name_of(Result result) const {
    if (result == kMissing) return "a function that this library does not have";
    auto ask = reinterpret_cast<Result (*)(Result, const char**)>(dlsym(library_, "cuGetErrorName"));
    const char* name = nullptr;
    if (ask == nullptr || ask(result, &name) != kSuccess || name == nullptr) return "CUDA error " + std::to_string(result);
    return name;
  }

  void* library_;
  std::optional<DriverError> error_;
};

// The shapes of the driver's functions.
using Init = Result (*)(unsigned);
using IntOut = Result (*)(int*);
using DeviceAt = Result (*)(Device*, int);
using NameOf = Result (*)(char*, int, Device);
using Attribute = Result (*)(int*, int, Device);
using TotalMemory = Result (*)(size_t*, Device);
using Retain = Result (*)(Context*, Device);
using Push = Result (*)(Context);
using Pop = Result (*)(Context*);
using MemoryInfo = Result (*)(size_t*, size_t*);
using Release = Result (*)(Device);

/// Free memory is told of the current context alone. The primary one is libtorch's too: it is only borrowed here.
void read_free_memory(Caller& driver, Device device, DriverDevice& into) {
  Context context = nullptr;
  size_t free = 0;
  size_t total = 0;
  if (!driver.call("cuDevicePrimaryCtxRetain", Retain{}, &context, device)) return;
  if (driver.call("cuCtxPushCurrent_v2", Push{}, context)) {
    if (driver.call("cuMemGetInfo_v2", MemoryInfo{}, &free, &total)) into.free_bytes = free;
    driver.call("cuCtxPopCurrent_v2", Pop{}, &context);
  }
  driver.call("cuDevicePrimaryCtxRelease_v2", Release{}, device);
}

DriverDevice read_device(Caller& driver, int index, bool with_memory) {
  DriverDevice result;
  Device device = 0;
  char name[256] = {};
  size_t total = 0;
  if (driver.call("cuDeviceGet", DeviceAt{}, &device, index)) {
    if (driver.call("cuDeviceGetName", NameOf{}, name, static_cast<int>(sizeof(name)) - 1, device)) result.name = name;
    driver.call("cuDeviceGetAttribute", Attribute{}, &result.major, kCapabilityMajor, device);
    driver.call("cuDeviceGetAttribute", Attribute{}, &result.minor, kCapabilityMinor, device);
    if (driver.call("cuDeviceTotalMem_v2", TotalMemory{}, &total, device)) result.total_bytes = total;
    if (with_memory) read_free_memory(driver, device, result);
  }
  result.error = driver.take_error();
  return result;
}

}  // namespace

CudaDriver ask_cuda_driver(const std::string& path, bool with_memory) {
  CudaDriver result;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_NODELETE | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    result.linker = reason == nullptr ? "unknown reason" : reason;
    return result;
  }
  Caller driver(library);
  int version = 0;
  int count = 0;
  // The version comes first: a driver that serves no card still tells it.
  if (driver.call("cuDriverGetVersion", IntOut{}, &version)) result.version = version;
  if (driver.call("cuInit", Init{}, 0U)) driver.call("cuDeviceGetCount", IntOut{}, &count);
  result.error = driver.take_error();
  for (int index = 0; index < count; ++index) result.devices.push_back(read_device(driver, index, with_memory));
  return result;
}

}  // namespace hyperfit
