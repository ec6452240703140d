#pragma once
#include <map>
#include <string>

namespace stand_in {

/// What the driver was asked to do since the last reset.
struct Launched {
  int64_t launches = 0;
  int64_t blocks = 0;
};

struct Settings {
  int devices = 0;  // 0: it serves none, and whoever asks computes without it
  int major = 9, minor = 0;
  std::map<std::string, int> failures;  // error by call
  int unloadable_code = 0;              // the error of loading machine code, where PTX would load
};

Settings& settings();
std::map<std::string, Launched>& launched();
/// "machine code" or "PTX" of each module loaded since the last reset.
std::map<std::string, int64_t>& loaded();
/// The stream of the last launch.
int64_t last_stream();

/// Finds the guarded device's module, which has to be loaded. Throws std::runtime_error where it is not.
void attach(const std::string& guard_module);

}  // namespace stand_in
