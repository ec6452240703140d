// A driver that runs kernels on the host: strict in what it takes, so that a call that a card's driver would refuse fails here too.
#include "driver.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "guard_calls.h"
#include "kernels.h"
#include "registry.h"

namespace stand_in {
namespace {

struct Context {
  int device;
};
struct Module {
  std::string_view image;
};
struct FoundKernel {
  std::string name;
  HostKernel kernel;
};
/// A launch that is part of a graph.
struct KeptLaunch {
  const FoundKernel* found;
  unsigned blocks;
  KeptArguments arguments;
  int device;
};

thread_local std::vector<Context*> contexts;
std::mutex mutex;
int64_t stream_of_last = 0;

Context* context_of(int device) {
  static Context made[] = {{0}, {1}};
  return &made[device];
}

template <class T>
T read(const char* bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof(T));
  return value;
}

// An ELF file says where its tables are, of which one is its end; PTX is text.
std::string_view image_at(const char* bytes) {
  if (std::memcmp(bytes, "\177ELF", 4) != 0) return {bytes, std::strlen(bytes)};
  const uint64_t programs = read<uint64_t>(bytes, 0x20) + uint64_t{read<uint16_t>(bytes, 0x36)} * read<uint16_t>(bytes, 0x38);
  const uint64_t sections = read<uint64_t>(bytes, 0x28) + uint64_t{read<uint16_t>(bytes, 0x3A)} * read<uint16_t>(bytes, 0x3C);
  return {bytes, std::max(programs, sections)};
}

void* translate(void* address) {
  if (guard().device_at(address) != contexts.back()->device) throw std::runtime_error("an address of no device, or of another one");
  return guard().behind(address);
}

void count_launch(const std::string& kernel, unsigned blocks, void* stream) {
  std::lock_guard lock(mutex);
  stream_of_last = reinterpret_cast<int64_t>(stream);
  Launched& counted = launched()[kernel];
  counted.launches += 1;
  counted.blocks += blocks;
}

void run_kept(void* state) {
  auto& launch = *static_cast<KeptLaunch*>(state);
  launch.found->kernel.run({0, launch.blocks, launch.blocks}, launch.arguments.places.data(), translate);
}

/// Whether the launch became part of what is captured.
bool is_captured(const FoundKernel& found, unsigned blocks, void** arguments) {
  if (!guard().is_capturing()) return false;
  auto* launch = new KeptLaunch{&found, blocks, found.kernel.keep(arguments), contexts.back()->device};
  const auto drop = [](void* state) { delete static_cast<KeptLaunch*>(state); };
  if (guard().record(launch->device, run_kept, launch, drop, launch->arguments.addresses.data(),
                     static_cast<int>(launch->arguments.addresses.size())))
    return true;
  delete launch;
  return false;
}

}  // namespace

int failure_of(const char* call) {
  const auto found = settings().failures.find(call);
  return found == settings().failures.end() ? 0 : found->second;
}

Settings& settings() {
  static Settings made;
  return made;
}
std::map<std::string, Launched>& launched() {
  static std::map<std::string, Launched> made;
  return made;
}
std::map<std::string, int64_t>& loaded() {
  static std::map<std::string, int64_t> made;
  return made;
}
int64_t last_stream() { return stream_of_last; }

int current_device() { return contexts.empty() ? -1 : contexts.back()->device; }

}  // namespace stand_in

