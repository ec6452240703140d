#pragma once
#include <vector>

#include "engine/parameters.h"

namespace hyperfit {

/// What one optimizer trains, for as long as it lives. While a store has such, backwards compute the gradients of these parameters and of
/// no others, and go no deeper than the lowest layer among them; where it has none, they compute all.
class TrainedParameters {
 public:
  TrainedParameters(ParameterStore& store, std::vector<Parameter*> parameters);
  ~TrainedParameters() { store_.count_trainers(parameters_, -1); }
  TrainedParameters(const TrainedParameters&) = delete;
  TrainedParameters& operator=(const TrainedParameters&) = delete;

  /// Throws ERR_CONFIG unless a backward since the last update has left the gradients of all of them.
  void require_fresh_gradients() const;

 private:
  ParameterStore& store_;
  std::vector<Parameter*> parameters_;
};

}  // namespace hyperfit
