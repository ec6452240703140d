#include "ops/cuda/launch/context.h"

namespace hyperfit::cuda {

int ordinal_of(const Driver& driver, c10::Device device) {
  int ordinal = 0;
  check(driver, "cuInit", driver.cuInit(0));
  check(driver, "cuDeviceGet", driver.cuDeviceGet(&ordinal, device.index()));
  return ordinal;
}

Driver::Handle primary_context(const Driver& driver, c10::Device device) {
  Driver::Handle context = nullptr;
  check(driver, "cuDevicePrimaryCtxRetain", driver.cuDevicePrimaryCtxRetain(&context, ordinal_of(driver, device)));
  return context;
}

CurrentContext::CurrentContext(const Driver& driver, Driver::Handle wanted) : driver_(driver) {
  Driver::Handle current = nullptr;
  check(driver, "cuCtxGetCurrent", driver.cuCtxGetCurrent(&current));
  if (current == wanted) return;
  check(driver, "cuCtxPushCurrent", driver.cuCtxPushCurrent_v2(wanted));
  pushed_ = true;
}

CurrentContext::~CurrentContext() {
  Driver::Handle popped = nullptr;
  if (pushed_) driver_.cuCtxPopCurrent_v2(&popped);
}

}  // namespace hyperfit::cuda
