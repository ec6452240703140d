#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

// The scales of groups of numbers are searched for: a least-squares fit for each of a few trial roundings, the best kept. What is
// minimised, which roundings are tried and in which order sums are taken follow ggml (ggml-quants.c, quantize_row_q*_K_ref), so that the
// bits agree. For a file that is compiled with -ffp-contract=off, and for that alone.
namespace hyperfit {
namespace {

constexpr int kGroups = 8;
constexpr int kGroup = 32;
constexpr int kSmallGroups = 16;
constexpr int kSmallGroup = 16;
constexpr float kNothing = 1e-15f;

/// To the nearest whole number, ties to even: adding 1.5 * 2^23 leaves no bits below one.
int nearest(float value) {
  const float shifted = value + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return (bits & 0x007fffff) - 0x00400000;
}

int nearest_within(float value, int least, int most) { return std::clamp(nearest(value), least, most); }

/// A number of each of four groups. Their searches go in step, group beside group: each of them adds up in its own order, as ggml does, and
/// the processor, which waits for a sum before it adds to it, adds for all four at once.
constexpr int kLanes = 4;
using Floats = float __attribute__((vector_size(sizeof(float) * kLanes)));
using Ints = int32_t __attribute__((vector_size(sizeof(int32_t) * kLanes)));

void round_within(Ints& q, const Floats& value, int least, int most) {
  const Floats shifted = value + 12582912.0f;
  std::memcpy(&q, &shifted, sizeof(q));
  q = (q & 0x007fffff) - 0x00400000;
  q = q < least ? Ints{} + least : q;
  q = q > most ? Ints{} + most : q;
}

void to_floats(Floats& out, const Ints& q) { out = __builtin_convertvector(q, Floats); }

/// Numbers of four groups of `elements`, which lie one after the other.
template <int elements>
void lay_side_by_side(Floats (&out)[elements], const float* values) {
  for (int i = 0; i < elements; ++i) {
    for (int j = 0; j < kLanes; ++j) out[i][j] = values[elements * j + i];
  }
}

/// Of each group, value = scale * q - lowest.
struct Affine {
  Floats scale;
  /// Never negative.
  Floats lowest;
  Ints q[kGroup];
};

struct Weighted {
  Floats x[kGroup], weight[kGroup];

  /// Larger numbers count for more.
  explicit Weighted(const float* values) {
    lay_side_by_side(x, values);
    Floats squares{};
    for (const Floats& each : x) squares += each * each;
    Floats average;
    for (int j = 0; j < kLanes; ++j) average[j] = std::sqrt(squares[j] / kGroup);
    for (int i = 0; i < kGroup; ++i) weight[i] = average + (x[i] < 0 ? -x[i] : x[i]);
  }
};

/// What weighted least squares needs to know of each group.
struct GroupSums {
  Floats low, high, weight, value;

  explicit GroupSums(const Weighted& of) : low(of.x[0]), high(of.x[0]), weight(of.weight[0]), value(of.weight[0] * of.x[0]) {
    for (int i = 1; i < kGroup; ++i) {
      low = of.x[i] < low ? of.x[i] : low;
      high = high < of.x[i] ? of.x[i] : high;
      weight += of.weight[i];
      value += of.weight[i] * of.x[i];
    }
    low = 0 < low ? Floats{} : low;
  }
};

void squared_error(Floats& error, const Weighted& of, const Ints (&q)[kGroup], const Floats& scale, const Floats& offset) {
  Floats sum{}, rounded;
  for (int i = 0; i < kGroup; ++i) {
    to_floats(rounded, q[i]);
    const Floats difference = scale * rounded + offset - of.x[i];
    sum += of.weight[i] * (difference * difference);
  }
  error = sum;
}

void round_groups(Ints (&q)[kGroup], const Weighted& of, const Floats& inverse_scale, const Floats& low, int most) {
  for (int i = 0; i < kGroup; ++i) round_within(q[i], inverse_scale * (of.x[i] - low), 0, most);
}

/// The scale and offset that fit `q` best; no scale where all of a group's `q` are alike.
struct Fit {
  Ints found;
  Floats scale, offset;

