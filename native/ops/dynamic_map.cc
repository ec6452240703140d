#include "ops/dynamic_map.h"

#include <cmath>
#include <vector>

namespace hyperfit {
namespace {

constexpr double kLowest = 0.1;  // of a decade whose end is 1

/// Magnitudes in their order, and the places of their decades.
std::vector<double> magnitudes_of(DynamicMap& map, int steps) {
  std::vector<double> magnitudes{0.0};
  for (int decade = 0; decade < DynamicMap::kDecades; ++decade, steps *= 2) {
    const double size = std::pow(10.0, decade + 1 - DynamicMap::kDecades), width = (1 - kLowest) / steps;
    map.first[decade] = static_cast<float>(magnitudes.size());
    map.most[decade] = static_cast<float>(steps - 1);
    map.slope[decade] = static_cast<float>(1 / (size * width));
    map.offset[decade] = static_cast<float>(-kLowest / width);
    for (int step = 0; step < steps; ++step) magnitudes.push_back(size * (kLowest + width * (step + 0.5)));
  }
  magnitudes.push_back(1.0);
  return magnitudes;
}

DynamicMap map_of(bool is_signed) {
  DynamicMap map{};
  const std::vector<double> magnitudes = magnitudes_of(map, is_signed ? 1 : 2);
  map.largest = static_cast<int>(magnitudes.size()) - 1;
  map.lowest = is_signed ? map.largest - 1 : 0;  // 256 codes leave none for -1
  map.zero = map.lowest;
  for (int number = 0; number <= map.largest; ++number) {
    const double magnitude = magnitudes[number];
    map.values[map.zero + number] = static_cast<float>(magnitude);
    if (number <= map.lowest) map.values[map.zero - number] = static_cast<float>(-magnitude);
    if (number < map.largest) map.edges[number] = static_cast<float>((magnitude + magnitudes[number + 1]) / 2);
  }
  for (int decade = 0; decade < DynamicMap::kDecades; ++decade) map.above[decade] = map.edges[static_cast<int>(map.first[decade]) - 1];
  return map;
}

}  // namespace

const DynamicMap& DynamicMap::of_signed() {
  static const DynamicMap map = map_of(true);
  return map;
}

const DynamicMap& DynamicMap::of_unsigned() {
  static const DynamicMap map = map_of(false);
  return map;
}

}  // namespace hyperfit
