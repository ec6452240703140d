#pragma once
#include <map>
#include <string>

namespace stand_in {

// Of CUresult.
constexpr int kInvalidValue = 1, kNoDevice = 100, kInvalidDevice = 101, kInvalidImage = 200, kInvalidContext = 201, kIllegalState = 401,
              kNotFound = 500, kIllegalAddress = 700, kUnsupported = 900, kInvalidated = 901;

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

/// What of graphs it was asked for since the last reset.
struct GraphCounts {
  int64_t captures = 0, made = 0, launches = 0, destroyed = 0;
};
GraphCounts& graph_counts();

/// The error that a call is to fail with, or 0.
int failure_of(const char* call);
/// That of the context which this thread uses, or -1.
int current_device();

}  // namespace stand_in

#define STAND_IN_CALL(name, ...) __attribute__((visibility("default"))) int name(__VA_ARGS__)