  Fit(const Weighted& of, const Ints (&q)[kGroup], const GroupSums& sums) {
    Floats of_q{}, of_square{}, of_product{}, rounded;
    for (int i = 0; i < kGroup; ++i) {
      to_floats(rounded, q[i]);
      const Floats weighted = of.weight[i] * rounded;
      of_q += weighted;
      of_square += weighted * rounded;
      of_product += weighted * of.x[i];
    }
    const Floats determinant = sums.weight * of_square - of_q * of_q;
    found = determinant > 0;
    offset = (of_square * sums.value - of_q * of_product) / determinant;
    scale = offset > 0 ? of_product / of_square : (sums.weight * of_product - sums.value * of_q) / determinant;
    offset = offset > 0 ? Floats{} : offset;
  }
};

/// Takes over the groups of `from` that are better.
template <int elements>
void keep(Ints (&kept)[elements], const Ints (&from)[elements], const Ints& better) {
  for (int i = 0; i < elements; ++i) kept[i] = better ? from[i] : kept[i];
}

/// Tries `trials` + 1 grids of `most` steps and up to `first` fewer, a tenth of a step apart.
void search_affine(Affine& found, const float* values, int most, float first, int trials) {
  const Weighted of(values);
  const GroupSums sums(of);
  Floats offset = sums.low, inverse_scale = static_cast<float>(most) / (sums.high - sums.low), scale = 1 / inverse_scale, best, error;
  Ints q[kGroup];
  round_groups(found.q, of, inverse_scale, offset, most);
  squared_error(best, of, found.q, scale, offset);
  // The grid that is rounded on moves along with the best fit, as in ggml.
  for (int trial = 0; trial <= trials; ++trial) {
    const float steps = first + 0.1f * static_cast<float>(trial) + static_cast<float>(most);
    inverse_scale = steps / (sums.high - offset);
    round_groups(q, of, inverse_scale, offset, most);
    const Fit fit(of, q, sums);
    squared_error(error, of, q, fit.scale, fit.offset);
    const Ints better = fit.found & (error < best);
    best = better ? error : best;
    scale = better ? fit.scale : scale;
    offset = better ? fit.offset : offset;
    keep(found.q, q, better);
  }
  const Ints is_flat = sums.high == sums.low;
  found.scale = is_flat ? Floats{} : scale;
  found.lowest = is_flat ? -sums.low : -offset;
  const Ints none[kGroup] = {};
  keep(found.q, none, is_flat);
}

/// Of each group, scale * (q - 32), with q from 0 to 63.
struct Symmetric {
  Floats scale;
  Ints q[kSmallGroup];
};

/// One trial grid of the scale search: least squares, weighted by the squares of the numbers.
struct SymmetricFit {
  Floats of_product{}, of_square{};
  Ints q[kSmallGroup];

  SymmetricFit(const Floats (&x)[kSmallGroup], const Floats& inverse_scale) {
    Floats rounded;
    for (int i = 0; i < kSmallGroup; ++i) {
      round_within(q[i], inverse_scale * x[i], -32, 31);
      to_floats(rounded, q[i]);
      const Floats weight = x[i] * x[i];
      of_product += weight * x[i] * rounded;
      of_square += weight * rounded * rounded;
      q[i] += 32;
    }
  }
};

void search_symmetric(Symmetric& found, const float* values) {
  Floats x[kSmallGroup], extreme{}, magnitude{};
  lay_side_by_side(x, values);
  for (const Floats& each : x) {
    const Floats own = each < 0 ? -each : each;
    extreme = own > magnitude ? each : extreme;
    magnitude = own > magnitude ? own : magnitude;
  }
  const SymmetricFit first(x, -32.0f / extreme);
  found.scale = first.of_square != 0 ? first.of_product / first.of_square : Floats{};
  std::copy(first.q, first.q + kSmallGroup, found.q);
  Floats best = found.scale * first.of_product;
  for (int trial = -9; trial <= 9; ++trial) {
    if (trial == 0) continue;
    const SymmetricFit fit(x, -(32.0f + 0.1f * static_cast<float>(trial)) / extreme);
    const Ints better = (fit.of_square > 0) & (fit.of_product * fit.of_product > best * fit.of_square);
    found.scale = better ? fit.of_product / fit.of_square : found.scale;
    best = better ? found.scale * fit.of_product : best;
    keep(found.q, fit.q, better);
  }
  const Ints is_nothing = magnitude < kNothing;
  const Ints none[kSmallGroup] = {};
  found.scale = is_nothing ? Floats{} : found.scale;
  keep(found.q, none, is_nothing);
}

}  // namespace
}  // namespace hyperfit
