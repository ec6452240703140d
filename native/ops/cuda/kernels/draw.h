#pragma once
#include "weights.h"

namespace hyperfit::cuda {

// One draw from candidates in falling order of their scores, the lowest id first on ties, without sorting them: bins say how much stands
// before each of them, and within one bin candidates are held against each other.

constexpr int kMostCandidates = 1024;  // of a bin, that are held against each other

struct Candidate {
  float score;
  int id;
  Mass mass;
};

/// A row that draws: its scores [size], and its bins [kMassBins]. Of bin `last` those from `least` on are candidates, of the bins behind it
/// none.
struct Lottery {
  const float* scores;
  const MassBin* bins;
  Index size;
  const RowWeights& weights;
  float least;
  int last;
  Mass last_mass;

  HYPERFIT_FUNCTION Mass mass(int bin) const { return bin < last ? bins[bin].mass : (bin == last ? last_mass : 0); }
};

/// The bin, or -1, in which a running sum passes `target`, and the sum before it.
struct Crossing {
  int bin;
  Mass before;
};

template <class Value>
HYPERFIT_FUNCTION Crossing find_bin(Value value, Mass target) {
  constexpr int kEach = kMassBins / kThreads, kGroup = 16, kGroups = kThreads / kGroup;
  HYPERFIT_SHARED Mass sums[kThreads], group_sums[kGroups];
  HYPERFIT_SHARED Crossing found;
  each_thread([&](int thread) {
    if (thread == 0) found = {-1, 0};
    Mass sum = 0;
#pragma unroll 1
    for (int i = 0; i < kEach; ++i) sum += value(thread * kEach + i);
    sums[thread] = sum;
  });
  barrier();
  each_thread([&](int thread) {
    if (thread >= kGroups) return;
    Mass sum = 0;
#pragma unroll 1
    for (int i = 0; i < kGroup; ++i) sum += sums[thread * kGroup + i];
    group_sums[thread] = sum;
  });
  barrier();
  each_thread([&](int thread) {
    Mass before = 0;
#pragma unroll 1
    for (int i = 0; i < thread / kGroup; ++i) before += group_sums[i];
#pragma unroll 1
    for (int i = thread / kGroup * kGroup; i < thread; ++i) before += sums[i];
    if (target < before || target - before >= sums[thread]) return;
    int bin = thread * kEach;
#pragma unroll 1
    for (Mass mass = value(bin); target - before >= mass; mass = value(++bin)) before += mass;
    found = {bin, before};
  });
  barrier();
  const Crossing result = found;
  barrier();  // the next search writes to the same memory
  return result;
}

/// use(score, id) of a thread's share of the candidates in a bin. Scores that lie outside are left out in float32, so many at a time that
/// enough reads are in flight, and those at the edge in float64.
template <class Use>
HYPERFIT_FUNCTION void each_candidate(const Lottery& row, int bin, int thread, Use use) {
  constexpr int kTogether = 16;
  const double width = row.weights.width, start = row.weights.best - bin * width;
  const double slack = 1e-6 * (fabs(row.weights.best) + kMassBins * width);
  const float high = static_cast<float>(start + slack), low = bin == kMassBins - 1 ? -kInfinity : static_cast<float>(start - width - slack);
#pragma unroll 1
  for (Index first = thread; first < row.size; first += kThreads * kTogether) {
    unsigned inside = 0;
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const Index at = first + i * kThreads;
      const float score = at < row.size ? row.scores[at] : -kInfinity;
      inside |= (score >= low && score <= high ? 1U : 0U) << i;
    }
#pragma unroll 1
    for (Index id = first; inside != 0; inside >>= 1, id += kThreads) {
      if ((inside & 1U) == 0 || id >= row.size) continue;
      const float score = row.scores[id];
      if (score > -kInfinity && score >= row.least && bin_of(row.weights, score) == bin) use(score, static_cast<int>(id));
    }
  }
}

/// Rising from the best candidate on.
HYPERFIT_FUNCTION Mass order_of(float score, int id) {
  const auto bits = __builtin_bit_cast(unsigned, score == 0 ? 0.0f : score);
  const unsigned rising = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  return Mass{~rising} << 32 | static_cast<unsigned>(id);
}

HYPERFIT_FUNCTION float score_at(Mass order) {
  const unsigned rising = ~static_cast<unsigned>(order >> 32);
  return __builtin_bit_cast(float, (rising & 0x80000000U) != 0 ? rising & 0x7FFFFFFFU : ~rising);
}

/// What narrows the candidates, in this order; the draw comes last.
enum Cut { kTopK, kTopP, kMinP, kDraw };

/// A candidate at which a running sum passed its target, the sum up to it and with it, and the mass of all of its bin that score as high.
struct Found {
  float score;
  int id;
  Mass through, level;
};

/// Of more candidates than can be held against each other: what is left of their order is halved until it is one. Of kMinP `score` is
/// known.
HYPERFIT_FUNCTION Found halve(const Lottery& row, const Crossing& crossing, Mass target, Cut cut, float score) {
  bool counts = cut == kTopK;
  Mass low = cut == kMinP ? order_of(score, kNoId) : 0, high = cut == kMinP ? low : ~Mass{0};
#pragma unroll 1
  while (true) {
    const Mass middle = low + (high - low) / 2;
    const auto until_middle = [&](int thread) {
      Mass sum = 0;
      each_candidate(row, crossing.bin, thread, [&](float one, int id) {
        const Mass mass = order_of(one, id) <= middle ? mass_of(row.weights, one) : 0;
        sum += counts && mass > 0 ? 1 : mass;
      });
      return sum;
    };
    const Mass sum = crossing.before + gather<Mass>(until_middle, add_masses);
    if (low < high) {
      const bool passes = sum > target;
      high = passes ? middle : high;
      low = passes ? low : middle + 1;
    } else if (counts) {
      counts = false;
      low = high = order_of(score_at(low), kNoId);
    } else {
      return {score_at(low), static_cast<int>(low & 0xFFFFFFFFU), sum, sum - crossing.before};
    }
  }
}

