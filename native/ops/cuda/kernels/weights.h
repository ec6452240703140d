#pragma once
#include "choice.h"

namespace hyperfit::cuda {

using Mass = unsigned long long;

HYPERFIT_FUNCTION Mass add_masses(Mass a, Mass b) { return a + b; }

HYPERFIT_FUNCTION double weight_of(const RowWeights& row, float score) {
  return exp((static_cast<double>(score) - row.best) * row.sharpness);
}

/// What weighs less than half a mass has none.
HYPERFIT_FUNCTION Mass mass_of(const RowWeights& row, float score) { return static_cast<Mass>(weight_of(row, score) * row.of_mass + 0.5); }

/// Infinitely many bins a score, where all that have a mass score alike, are the last one.
HYPERFIT_FUNCTION int bin_at(const RowWeights& row, double distance) {
  const double at = distance * row.bins_a_score;
  return at < kMassBins - 1 ? static_cast<int>(at) : kMassBins - 1;
}
HYPERFIT_FUNCTION int bin_of(const RowWeights& row, float score) { return bin_at(row, row.best - static_cast<double>(score)); }

/// Once for all that ask: divisions beside much else would cost memory of each thread's own.
HYPERFIT_FUNCTION RowWeights weights_of(const PartScores& found, const TokenDraw& draw, int scale) {
  constexpr double kLogOfTwo = 0.69314718055994531;
  const double best = found.score, all = best - static_cast<double>(found.least), heavy = (scale + 1) * kLogOfTwo * draw.temperature;
  const double width = (all < heavy ? all : heavy) / kMassBins;
  return {best, fmin(1 / draw.temperature, 1e300), static_cast<double>(Mass{1} << scale), width, 1 / width};
}

}  // namespace hyperfit::cuda
