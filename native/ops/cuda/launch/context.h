#pragma once
#include <c10/core/Device.h>

#include <stdexcept>

#include "ops/cuda/launch/driver.h"

namespace hyperfit::cuda {

class DriverFailure : public std::runtime_error {
  using runtime_error::runtime_error;
};

/// Throws DriverFailure for a call that did not succeed.
inline void check(const Driver& driver, const char* call, Driver::Result result) {
  if (result != 0) throw DriverFailure(driver.failure(call, result));
}

/// The driver's number of a device. Throws DriverFailure where it has none.
int ordinal_of(const Driver& driver, c10::Device device);

/// The context that libtorch's runtime uses on a device. It holds it for as long as the process, and so does this.
Driver::Handle primary_context(const Driver& driver, c10::Device device);

/// Makes a context the current one of this thread for as long as it lives. It mostly is already, as libtorch's runtime uses the same.
class CurrentContext {
 public:
  CurrentContext(const Driver& driver, Driver::Handle wanted);
  ~CurrentContext();
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const Driver& driver_;
  bool pushed_ = false;
};

}  // namespace hyperfit::cuda
