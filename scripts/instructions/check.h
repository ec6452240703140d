#pragma once
// What the checks share: ways to compute, numbers, comparison.
#include <c10/util/BFloat16.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ops/cpu/lanes/instruction_set.h"

namespace check {

using c10::BFloat16;

/// What kernels compute with. Emulated tiles are the oracle of the processor's, to the bit.
enum class Way { emulated_tiles, amx, avx512_bf16, avx512, avx2, plain };
/// From here on. False where this processor cannot.
bool use(Way way);
const char* name_of(Way way);

/// Counts one check, and says which one failed.
void expect(bool good, const std::string& what);

struct Count {
  int checks = 0, faults = 0;
};
Count counted();

std::mt19937& numbers();

template <class T>
std::vector<T> draw(int64_t count) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<T> x(count);
  for (T& value : x) value = uniform(numbers());
  return x;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// What a sum of so many products of numbers that were drawn usually has: its standard deviation.
inline double usual_sum(int64_t terms) { return std::sqrt(static_cast<double>(terms)) / 3; }

/// The largest difference, in units of the largest number that is expected, but of no less than `least`: a single sum may come to nearly
/// nothing. Infinity where something is not finite.
template <class T>
double distance(const std::vector<T>& actual, const std::vector<double>& expected, double least = 1e-30) {
  double most = 0, size = least;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double value = static_cast<float>(actual[i]);
    most = std::max(most, std::isfinite(value) ? std::fabs(value - expected[i]) : INFINITY);
    size = std::max(size, std::fabs(expected[i]));
  }
  return most / size;
}

/// What no kernel leaves standing.
constexpr float kUntouched = 777;

// The checks.
void check_instruction();
void check_products();
void check_few_rows();
void check_attention();
void check_lanes();

}  // namespace check