extern "C" {

using namespace stand_in;

STAND_IN_CALL(cuInit, unsigned) { return failure_of("cuInit"); }

STAND_IN_CALL(cuDeviceGetCount, int* count) {
  *count = settings().devices;
  return failure_of("cuDeviceGetCount");
}

STAND_IN_CALL(cuDeviceGet, int* device, int ordinal) {
  if (ordinal < 0 || ordinal >= settings().devices) return settings().devices == 0 ? kNoDevice : kInvalidDevice;
  *device = ordinal;
  return failure_of("cuDeviceGet");
}

STAND_IN_CALL(cuDeviceGetAttribute, int* value, int attribute, int) {
  if (attribute != 75 && attribute != 76) return kInvalidValue;
  *value = attribute == 75 ? settings().major : settings().minor;
  return failure_of("cuDeviceGetAttribute");
}

STAND_IN_CALL(cuDevicePrimaryCtxRetain, void** context, int device) {
  *context = context_of(device);
  return failure_of("cuDevicePrimaryCtxRetain");
}

STAND_IN_CALL(cuCtxGetCurrent, void** context) {
  *context = contexts.empty() ? nullptr : contexts.back();
  return failure_of("cuCtxGetCurrent");
}

STAND_IN_CALL(cuCtxPushCurrent_v2, void* context) {
  if (const int failure = failure_of("cuCtxPushCurrent")) return failure;
  contexts.push_back(static_cast<Context*>(context));
  return 0;
}

STAND_IN_CALL(cuCtxPopCurrent_v2, void** context) {
  if (contexts.empty()) return kInvalidContext;
  *context = contexts.back();
  contexts.pop_back();
  return 0;
}

STAND_IN_CALL(cuModuleLoadData, void** module, const void* image) {
  if (contexts.empty()) return kInvalidContext;
  if (const int failure = failure_of("cuModuleLoadData")) return failure;
  const std::string_view bytes = image_at(static_cast<const char*>(image));
  const bool is_code = bytes.substr(0, 4) == "\177ELF";
  if (is_code && settings().unloadable_code != 0) return settings().unloadable_code;
  if (!is_code && bytes.find(".version") == std::string_view::npos) return kInvalidImage;
  std::lock_guard lock(mutex);
  loaded()[is_code ? "machine code" : "PTX"] += 1;
  *module = new Module{bytes};  // as a driver's, it stays
  return 0;
}

STAND_IN_CALL(cuModuleGetFunction, void** function, void* module, const char* name) {
  if (contexts.empty()) return kInvalidContext;
  if (const int failure = failure_of("cuModuleGetFunction")) return failure;
  const HostKernel kernel = kernel_of(name);
  if (kernel.run == nullptr || static_cast<Module*>(module)->image.find(name) == std::string_view::npos) return kNotFound;
  *function = new FoundKernel{name, kernel};
  return 0;
}

STAND_IN_CALL(cuLaunchKernel, void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
              unsigned block_z, unsigned shared_bytes, void* stream, void** arguments, void** extra) {
  if (contexts.empty()) return kInvalidContext;
  if (const int failure = failure_of("cuLaunchKernel")) return failure;
  const bool is_plain = grid_x > 0 && grid_y == 1 && grid_z == 1 && block_x == hyperfit::cuda::kThreads && block_y == 1 && block_z == 1;
  if (!is_plain || shared_bytes != 0 || extra != nullptr) return kInvalidValue;
  const auto& found = *static_cast<FoundKernel*>(function);
  try {
    if (!is_captured(found, grid_x, arguments)) found.kernel.run({0, grid_x, grid_x}, arguments, translate);
  } catch (const std::exception&) {
    return kIllegalAddress;
  }
  count_launch(found.name, grid_x, stream);
  return 0;
}

STAND_IN_CALL(cuGetErrorName, int result, const char** name) {
  static const std::map<int, const char*> kNames = {{1, "CUDA_ERROR_INVALID_VALUE"},
                                                    {2, "CUDA_ERROR_OUT_OF_MEMORY"},
                                                    {100, "CUDA_ERROR_NO_DEVICE"},
                                                    {200, "CUDA_ERROR_INVALID_IMAGE"},
                                                    {201, "CUDA_ERROR_INVALID_CONTEXT"},
                                                    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
                                                    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
                                                    {500, "CUDA_ERROR_NOT_FOUND"},
                                                    {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
                                                    {719, "CUDA_ERROR_LAUNCH_FAILED"},
                                                    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
                                                    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
                                                    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"}};
  const auto found = kNames.find(result);
  *name = found == kNames.end() ? nullptr : found->second;
  return *name == nullptr ? kInvalidValue : 0;
}
}
