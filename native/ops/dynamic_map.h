#pragma once
#include <array>
#include <cstdint>

namespace hyperfit {

constexpr int64_t kMomentBlock = 256;  // moments in 8 bits that share a scale

/// How a block of 256 moments is written in 8 bits: each as a code of its share of the largest magnitude in the block. Codes ascend with
/// the values they stand for. Magnitudes are 0, the middles of even steps of each of seven decades, each decade with half as many steps as
/// the one above, and 1. Source: dynamic tree quantisation, Dettmers 2016 (arXiv 1511.04561), by blocks in Dettmers et al. 2022 (arXiv
/// 2110.02861); the values are those of bitsandbytes' create_dynamic_map.
struct DynamicMap {
  static constexpr int kDecades = 7;

  int zero;                        // the code of 0: 127 of a signed map, 0 of an unsigned one
  int largest;                     // codes from it up to 1
  int lowest;                      // and down to the lowest value
  std::array<float, 256> values;   // by code
  std::array<float, 255> edges;    // halfway from each magnitude to the next, `largest` of them; a share that is no larger belongs below

  // By decade: the edge that its shares lie above, and within it magnitude number first + min(most, share x slope + offset), without
  // fractions.
  std::array<float, kDecades> above, slope, offset, first, most;

  /// Of first moments, within [-1, 1].
  static const DynamicMap& of_signed();
  /// Of second moments, within [0, 1].
  static const DynamicMap& of_unsigned();
};

}  // namespace hyperfit