/// Looks into the bin of a crossing for the candidate at which masses, or numbers of candidates in kTopK, pass `target`. Of kMinP `score`
/// is known.
HYPERFIT_FUNCTION Found look_into(const Lottery& row, const Crossing& crossing, Mass target, Cut cut, float score) {
  HYPERFIT_SHARED Candidate list[kMostCandidates];
  HYPERFIT_SHARED int count;
  HYPERFIT_SHARED Found found;
  each_thread([&](int thread) {
    if (thread != 0) return;
    count = 0;
    found = {score, 0, 0, 0};
  });
  barrier();
  each_thread([&](int thread) {
    each_candidate(row, crossing.bin, thread, [&](float one, int id) {
      const Mass mass = mass_of(row.weights, one);
      const int at = mass > 0 ? next_of(count) : kMostCandidates;
      if (at < kMostCandidates) list[at] = {one, id, mass};
    });
  });
  barrier();
  const int there = count;
  if (there > kMostCandidates) return halve(row, crossing, target, cut, score);
  each_thread([&](int thread) {
#pragma unroll 1
    for (int i = thread; i < there && cut != kMinP; i += kThreads) {
      const Candidate one = list[i];
      Mass before = crossing.before;
#pragma unroll 1
      for (int j = 0; j < there; ++j) {
        if (is_better(list[j].score, list[j].id, one.score, one.id)) before += cut == kTopK ? 1 : list[j].mass;
      }
      const Mass through = before + (cut == kTopK ? 1 : one.mass);
      if (before <= target && target < through) found = {one.score, one.id, through, 0};
    }
  });
  barrier();
  Found result = found;
  const auto as_high = [&](int thread) {
    Mass sum = 0;
#pragma unroll 1
    for (int i = thread; i < there; i += kThreads) sum += list[i].score >= result.score ? list[i].mass : 0;
    return sum;
  };
  result.level = gather<Mass>(as_high, add_masses);  // a barrier: the next look writes to the same memory
  return result;
}

HYPERFIT_FUNCTION Mass total_of(const Lottery& row) {
  const auto of_thread = [&](int thread) {
    Mass sum = 0;
#pragma unroll 1
    for (int bin = thread; bin < kMassBins; bin += kThreads) sum += row.mass(bin);
    return sum;
  };
  return gather<Mass>(of_thread, add_masses);
}

/// The lowest score that weighs at least so much.
HYPERFIT_FUNCTION float least_score(const RowWeights& row, double weight) {
  Mass low = order_of(static_cast<float>(row.best), 0) >> 32, high = 0xFFFFFFFFU;
#pragma unroll 1
  while (low < high) {
    const Mass middle = low + (high - low + 1) / 2;
    const float score = score_at(middle << 32);
    const bool weighs = score == score && weight_of(row, score) >= weight;
    low = weighs ? middle : low;
    high = weighs ? high : middle - 1;
  }
  return score_at(low << 32);
}

/// The id that `uniform` in [0, 1) draws of what top-k, top-p and min-p leave. Ties with the k-th score stay; top-p ends where the rest
/// holds no more than 1 - p, min-p at the first that weighs less than its share of the best; the best stays always.
HYPERFIT_FUNCTION int draw_from(Lottery& row, const TokenDraw& draw, double uniform, int best) {
  Mass kept = 0;
  int id = best;
#pragma unroll 1
  for (int cut = draw.top_k >= 1 && draw.top_k < static_cast<double>(row.size) ? kTopK : kTopP; cut <= kDraw; ++cut) {
    const Mass total = total_of(row);
    Mass target = 0;
    float score = 0;
    Crossing crossing{-1, 0};
    if (cut == kTopK) target = static_cast<Mass>(draw.top_k) - 1;
    if (cut == kTopP) {
      kept = total;
      if (draw.top_p >= 1) continue;
      const auto rest = static_cast<Mass>((1 - draw.top_p) * static_cast<double>(total));
      target = rest < total ? total - rest - 1 : 0;
    }
    if (cut == kDraw) {
      const auto wanted = static_cast<Mass>(uniform * static_cast<double>(kept));
      target = wanted < kept ? wanted : kept - 1;
    }
    if (cut == kMinP) {
      if (draw.min_p <= 0) continue;
      score = least_score(row.weights, draw.min_p);
      crossing.bin = bin_of(row.weights, score);
      if (crossing.bin > row.last || score <= row.least) continue;
    } else {
      crossing = find_bin([&](int bin) { return cut == kTopK ? row.bins[bin].count : row.mass(bin); }, target);
    }
    if (crossing.bin < 0) continue;
    const Found found = look_into(row, crossing, target, static_cast<Cut>(cut), score);
    if (cut == kDraw) id = found.id;
    if (cut == kTopP) kept = found.through;
    if (cut != kTopK && cut != kMinP) continue;
    row.least = found.score;
    row.last = crossing.bin;
    row.last_mass = found.level;
    if (cut == kTopK) continue;
    const Mass likely = total_of(row);
    kept = likely < kept ? likely : kept;
  }
  return id;
}

}  // namespace hyperfit::cuda
